// Files made to break the check: each is refused with its name, or fails for the right reason.

import FloatingPointFormats
import RotaryAttention
import TensorIO
import Testing

@testable import DriftChecks

@Suite struct HostileTensorTests {
  private let input = Result { try smallInput(tokens: 24) }
  private let embedding = Result { try smallEmbedding() }

  private func tensors(_ kinds: Set<String> = ["cos", "sin", "rotated_q", "rotated_k"]) throws -> [String:
    StoredValues]
  {
    try emulated("hf-bf16", on: input.get(), embedding.get()).filter { name, _ in
      name != "positions" && kinds.contains(String(name.split(separator: ".").last!))
    }
  }

  private func verdict(_ tensors: [String: StoredValues], _ rules: [TensorComparator] = []) throws
    -> TensorVerdict
  {
    try check(tensors, on: input.get(), embedding.get(), "hf-bf16", accuracy: rules)
  }

  private func expectRefusal(_ tensors: [String: StoredValues], _ words: String...) throws {
    #expect {
      try verdict(tensors)
    } throws: { error in
      error is ComparisonInputError && words.allSatisfy { "\(error)".contains($0) }
    }
  }

  @Test func nothingToCheckIsRefused() throws {
    try expectRefusal([:], "found none of them")
    try expectRefusal(
      ["layers.0.rotated_query": StoredValues(type: .f32, shape: [1], values: [0])], "layers.0.rotated_query",
      "did you mean 'layers.0.rotated_q'")
    try expectRefusal(
      ["layers.9.cos": StoredValues(type: .f32, shape: [1], values: [0])],
      "layer 9 is not among the checked layers 0, 1")
  }

  @Test func missingAndExtraTensorsAreNamed() throws {
    var theirs = try tensors(["cos"])
    theirs["layers.07.cos"] = StoredValues(type: .f32, shape: [1], values: [0])
    theirs["weights"] = StoredValues(type: .f32, shape: [1], values: [0])
    let found = try verdict(theirs)
    #expect(found.passes)
    #expect(found.check.kernel.missing.count == 12)
    #expect(found.check.kernel.extra.count == 2)
    #expect(found.check.kernel.extra.contains { $0.hasPrefix("layers.07.cos (") })
    let text = found.text(replay: ReplayCommand(input: nil, flags: []))
    #expect(
      text.contains(
        "not checked, because theirs.safetensors does not hold it: layers.0.sin, layers.0.rotated_q"))
    #expect(text.contains("weights"))
  }

  @Test(arguments: [
    ("layers.0.cos", [23, 8]), ("layers.0.cos", [24, 4]), ("layers.1.sin", [24]),
    ("layers.0.rotated_q", [4, 24, 8]),
    ("layers.0.rotated_q", [24, 4, 16]), ("layers.1.rotated_k", [4, 24, 16]), ("layers.0.cos", [0, 8]),
    ("layers.0.logits", [4, 24, 23]),
    ("layers.0.output", [4, 24]), ("layers.0.probabilities", [24, 24]),
  ])
  func shapesThatDoNotFitAreRefused(_ name: String, _ shape: [Int]) throws {
    var theirs = try tensors()
    theirs[name] = StoredValues(
      type: .f32, shape: shape, values: Array(repeating: 0, count: shape.reduce(1, *)))
    try expectRefusal(theirs, name, "expected the shape", "found \(shape)")
  }

  @Test func aBatchDimensionIsExplained() throws {
    var theirs = try tensors()
    theirs["layers.0.rotated_k"]!.shape.insert(1, at: 0)
    try expectRefusal(theirs, "layers.0.rotated_k", "leave out the batch dimension")
  }

  @Test func positionsAreWholeNumbersOfEveryToken() throws {
    func with(_ values: [Double]) throws -> [String: StoredValues] {
      var theirs = try tensors(["cos"])
      theirs["positions"] = StoredValues(type: .f64, shape: [values.count], values: values)
      return theirs
    }
    try expectRefusal(with(Array(repeating: 0, count: 23)), "positions", "[24]", "[23]")
    var values = (0..<24).map(Double.init)
    for (bad, words) in [
      (0.5, "0.5 at index 7"), (.nan, "nan at index 7"), (.infinity, "inf at index 7"),
      (0x1p60, "at index 7"),
    ] {
      values[7] = bad
      try expectRefusal(with(values), "positions", words)
    }
    // Negative, huge, repeated and unordered ones are positions.
    let limit = 1 << 53
    values = (0..<24).map { (index: Int) -> Double in
      index.isMultiple(of: 2) ? Double(-index * 1000) : Double(limit - index / 2 * 2)
    }
    // (At 2^53 the recipe's own fp32 angles are off by anything: a fixed limit it is.)
    let lenient = try verdict(with(values))
    #expect(lenient.passes)
    #expect(lenient.tensors[0].remarks.contains { $0.contains("so that the flash rule allows much") })
    let found = try verdict(with(values), [.ulp(4)])
    #expect(!found.passes)
    #expect(found.check.kernel.positions[3] == limit - 2)
  }

  @Test func aNaNFailsEveryRule() throws {
    for kind in ["cos", "rotated_q", "logits"] {
      var theirs = try tensors([kind])
      let name = "layers.1.\(kind)"
      // Index 100 of logits is masked: row 4 sees keys 0 to 4.
      theirs[name]!.values[kind == "logits" ? 4 * 24 + 2 : 100] = .nan
      let found = try verdict(
        theirs, [.tolerance(absolute: .greatestFiniteMagnitude, relative: 1), .cosine(-1)])
      #expect(!found.passes)
      let failure = try #require(found.firstFailure)
      #expect(failure.tensor.name == name)
      #expect(failure.result.minimumTolerance.isEmpty)
      #expect(failure.result.remark?.contains("1 value is NaN or infinite") == true)
    }
    var all = try tensors(["cos"])
    for name in all.keys { all[name]!.values = all[name]!.values.map { _ in .nan } }
    #expect(try verdict(all).firstFailure?.result.firstFailingRow == 0)
  }

  @Test func maskedLogitsAreNotLookedAt() throws {
    var theirs = try tensors(["logits"])
    for name in theirs.keys {
      for head in 0..<4 {
        for query in 0..<24 {
          for key in query + 1..<24 {
            theirs[name]!.values[(head * 24 + query) * 24 + key] = key % 2 == 0 ? .nan : 7
          }
        }
      }
    }
    #expect(try check(theirs, on: input.get(), embedding.get(), "hf-bf16", require: .both).passes)
  }

  @Test func wellKnownMistakesAreNamed() throws {
    let plain = try tensors()
    var swapped = plain
    for layer in 0..<2 {
      (swapped["layers.\(layer).cos"], swapped["layers.\(layer).sin"]) = (
        plain["layers.\(layer).sin"], plain["layers.\(layer).cos"]
      )
    }
    let exchanged = try verdict(swapped)
    #expect(exchanged.firstFailure?.tensor.tensor.kind == .cosine)
    #expect(exchanged.hints.contains { $0.hasPrefix("layers.0.cos matches sine and cosine exchanged") })

    // The same q and k rotated in the other layout.
    let other = try emulated(
      "hf-bf16", on: input.get(), smallEmbedding(layout: .interleaved), tensors: [.rotatedQuery, .rotatedKey]
    )
    .filter { $0.key != "positions" }
    let interleaved = try verdict(other)
    #expect(interleaved.firstFailure?.tensor.tensor.kind == .rotatedQuery)
    #expect(interleaved.hints.contains { $0.contains("layers.0.rotated_q matches the other layout") })

    // Positions off by one, without saying so.
    let later = try emulated(
      "hf-bf16", on: input.get(), embedding.get(), shift: 1, tensors: [.cosine, .rotatedKey]
    )
    .filter { $0.key != "positions" }
    let moved = try verdict(later)
    #expect(moved.hints.contains { $0.hasPrefix("layers.0.cos matches positions that are greater by one") })
    #expect(
      moved.hints.contains { $0.hasPrefix("layers.1.rotated_k matches positions that are greater by one") })
    #expect(try verdict(plain).hints.isEmpty)
  }

  @Test func tolerancesBelowTheFormatAreWarnedOf() throws {
    let found = try verdict(tensors(["rotated_q"]), [.tolerance(absolute: 1e-6, relative: 0)])
    #expect(found.tensors[0].remarks.contains { $0.contains("a correctly rounded result can fail it") })
    let wide = try verdict(tensors(["rotated_q"]), [.tolerance(absolute: 0.1, relative: 0.1)])
    #expect(!wide.tensors[0].remarks.contains { $0.contains("correctly rounded result") })
  }

  @Test func shortTestsAreWarnedOf() throws {
    var found = try verdict(tensors(["cos"]))
    #expect(found.warnings.contains { $0.contains("no position beyond 23 is tested") })
    #expect(found.warnings.contains { $0.contains("holds no positions") })
    found.modelLength = 131_072
    #expect(found.warnings.contains { $0.contains("end at 23, and the model reaches 131071") })
    found.modelLength = 24
    #expect(!found.warnings.contains { $0.contains("errors of angles") })
  }

  @Test func metadataThatSaysOtherwiseIsWarnedOf() throws {
    for (metadata, expected) in [
      (
        [
          "rope.layout": "interleaved", "rope.base": "10000.0", "rope.rotary_size": "16",
          "rope.scaling": "none",
        ], ["rope.layout"]
      ),
      (["rope.base": "500000", "rope.scaling": "linear:factor=4"], ["rope.base", "rope.scaling"]), ([:], []),
    ] {
      var writer = SafetensorsWriter(metadata: metadata)
      let cosine = try tensors(["cos"])["layers.0.cos"]!
      try writer.add("layers.0.cos", cosine.type, shape: cosine.shape, values: cosine.values)
      let kernel = try KernelTensors(
        SafetensorsFile(bytes: writer.bytes(), named: "theirs.safetensors"), layers: input.get().layerShapes,
        embedding: embedding.get())
      let found = try TensorCheck(
        input: input.get(), kernel: kernel, embedding: embedding.get(), recipe: .everythingExact()
      ).run(threads: 1)
      #expect(found.warnings.filter { $0.contains("it is checked with") }.count == expected.count)
      for key in expected { #expect(found.warnings.contains { $0.contains("says \(key) '") }) }
    }
  }

  @Test func binary64LogitsAreCompared() throws {
    var theirs = try tensors(["logits"])
    for name in theirs.keys { theirs[name]!.type = .f64 }
    let found = try verdict(theirs, [.ulp(0x1p60)])
    #expect(found.tensors[0].differences.format == .fp64)
    #expect(found.tensors[0].remarks.contains { $0.contains("half a unit in its last place") })
    #expect(found.passesParity)
  }
}
