// Reading softmax and output stages: what does not fit together is refused with its place.

import EmulatedEngine
import FloatingPointFormats
import Foundation
import Testing

@Suite struct AttentionRecipeTests {
  private static func text(_ name: String) throws -> String {
    // A recipe of one half, written out, to break at one place.
    let base = try #require(RecipeRegistry.json(ofRecipe: "fa2-bf16"))
    let part = try String(
      contentsOf: URL(filePath: #filePath).deletingLastPathComponent().appending(
        path: "../../Sources/EmulatedEngine/Recipes/Attention/\(name).attention.json"), encoding: .utf8)
    let stages = part.split(separator: "\n").filter { line in
      ["\"dot\"", "\"logit\"", "\"softmax\"", "\"probability\"", "\"output\""].contains {
        line.hasPrefix("  " + $0)
      }
    }.map { $0.replacingOccurrences(of: "\"model\"", with: "\"bf16\"") }
    let rotary = base.split(separator: "\n").filter { line in
      !["}", ""].contains(String(line))
        && !["\"dot\"", "\"logit\"", "\"softmax\"", "\"probability\"", "\"output\""].contains {
          line.hasPrefix("  " + $0)
        }
    }
    return (rotary.map(String.init) + stages).joined(separator: "\n") + "\n}"
  }

  @Test(arguments: [
    ("hf-eager", "\"fullRow\"", "\"fullrow\"", "softmax.algorithm", "did you mean 'fullRow'"),
    ("hf-eager", "\"fullRow\"", "\"fullRow\", \"tile\": 64", "softmax.tile", "no tiles"),
    ("hf-eager", "\"fullRow\"", "\"online\", \"tile\": 64", "softmax.normalization", "output.normalization"),
    ("hf-eager", "\"exp\"", "\"exp2\"", "softmax.exponent", "missing"),
    (
      "hf-eager", "\"exp\"", "\"exp2Fused\", \"exponent\": \"fp32\"", "softmax.exponential",
      "insideExponential"
    ),
    ("hf-eager", "\"exp\",", "\"exp\", \"log2e\": \"fp32\",", "softmax.log2e", "nothing"),
    (
      "hf-eager", "\"order\": \"sequential\", \"format\": \"fp32\" }, \"norm",
      "\"order\": \"tensorCore(4,0,toward-zero)\", \"format\": \"fp32\" }, \"norm", "softmax.sum.order",
      "lanes"
    ),
    (
      "hf-eager", "\"order\": \"sequential\", \"format\": \"fp32\" }, \"norm",
      "\"order\": \"exact\", \"format\": \"fp32\" }, \"norm", "softmax.sum.order", "together"
    ),
    (
      "hf-eager", "\"order\": \"sequential\", \"format\": \"fp32\" }, \"norm",
      "\"order\": \"sequential\", \"laneWidth\": 2, \"format\": \"fp32\" }, \"norm", "softmax.sum.laneWidth",
      "lanes(n)"
    ),
    (
      "hf-eager", "\"order\": \"sequential\", \"format\": \"fp32\" }, \"norm",
      "\"order\": \"sequential\", \"tiles\": \"running\", \"format\": \"fp32\" }, \"norm",
      "softmax.sum.tiles", "full row"
    ),
    (
      "hf-eager", "\"divide\"", "\"divide\", \"reciprocal\": \"fp32\"", "softmax.normalization.reciprocal",
      "divide"
    ),
    ("hf-eager", "\"divide\"", "\"reciprocal\"", "softmax.normalization.reciprocal", "missing"),
    ("hf-eager", "\"accumulator\": \"fp32\"", "\"accumulator\": \"exact\"", "output.order", "together"),
    (
      "hf-eager", "\"accumulator\": \"fp32\"", "\"rescaling\": \"fp32\", \"accumulator\": \"fp32\"",
      "output.rescaling", "online"
    ),
    ("hf-eager", "\"accumulator\"", "\"acumulator\"", "output.acumulator", "did you mean 'accumulator'"),
    (
      "hf-eager", "{ \"order\": \"sequential\", \"accumulator\"",
      "{ \"order\": \"sequentially\", \"accumulator\"", "output.order", "did you mean 'sequential"
    ),
    ("flash-attn-2", "{ \"64\": 128, \"otherwise\": 64 }", "0", "softmax.tile", "from 1"),
    (
      "flash-attn-2", "{ \"64\": 128, \"otherwise\": 64 }", "{ \"64\": 128 }", "softmax.tile.otherwise",
      "an integer"
    ),
    (
      "flash-attn-2", "{ \"64\": 128, \"otherwise\": 64 }", "{ \"big\": 128, \"otherwise\": 64 }",
      "softmax.tile.big", "unknown key"
    ),
    ("flash-attn-2", "\"descending\"", "\"down\"", "softmax.tileOrder", "descending"),
    ("flex", "\"diagonalFirst(128)\"", "\"diagonalFirst(96)\"", "softmax.tileOrder", "divides"),
    ("flash-attn-2", "\"tiles\": \"running\", ", "", "softmax.sum.tiles", "missing"),
    ("flash-attn-2", "\"exp2Fused\"", "\"exp2\"", "softmax.exponential", "as logit.exponent is"),
    ("sdpa-flash", "\"exp2\"", "\"exp2Fused\"", "softmax.exponential", "logit.exponent exact"),
    (
      "flash-attn-2", "\"output\": { \"order\": \"sequential\"", "\"output\": { \"order\": \"pairwise\"",
      "output.order", "running accumulator"
    ),
    ("flash-attn-2", "\"rescaling\": \"fp32\", ", "", "output.rescaling", "missing"),
  ])
  func whatDoesNotFitIsRefusedWithItsPlace(
    half: String, found: String, replacement: String, place: String, message: String
  ) throws {
    let text = try Self.text(half)
    _ = try Recipe(json: Data(text.utf8), origin: "mine.json")
    let broken = text.replacingOccurrences(of: found, with: replacement)
    try #require(broken != text)
    let error = #expect(throws: RecipeError.self) { try Recipe(json: Data(broken.utf8), origin: "mine.json") }
    let words = error?.description ?? ""
    #expect(words.contains("'\(place)'"), "\(words)")
    #expect(words.contains(message), "\(words)")
  }

  @Test func anOnlineSoftmaxNeedsAnOutputStage() throws {
    let lines = try Self.text("flash-attn-2").components(separatedBy: "\n").filter {
      !$0.hasPrefix("  \"output\"")
    }
    let broken = lines.joined(separator: "\n").replacingOccurrences(of: "} }\n}", with: "} }\n}")
      .replacingOccurrences(
        of: "\"probability\": { \"format\": \"bf16\" },", with: "\"probability\": { \"format\": \"bf16\" }")
    let error = #expect(throws: RecipeError.self) { try Recipe(json: Data(broken.utf8), origin: "mine.json") }
    #expect(
      error?.description.contains("an online softmax is normalized in it") == true,
      "\(error?.description ?? "")")
  }

  @Test func aMatrixUnitNeedsStoredOperands() throws {
    let text = try Self.text("hf-eager-a100")
    let broken = text.replacingOccurrences(
      of: "\"input\": { \"format\": \"bf16\" }", with: "\"input\": { \"format\": \"exact\" }")
    try #require(broken != text)
    let error = #expect(throws: RecipeError.self) { try Recipe(json: Data(broken.utf8), origin: "mine.json") }
    #expect(error?.description.contains("valueOperand") == true, "\(error?.description ?? "")")
  }

  /// Chains are told apart by name, and every stage has one.
  @Test func everyChainHasAName() throws {
    let recipe = try RecipeRegistry.named("hf-llama/flash-attn-2/bf16")
    let names = recipe.chains.map(\.stage)
    #expect(
      names.drop { $0 != "softmax.exponent" } == [
        "softmax.exponent", "softmax.difference", "softmax", "softmax.sum", "probability",
        "output.accumulator",
        "output.rescaling", "output.normalization.reciprocal", "output.normalization", "output",
      ])
  }
}
