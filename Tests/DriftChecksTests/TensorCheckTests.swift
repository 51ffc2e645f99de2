// Tensors of recipes as those of another implementation: equal to themselves everywhere, and measured as a plain computation does.

import ArbitraryPrecision
import EmulatedEngine
import FloatingPointFormats
import ReferenceEngine
import RotaryAttention
import TensorIO
import Testing

@testable import DriftChecks

@Suite struct TensorCheckTests {
  @Test(arguments: [
    ("hf-bf16", "bf16"), ("hf-fp16", "fp16"), ("fp32", "fp32"), ("table-bf16", "bf16"),
    ("meta-llama/meta/bf16", "bf16"),
    ("ggml-cpu/ggml-fa-cpu/fp16", "fp16"), ("hf-llama/torch-cpu/bf16", "bf16"),
  ])
  func aRecipeAgreesWithItself(_ recipe: String, _ type: String) throws {
    // Whole heads at small positions and on both sides of zero, the last queries of some far out.
    for (tokens, queries, rotarySize, layout, shift) in [
      (12, 12, 16, RotaryLayout.halfSplit, -7), (8, 5, 12, .interleaved, 1_000_003),
    ] {
      let input = try smallInput(tokens: tokens, queries: queries, type: type)
      let embedding = try smallEmbedding(rotarySize: rotarySize, layout: layout)
      let tensors = try emulated(
        recipe, on: input, embedding, shift: shift, tensors: Set(StoredTensor.allCases))
      let verdict = try check(tensors, on: input, embedding, recipe, require: .both)
      #expect(verdict.passes, "\(verdict.text(replay: ReplayCommand(input: nil, flags: [])))")
      #expect(verdict.tensors.count == 14)
      for tensor in verdict.tensors {
        #expect(tensor.parityDifferences?.mismatchCount == 0)
        #expect(tensor.parityDifferences?.histogram.equal == tensor.parityDifferences?.count)
        // The tensor is the recipe's: their errors are the same number.
        #expect(tensor.differences.worstAbsolute == tensor.recipeDifferences?.worstAbsolute)
      }
    }
  }

  @Test func stochasticRecipesDrawTheSameWords() throws {
    let input = try smallInput(queries: 40)
    let embedding = try smallEmbedding()
    // Any recipe whose rotated vectors are rounded at random, by token, channel, layer and head.
    var recipe = try RecipeRegistry.named("hf-bf16")
    recipe.rotated = RoundingChain([.bf16], rounding: .stochastic(seed: 5))
    recipe.rotation.rounding = RoundingChain([.fp32], rounding: .stochastic(seed: 6))
    recipe.table = RoundingChain([.bf16], rounding: .stochastic(seed: 7))
    recipe.logit.rounding = RoundingChain([.bf16], rounding: .stochastic(seed: 8))
    let emulation = try Emulation(recipe: recipe, embedding: embedding, scale: .inverseSquareRootOfHeadSize)
    let positions = try TokenPositions(tokens: 48, shift: 3)
    let table = try RotaryTable.tables(for: [emulation], positions: positions, threads: 1)[0]
    var values: [Double] = []
    for head in 0..<4 {
      values += try emulation.storedVectors(
        InputMatrix(
          input.queries(layer: 1, head: head), emulation: emulation, side: .query, layer: 1, head: head),
        table: table, firstRow: 8, side: .query, layer: 1, head: head)!
    }
    let kernel = try KernelTensors(
      file(["layers.1.rotated_q": StoredValues(type: .bf16, shape: [4, 40, 16], values: values)]),
      layers: input.layerShapes, embedding: embedding, shift: 3)
    let verdict = try TensorCheck(
      input: input, kernel: kernel, embedding: embedding, recipe: recipe, require: .parity
    ).run(threads: 2)
    #expect(verdict.passesParity)
  }

  /// Errors as a plain loop over exact reals finds them.
  @Test func errorsAreThoseOfAPlainComputation() throws {
    let input = try smallInput(tokens: 9, queries: 4, size: 8)
    let embedding = try smallEmbedding(size: 8, rotarySize: 6)
    let positions = [5, 0, 131_071, -2, 70, 71, 72, 3, 1_000_000]
    let problem = try ReferenceProblem(embedding: embedding, scale: .inverseSquareRootOfHeadSize)
    var tensors = try emulated(
      "hf-bf16", on: input, embedding, tensors: [.cosine, .rotatedKey, .rotatedQuery])
    tensors["positions"] = StoredValues(type: .f64, shape: [9], values: positions.map(Double.init))
    tensors = tensors.filter { $0.key == "positions" || $0.key.hasPrefix("layers.1") }
    let verdict = try check(
      tensors, on: input, embedding, "hf-bf16", accuracy: [.ulp(1)], layers: [1], threads: 1)
    for tensor in verdict.tensors {
      var greatest = 0.0
      var greatestUlp = 0.0
      let stored = tensors[tensor.name]!
      func take(_ value: Double, _ exact: ExactReal) throws {
        let error = FloatingPointFormat.fp64.rounded(
          try ExactReal.sum([ExactReal(value), -exact]).exactValue()
        ).magnitude
        greatest = max(greatest, error)
        let reference = FloatingPointFormat.fp64.rounded(try exact.exactValue())
        greatestUlp = max(greatestUlp, error / FloatingPointFormat.bf16.unitInLastPlace(at: reference)!)
      }
      switch tensor.tensor.kind {
      case .cosine:
        for (token, position) in positions.enumerated() {
          for pair in 0..<3 {
            try take(
              stored.values[token * 3 + pair], problem.angles.angle(position: position, pair: pair).cosine)
          }
        }
      case .rotatedKey, .rotatedQuery:
        let isQuery = tensor.tensor.kind == .rotatedQuery
        let (heads, rows) = isQuery ? (4, 4) : (2, 9)
        for head in 0..<heads {
          let vectors = try input.read(isQuery ? .query : .key, layer: 1, head: head)
          for row in 0..<rows {
            let exact = problem.rotated(
              Array(vectors[row * 8..<(row + 1) * 8]), position: positions[row + (isQuery ? 5 : 0)])
            for channel in 0..<8 {
              try take(stored.values[(head * rows + row) * 8 + channel], exact[channel])
            }
          }
        }
      default: Issue.record("not asked for")
      }
      #expect(tensor.differences.worstAbsolute?.figure == greatest, "\(tensor.name)")
      #expect(tensor.differences.worstUlp?.figure == greatestUlp, "\(tensor.name)")
    }
  }

  @Test func logitsAreHeldToCertifiedScoresAtAnyPositions() throws {
    let input = try smallInput(tokens: 6, queries: 3, size: 8)
    let embedding = try smallEmbedding(size: 8)
    let positions = [0, 40, 41, 1_000_000, 2, 131_071]
    let problem = try ReferenceProblem(embedding: embedding, scale: .inverseSquareRootOfHeadSize)
    let emulation = try Emulation(
      recipe: RecipeRegistry.named("hf-bf16"), embedding: embedding, scale: .inverseSquareRootOfHeadSize)
    var values: [Double] = []
    var greatest = 0.0
    for head in 0..<4 {
      for query in 0..<3 {
        for key in 0..<6 {
          // Masked places hold rubbish, which nobody may look at.
          guard key <= query + 3 else {
            values.append(key == 5 ? .nan : 1e30)
            continue
          }
          let q = try input.read(.query, layer: 0, head: head, tokens: query..<query + 1)
          let k = try input.read(.key, layer: 0, head: head / 2, tokens: key..<key + 1)
          let exact = problem.relativeFormScore(
            query: q, key: k, queryPosition: positions[query + 3], keyPosition: positions[key])!
          let score = try emulation.score(
            query: q, key: k, queryPosition: positions[query + 3], keyPosition: positions[key]
          ).logit.binary64()
          values.append(score)
          greatest = max(
            greatest, abs(score - FloatingPointFormat.fp64.rounded(try exact.exactValue())))
        }
      }
    }
    let verdict = try check(
      [
        "layers.0.logits": StoredValues(type: .bf16, shape: [4, 3, 6], values: values),
        "positions": StoredValues(type: .f64, shape: [6], values: positions.map(Double.init)),
      ], on: input, embedding, "hf-bf16", require: .both)
    #expect(verdict.passes, "\(verdict.text(replay: ReplayCommand(input: nil, flags: [])))")
    #expect(verdict.tensors[0].differences.count == 4 * (4 + 5 + 6))
    #expect(verdict.tensors[0].differences.worstAbsolute?.figure == greatest)
  }

  @Test func noBitDependsOnThreads() throws {
    // More tokens than one unit of work and more queries than one tile.
    let input = try smallInput(tokens: 300, queries: 40, size: 4)
    let embedding = try smallEmbedding(size: 4)
    let tensors = try emulated("hf-bf16", on: input, embedding)
    let texts = try [1, 2, 5].map { threads in
      try check(
        tensors, on: input, embedding, "fp32", accuracy: [.normalizedMeanSquare(0), .cosine(1)],
        threads: threads
      )
      .json(replay: ReplayCommand(input: nil, flags: []))
    }
    #expect(texts[0] == texts[1] && texts[1] == texts[2])
  }

  @Test func tablesMayHoldEveryValueTwice() throws {
    let input = try smallInput(tokens: 20)
    let embedding = try smallEmbedding()
    let single = try emulated("hf-bf16", on: input, embedding, tensors: [.cosine, .sine])
    for (pairing, place) in [
      (TablePairing.halves, { (column: Int) in column % 8 }), (.neighbours, { (column: Int) in column / 2 }),
    ] {
      var doubled = single
      for (name, tensor) in single where name != "positions" {
        doubled[name] = StoredValues(
          type: tensor.type, shape: [20, 16],
          values: (0..<320).map { tensor.values[$0 / 16 * 8 + place($0 % 16)] })
      }
      let verdict = try check(doubled, on: input, embedding, "hf-bf16", require: .both)
      #expect(verdict.passes)
      #expect(verdict.tensors.allSatisfy { $0.tensor.pairing == pairing })
      // One copy that differs is no pairing at all.
      doubled["layers.0.cos"]!.values[19 * 16 + 9] = 0.5
      #expect {
        try check(doubled, on: input, embedding, "hf-bf16")
      } throws: { error in
        "\(error)".contains("layers.0.cos") && "\(error)".contains("[19, ")
      }
    }
  }

  @Test func widerAndNarrowerFormatsCompareValues() throws {
    let input = try smallInput(tokens: 12)
    let embedding = try smallEmbedding()
    var wide = try emulated("hf-bf16", on: input, embedding, tensors: [.rotatedKey])
    for name in wide.keys where name != "positions" { wide[name]!.type = .f32 }
    let verdict = try check(wide, on: input, embedding, "hf-bf16", require: .parity)
    #expect(verdict.passes)
    #expect(verdict.tensors[0].remarks.contains { $0.contains("parity compares values") })
    // fp32 values rounded to bf16 are other values.
    var narrow = try emulated("fp32", on: input, embedding, tensors: [.rotatedKey])
    for name in narrow.keys where name != "positions" { narrow[name]!.type = .bf16 }
    let other = try check(narrow, on: input, embedding, "fp32", accuracy: [.ulp(1)])
    #expect(!other.passesParity)
    #expect(other.passesAccuracy)
    #expect(other.tensors[0].remarks.contains { $0.contains("does not hold all of its values") })
  }

  @Test func whatTheRecipeLeavesExactIsRoundedOnce() throws {
    let input = try smallInput(tokens: 12)
    let embedding = try smallEmbedding()
    let recipe = try Recipe.everythingExact()
    let kernelTensors = try emulated(
      "hf-bf16", on: input, embedding, tensors: [.cosine, .rotatedQuery, .logits])
    let kernel = try KernelTensors(
      file(kernelTensors), layers: input.layerShapes, embedding: embedding)
    let verdict = try TensorCheck(input: input, kernel: kernel, embedding: embedding, recipe: recipe).run(
      threads: 1)
    for tensor in verdict.tensors {
      #expect(tensor.remarks.contains { $0.contains("leaves \(tensor.tensor.kind.rawValue) unrounded") })
      // Rounded once from the exact value: half a unit at most.
      #expect(tensor.recipeDifferences!.worstUlp!.figure <= 0.5)
      #expect(tensor.recipeDifferences!.mismatchCount == 0)
    }
  }

  @Test func theFirstStageAndPositionThatFailAreNamed() throws {
    let input = try smallInput(tokens: 64)
    let embedding = try smallEmbedding()
    var tensors = try emulated("hf-bf16", on: input, embedding)
    // One element of the keys at token 37 and one of the logits, which come later.
    tensors["layers.1.rotated_k"]!.values[(1 * 64 + 37) * 16 + 3] += 8
    tensors["layers.0.logits"]!.values[2 * 64 * 64 + 50 * 64 + 2] += 8
    let verdict = try check(tensors, on: input, embedding, "hf-bf16", shift: 0)
    let failure = try #require(verdict.firstFailure)
    #expect(failure.tensor.name == "layers.1.rotated_k")
    #expect(failure.result.firstFailingRow == 37)
    #expect(failure.result.exceedingCount == 1)
    #expect(failure.tensor.tensor.coordinates(ofIndex: failure.result.worst!.place.index) == [1, 37, 3])
    let message = verdict.message(
      failure, replay: ReplayCommand(input: "in.safetensors", flags: ["--recipe", "hf-bf16"]))
    #expect(message.contains("stage rotated, tensor layers.1.rotated_k, first at position 37 (token 37)"))
    #expect(
      message.contains(
        "replay: ropedrift score in.safetensors --layer 1 --head 2 --query 63 --key 37 --query-position 63 --key-position 37 --recipe hf-bf16"
      ))
    #expect(verdict.failures(.accuracy).count == 2)
    #expect(!verdict.passes)
    #expect(
      try check(
        tensors, on: input, embedding, "hf-bf16",
        accuracy: failure.result.minimumTolerance + [.mismatches(1 << 40)]
      ).tensors
        .first { $0.name == "layers.1.rotated_k" }!.passesAccuracy)
  }
}

extension Recipe {
  /// A recipe of which no stage rounds.
  static func everythingExact() throws -> Recipe {
    var recipe = try RecipeRegistry.named("fp32").roundedOnce
    recipe.name = "exact"
    recipe.logit.rounding = .exact
    recipe.probability = .exact
    return recipe
  }
}
