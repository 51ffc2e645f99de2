// `emulate`: the file, element by element against the plain tier, and everything that can be wrong before it is made.

import Foundation
import RoPEDrift
import RoPEDriftCommands
import Testing

@Suite struct EmulateTests {
  private let scratch: ScratchFolder
  private let small =
    "synthetic:normal,heads=4,kv_heads=2,tokens=6,query_tokens=4,head_dim=6,rotary_size=4,layers=2"

  init() throws { scratch = try ScratchFolder() }

  private var path: String { scratch.path + "/out.safetensors" }

  private var entries: [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: scratch.path).sorted()) ?? []
  }

  private func emulate(_ arguments: String...) -> CommandResult {
    ropedrift(["emulate"] + arguments + ["-o", path])
  }

  private func values(_ file: SafetensorsFile, _ name: String, shape: [Int], type: TensorElementType) throws
    -> [Double]
  {
    let tensor = try file.tensor(named: name)
    #expect(tensor.shape == shape, "\(name)")
    #expect(tensor.elementType == type, "\(name)")
    return try tensor.elements()
  }

  @Test(arguments: [
    ("hf-llama-bf16", TensorElementType.bf16, TensorElementType.bf16, TensorElementType.bf16),
    ("meta-llama-cpu-fp16", .f32, .f16, .f16), ("hf-llama/sdpa-math/bf16", .bf16, .bf16, .f32),
    ("fp32", .f32, .f32, .f32),
  ])
  func everyElementIsThePlainTiers(
    name: String, table: TensorElementType, vectors: TensorElementType, logits: TensorElementType
  ) throws {
    let result = emulate(
      small, "--recipe", name, "--shift", "70000", "--layers", "1", "--tensors",
      "cos,sin,rotated_q,rotated_k,logits")
    #expect(result.exit == .done, "\(result.talk)")
    #expect(entries == ["out.safetensors"])
    let file = try SafetensorsFile(path: path)
    #expect(file.tensors.count == 6)
    let cosines = try values(file, "layers.1.cos", shape: [6, 2], type: table)
    let sines = try values(file, "layers.1.sin", shape: [6, 2], type: table)
    let rotatedQueries = try values(file, "layers.1.rotated_q", shape: [4, 4, 6], type: vectors)
    let rotatedKeys = try values(file, "layers.1.rotated_k", shape: [2, 6, 6], type: vectors)
    let scores = try values(file, "layers.1.logits", shape: [4, 4, 6], type: logits)
    let input = try AttentionInput.open(small)
    let emulation = try Emulation(
      recipe: RecipeRegistry.named(name),
      embedding: RotaryEmbedding(
        headSize: 6, rotarySize: 4, base: NumberLiteral(10000), layout: .halfSplit),
      scale: .inverseSquareRootOfHeadSize)
    func same(_ stored: Double, _ stage: StageValue, _ what: String) throws {
      #expect(try stored.bitPattern == stage.binary64().bitPattern, "\(what)")
    }
    for head in 0..<4 {
      let queries = try input.queries(layer: 1, head: head)
      let keys = try input.keys(layer: 1, kvHead: head / 2)
      for query in 0..<4 {
        for key in 0..<6 {
          let stored = scores[(head * 4 + query) * 6 + key]
          // Queries are the last four of six tokens.
          guard key <= query + 2 else {
            #expect(stored == -.infinity)
            continue
          }
          let plain = try emulation.score(
            query: Array(queries[query * 6..<query * 6 + 6]), key: Array(keys[key * 6..<key * 6 + 6]),
            queryPosition: 70002 + query, keyPosition: 70000 + key)
          try same(stored, plain.logit, "logit \(head) \(query) \(key)")
          for channel in 0..<6 {
            try same(
              rotatedQueries[(head * 4 + query) * 6 + channel], plain.query.rotated[channel], "rotated_q")
            try same(
              rotatedKeys[(head / 2 * 6 + key) * 6 + channel], plain.key.rotated[channel], "rotated_k")
          }
          for pair in 0..<2 {
            try same(cosines[key * 2 + pair], plain.key.table[pair].cosine, "cos")
            try same(sines[(query + 2) * 2 + pair], plain.query.table[pair].sine, "sin")
          }
        }
      }
    }
  }

  @Test func positionsAndMetadataSayWhatWasComputed() throws {
    let result = emulate(small, "--recipe", "hf-llama-bf16", "--shift", "-3", "--json")
    #expect(result.exit == .done, "\(result.talk)")
    let bytes = try #require(FileManager.default.contents(atPath: path))
    let json = try #require(JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    #expect(json["bytes"] as? Int == bytes.count)
    #expect(json["recipe"] as? String == "hf-llama-bf16")
    let file = try SafetensorsFile(path: path)
    let positions = try file.tensor(named: "positions")
    #expect(positions.elementType == .i64 && positions.shape == [6])
    // −3 … 2, little-endian.
    let words = (-3...2).flatMap { position in
      (0..<8).map { UInt8(truncatingIfNeeded: Int64(position) >> (8 * $0)) }
    }
    #expect(Array(bytes[positions.byteRange]) == words)
    #expect(
      file.tensors.map(\.name).sorted()
        == (0..<2).flatMap { n in ["cos", "rotated_k", "rotated_q", "sin"].map { "layers.\(n).\($0)" } }
        + ["positions"])
    let metadata = file.metadata
    let recipe = try Recipe(json: Data((metadata["recipe"] ?? "").utf8), origin: "metadata")
    #expect(try recipe == RecipeRegistry.named("hf-llama-bf16"))
    let sameWords = [
      "stage": "emulated", "rope.layout": "half-split", "rope.base": "10000", "rope.rotary_size": "4",
      "rope.scaling": "none", "scale": "1/sqrt(head size)", "softcap": "none", "mask": "full", "shift": "-3",
      "input.sha256": try AttentionInput.open(small).identity(),
      "ropedrift.version": RoPEDriftVersion.current,
    ]
    for (key, value) in sameWords { #expect(metadata[key] == value, "\(key)") }
    #expect(metadata["rounded"] == nil)
  }

  @Test func theSameCommandGivesTheSameBytesForAnyNumberOfThreads() throws {
    var contents: [Data?] = []
    for threads in ["1", "3"] {
      let result = emulate(
        small, "--recipe", "hf-bf16", "--tensors", "logits,cos", "--threads", threads, "--force")
      #expect(result.exit == .done, "\(result.talk)")
      contents.append(FileManager.default.contents(atPath: path))
    }
    #expect(contents[0] != nil && contents[0] == contents[1])
  }

  /// flash-attn-2 folds the scale into an exponent of two and stores no logit.
  @Test func anExactStageIsRefusedOrRoundedOnce() throws {
    let arguments = [small, "--recipe", "hf-llama/flash-attn-2/bf16", "--tensors", "logits", "--layers", "0"]
    let refused = ropedrift(["emulate"] + arguments + ["-o", path])
    #expect(refused.exit == .wrongUsage)
    #expect(
      refused.talk.contains("leaves logits exact (its stage 'logit' rounds nothing)"), "\(refused.talk)")
    #expect(entries.isEmpty)
    let result = ropedrift(["emulate"] + arguments + ["--format", "fp16", "-o", path])
    #expect(result.exit == .done, "\(result.talk)")
    let file = try SafetensorsFile(path: path)
    #expect(file.metadata["rounded"] == #"{"logits":"fp16"}"#)
    let stored = try values(file, "layers.0.logits", shape: [4, 4, 6], type: .f16)
    let input = try AttentionInput.open(small)
    let emulation = try Emulation(
      recipe: RecipeRegistry.named("hf-llama/flash-attn-2/bf16"),
      embedding: RotaryEmbedding(
        headSize: 6, rotarySize: 4, base: NumberLiteral(10000), layout: .halfSplit),
      scale: .inverseSquareRootOfHeadSize)
    let exact = try emulation.score(
      query: Array(input.queries(layer: 0, head: 3)[18..<24]),
      key: Array(input.keys(layer: 0, kvHead: 1)[0..<6]), queryPosition: 5, keyPosition: 0
    ).logit.exactValue()
    #expect(FloatingPointFormat.fp16.rounded(exact) == stored[(3 * 4 + 3) * 6])
  }

  @Test func aFileThatTheCommandDidNotWriteIsNotReplaced() throws {
    _ = try scratch.file("out.safetensors", Array("not mine".utf8))
    let result = emulate(small, "--recipe", "fp32", "--force")
    #expect(result.exit == .wrongUsage)
    #expect(result.talk.contains("was not written by 'ropedrift emulate'"), "\(result.talk)")
    #expect(FileManager.default.contents(atPath: path) == Data("not mine".utf8))
    let capture = scratch.path + "/capture.safetensors"
    try AttentionInput.open(small).safetensors().write(to: capture)
    let same = ropedrift("emulate", capture, "--recipe", "fp32", "-o", capture, "--force")
    #expect(same.exit == .wrongUsage)
    #expect(entries == ["capture.safetensors", "out.safetensors"])
  }

  @Test(arguments: [
    (["--recipe", "fp32", "--recipe", "hf-bf16"], "the tensors of one recipe, found 2"),
    ([], "the tensors of one recipe, found 0"),
    (["--recipe", "fp32", "--tensors", "rotatedq"], "knows no 'rotatedq' (did you mean 'rotated_q'?)"),
    (["--recipe", "fp32", "--tensors", ""], "knows no ''"),
    (["--recipe", "fp32", "--layers", "2"], "has no layer 2; it has 0-1"),
    (["--recipe", "fp32", "--shift", "1.5"], "expected an integer within ±2^53"),
    (["--recipe", "fp32", "--shift", "9007199254740991"], "2^53"),
    (["--recipe", "fp32", "--format", "fp16"], "--format fp16 has no effect"),
    (["--recipe", "fp32", "--format", "fp17"], "fp17"),
    (["--recipe", "fp32", "--stored-frequencies"], "concerns the exact score"),
    (["--recipe", "flashinfer-bf16"], "flashinfer"),
    (
      ["--rotary", "hf-llama", "--type", "bf16", "--attention", "nothing"], "unknown attention half 'nothing'"
    ),
  ])
  func wrongUsage(_ flags: [String], _ message: String) {
    let result = ropedrift(["emulate", small] + flags + ["-o", path])
    #expect(result.exit != .done)
    #expect(result.output.isEmpty)
    #expect(result.talk.contains(message), "\(result.talk)")
    #expect(entries.isEmpty)
  }

  @Test func placesThatCannotBeWritten() {
    let missing = ropedrift("emulate", small, "--recipe", "fp32", "-o", scratch.path + "/no/out.safetensors")
    #expect(missing.exit == .wrongUsage)
    #expect(missing.talk.contains("does not exist; make it first"))
    let stream = ropedrift("emulate", small, "--recipe", "fp32", "-o", "-")
    #expect(stream.exit == .wrongUsage)
    #expect(stream.talk.contains("name a file"))
    #expect(emulate(small, "--recipe", "fp32").exit == .done)
    let twice = emulate(small, "--recipe", "fp32")
    #expect(twice.exit == .wrongUsage)
    #expect(twice.talk.contains("exists already"))
  }
}
