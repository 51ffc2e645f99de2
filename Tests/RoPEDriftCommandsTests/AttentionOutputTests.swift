// Probabilities and outputs as commands and reports have them: the file of `emulate`, the recipe as JSON, the rows of a report.

import Foundation
import RoPEDrift
import RoPEDriftCommands
import Testing

@Suite struct AttentionOutputTests {
  private let scratch: ScratchFolder
  private let small =
    "synthetic:normal,heads=4,kv_heads=2,tokens=6,query_tokens=4,head_dim=6,rotary_size=4,layers=2"

  init() throws { scratch = try ScratchFolder() }

  private func emulation(_ name: String) throws -> Emulation {
    try Emulation(
      recipe: RecipeRegistry.named(name),
      embedding: RotaryEmbedding(headSize: 6, rotarySize: 4, base: NumberLiteral(10000), layout: .halfSplit),
      scale: .inverseSquareRootOfHeadSize)
  }

  /// The plain tier's row of a query of layer 1 at a shift of 70000.
  private func plainRow(
    _ emulation: Emulation, _ input: AttentionInput, head: Int, query: Int
  ) throws -> PlainAttentionRow {
    let q = Array(try input.queries(layer: 1, head: head)[query * 6..<query * 6 + 6])
    let (keys, values) = try (
      input.keys(layer: 1, kvHead: head / 2), input.values(layer: 1, kvHead: head / 2)
    )
    let seen = 0..<query + 3
    let readsScores = emulation.recipe.softmax?.readsScores(emulation.recipe.logit) == true
    let inputs = try seen.map { key in
      let score = try emulation.score(
        query: q, key: Array(keys[key * 6..<key * 6 + 6]), queryPosition: 70002 + query,
        keyPosition: 70000 + key)
      return try (readsScores ? score.storedScore : score.logit).binary64()
    }
    let operands = EmulatedValues(
      InputMatrix(values, emulation: emulation, side: .value, layer: 1, head: head / 2), emulation: emulation,
      layer: 1, head: head / 2)
    return try emulation.attentionRow(
      inputs, keys: seen, values: seen.map(operands.operands(ofToken:)),
      place: ScorePlace(query: query, layer: 1, head: head))
  }

  @Test(arguments: [
    ("hf-bf16", TensorElementType.bf16, TensorElementType.bf16), ("fp32", .f64, .f32),
    ("hf-llama/hf-eager/fp16", .f16, .f16), ("hf-llama/flash-attn-2/bf16", .f64, .bf16),
    ("hf-llama/sdpa-math/bf16", .f32, .bf16), ("hf-llama/ggml-fa-cpu/fp16", .f64, .f32),
  ]) func aFileHoldsThePlainTiersProbabilitiesAndOutputs(
    name: String, probabilityType: TensorElementType, outputType: TensorElementType
  ) throws {
    let path = scratch.path + "/out.safetensors"
    let result = ropedrift([
      "emulate", small, "--recipe", name, "--shift", "70000", "--layers", "1", "--tensors",
      "probabilities,output", "-o", path,
    ])
    #expect(result.exit == .done, "\(result.talk)")
    let file = try SafetensorsFile(path: path)
    #expect(file.tensors.count == 3)
    let p = try file.tensor(named: "layers.1.probabilities")
    let o = try file.tensor(named: "layers.1.output")
    #expect(p.shape == [4, 4, 6] && o.shape == [4, 4, 6])
    #expect(p.elementType == probabilityType && o.elementType == outputType)
    let (probabilities, outputs) = (try p.elements(), try o.elements())
    let input = try AttentionInput.open(small)
    let emulation = try emulation(name)
    for head in 0..<4 {
      for query in 0..<4 {
        let row = try plainRow(emulation, input, head: head, query: query)
        let place = (head * 4 + query) * 6
        #expect(Array(probabilities[place..<place + query + 3]) == row.probabilities)
        #expect(probabilities[(place + query + 3)..<(place + 6)].allSatisfy { $0.bitPattern == 0 })
        #expect(
          try outputs[place..<place + 6].map(\.bitPattern) == row.output.map { try $0.binary64().bitPattern })
      }
    }
  }

  @Test func tilesOfASizeThatIsAskedFor() throws {
    let name = "hf-llama/flash-attn-2/bf16"
    let path = scratch.path + "/tiles.safetensors"
    let result = ropedrift([
      "emulate", small, "--recipe", name, "--tile", "2", "--tile-order", "ascending", "--shift", "70000",
      "--layers", "1", "--tensors", "output", "-o", path,
    ])
    #expect(result.exit == .done, "\(result.talk)")
    #expect(result.output.contains("recipe \(name)+tile2+ascending, shift 70000"))
    let file = try SafetensorsFile(path: path)
    let outputs = try file.tensor(named: "layers.1.output").elements()
    let input = try AttentionInput.open(small)
    let recipe = try RecipeRegistry.named(name).withTiles(of: 2, order: .ascending)
    let emulation = try Emulation(
      recipe: recipe,
      embedding: RotaryEmbedding(
        headSize: 6, rotarySize: 4, base: NumberLiteral(10000), layout: .halfSplit),
      scale: .inverseSquareRootOfHeadSize)
    for head in 0..<4 {
      for query in 0..<4 {
        let row = try plainRow(emulation, input, head: head, query: query)
        let place = (head * 4 + query) * 6
        #expect(
          try outputs[place..<place + 6].map(\.bitPattern) == row.output.map { try $0.binary64().bitPattern })
      }
    }
  }

  @Test(arguments: [
    (["--tile", "0"], "hf-llama/flash-attn-2/bf16", "a tile of 0 keys"),
    (["--tile", "-4"], "hf-llama/flash-attn-2/bf16", "a tile of -4 keys"),
    (["--tile", "64"], "hf-llama/hf-eager/bf16", "takes the softmax of whole rows"),
    (["--tile", "48"], "hf-llama/flex/bf16", "do not divide the blocks of 128 keys"),
    (["--tile-order", "sideways"], "hf-llama/flex/bf16", "unknown order of tiles 'sideways'"),
  ]) func tilesThatCannotBeAreRefused(flags: [String], name: String, message: String) {
    let result = ropedrift(
      ["emulate", small, "--recipe", name, "-o", scratch.path + "/none.safetensors"] + flags)
    #expect(result.exit == .wrongUsage)
    #expect(result.talk.contains(message), "\(result.talk)")
  }

  @Test func aMisspeltTensorIsAnsweredWithTheNearest() {
    let result = ropedrift([
      "emulate", small, "--recipe", "fp32", "--tensors", "outputs", "-o", scratch.path + "/x",
    ])
    #expect(result.exit == .wrongUsage && result.talk.contains("did you mean 'output'"), "\(result.talk)")
  }

  @Test func everyRecipeReadsBackFromItsJSON() throws {
    var recipes = RecipeRegistry.all
    for part in RecipePart.attention where part.refusal == nil {
      for type in part.types {
        recipes.append(try RecipeRegistry.composed(rotary: "meta-llama", attention: part.name, type: type))
      }
    }
    for recipe in recipes {
      let text = JSONText.text(of: recipe.jsonValue)
      #expect(try Recipe(json: Data(text.utf8), origin: "mine.json") == recipe, "\(recipe.name)")
      #expect(ropedrift(["recipes", recipe.name]).exit == .done)
    }
  }

  /// A report's probabilities are those of the recipe's softmax stage, and no bound of one half holds for them.
  @Test(arguments: ["hf-llama/hf-eager/bf16", "hf-llama/flash-attn-2/bf16", "hf-llama/flex/bf16"])
  func aReportTakesTheSoftmaxStage(name: String) throws {
    let input = try AttentionInput.open(
      "synthetic:normal,heads=1,kv_heads=1,tokens=40,head_dim=8,layers=1,seed=3")
    let emulation = try Emulation(
      recipe: RecipeRegistry.named(name),
      embedding: RotaryEmbedding(headSize: 8, base: NumberLiteral(10000), layout: .halfSplit),
      scale: .inverseSquareRootOfHeadSize)
    let results = try DriftExperiment(
      input: input, embedding: emulation.embedding, recipes: [emulation.recipe],
      comparisons: [ShiftPair(0, 1000)]
    ).run(threads: 2)
    var sum = 0.0
    var rows: [[Double]] = []
    for shift in [0, 1000] {
      let positions = try TokenPositions(tokens: 40, shift: shift)
      let table = try RotaryTable.tables(for: [emulation], positions: positions, threads: 1)[0]
      func matrix(_ values: [Double], _ side: VectorPlace.Side) -> InputMatrix {
        InputMatrix(values, emulation: emulation, side: side, layer: 0, head: 0)
      }
      let keys = try EmulatedKeys(
        matrix(input.keys(layer: 0, kvHead: 0), .key), emulation: emulation, table: table, layer: 0, head: 0)
      let head = try EmulatedHead(
        matrix(input.queries(layer: 0, head: 0), .query), keys: keys, emulation: emulation, table: table,
        firstRow: 0, layer: 0, head: 0)
      var p = [Double](repeating: 0, count: 40 * 40)
      try p.withUnsafeMutableBufferPointer {
        try head.attention(
          queries: 0..<40, keys: (0..<40).map { 0..<$0 + 1 }, values: nil, probabilities: $0, stride: 40)
      }
      rows.append(p)
    }
    for (a, b) in zip(rows[0], rows[1]) { sum += abs(a - b) }
    let found = try #require(results.recipes[0].comparisons[0].totals.probability.sumOfMagnitudes)
    #expect(abs(found - sum) <= sum * 1e-12 && sum > 0)
    #expect(results.recipes[0].shareBound == .none)
  }
}
