import EmulatedEngine
import FloatingPointFormats
import Foundation
import RotaryAttention
import Testing

@Suite struct RecipePartTests {
  @Test(arguments: RecipePart.Kind.allCases)
  func everyHalfComposesInEveryTypeThatItNames(kind: RecipePart.Kind) throws {
    #expect(Set(RecipePart.all(kind).map(\.name)).count == RecipePart.all(kind).count)
    for part in RecipePart.all(kind) {
      #expect(!part.source.isEmpty && !part.types.isEmpty)
      for type in part.types where part.refusal == nil {
        let recipe =
          kind == .rotary
          ? try RecipeRegistry.composed(rotary: part.name, attention: "fused", type: type)
          : try RecipeRegistry.composed(rotary: "hf-llama", attention: part.name, type: type)
        #expect(recipe.chains.allSatisfy { !$0.chain.formats.contains { $0.spelling == "model" } })
      }
    }
  }

  @Test func aShortNameIsTheRotaryHalfWithItsAttention() throws {
    var composed = try RecipeRegistry.named("hf-llama/hf-eager/bf16")
    let short = try RecipeRegistry.named("hf-llama-bf16")
    #expect(composed.name == "hf-llama/hf-eager/bf16")
    composed.name = short.name
    #expect(composed == short)
    #expect(RecipeRegistry.shortNames.contains("hf-model-to-bf16"))
    #expect(!RecipeRegistry.shortNames.contains("vllm-fp32"), "flash-attn-2 does not run in fp32")
  }

  /// hf-bf16 is written out, hf-llama/hf-eager/bf16 composed: the same arithmetic, but for the softmax, which the plain recipes leave
  /// to the default.
  @Test(arguments: [("hf-bf16", "hf-llama/hf-eager/bf16"), ("hf-fp16", "hf-llama/hf-eager/fp16")])
  func theComposedRecipeIsTheWrittenOne(written: String, composed: String) throws {
    var recipe = try RecipeRegistry.named(composed)
    let known = try RecipeRegistry.named(written)
    (recipe.name, recipe.summary, recipe.source) = (known.name, known.summary, known.source)
    #expect(recipe.softmax != nil && known.softmax == nil)
    recipe.softmax = nil
    #expect(recipe == known)
  }

  @Test(arguments: [
    ("vllm", "vllm is one half of a recipe"),
    ("flashinfer-bf16", "no bound is documented"),
    ("vllm-fp64", "only in bf16, fp16, fp32"),
    ("vllm/flash-attn-2/fp32", "flash-attn-2 does not run in 'fp32'"),
    ("vlm/flash-attn-2/bf16", "unknown rotary half 'vlm' (did you mean 'vllm'?)"),
    ("vllm/flash-attn/bf16", "unknown attention half"),
    ("vllm-bf61", "did you mean"),
  ])
  func whatCannotBeComposedIsRefused(name: String, message: String) {
    let error = #expect(throws: RecipeError.self) { try RecipeRegistry.named(name) }
    #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
  }

  @Test(arguments: [
    ("\"angle\": { \"format\"", "\"angle\": { \"algorithm\": \"iterated\", \"format\"", "powOfStep"),
    ("\"angle\": { \"format\"", "\"angle\": { \"operand\": 1, \"format\"", "did you mean 'operands'"),
    ("\"trig\": { \"format\"", "\"trig\": { \"ulpBound\": 0, \"ulpSeed\": 1, \"format\"", "from 1 to 1000"),
    ("\"trig\": { \"format\"", "\"trig\": { \"ulpBound\": 2, \"format\"", "trig.ulpSeed"),
    ("\"sequential\"", "\"lanes(3)\"", "powers of two"),
    ("\"sequential\"", "\"lanes(4,8)\"", "powers of two"),
    ("\"sequential\"", "\"tensorCore(16,2,up)\"", "one of sequential"),
    ("\"storedScore\"", "\"scaling\": \"onQuery\", \"storedScore\"", "logit.scaledOperand"),
    ("\"storedScore\"", "\"scaledOperand\": { \"format\": \"bf16\" }, \"storedScore\"", "does not use it"),
    ("\"storedScore\"", "\"scaling\": \"onQueries\", \"storedScore\"", "did you mean 'onQuery'"),
    (
      "\"softcap\": { \"algorithm\": \"afterScale\"",
      "\"scaling\": \"divideScore\", \"softcap\": { \"algorithm\": \"insteadOfScale\"",
      "afterScore or insideExponential"
    ),
    ("\"table\": { \"format\": \"bf16\" }", "\"table\": { \"format\": \"model\" }", "'model'"),
  ])
  func anImpossibleCombinationIsRefusedWithItsPlace(found: String, replacement: String, message: String)
    throws
  {
    let text = try #require(RecipeRegistry.json(ofRecipe: "fa2-bf16"))
    let broken = text.replacingOccurrences(of: found, with: replacement)
    try #require(broken != text)
    let error = #expect(throws: RecipeError.self) { try Recipe(json: Data(broken.utf8), origin: "mine.json") }
    #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
  }

  @Test func aScalingOfFrequenciesNeedsFrequencies() throws {
    let yarn = try RotaryEmbedding(
      headSize: 8, base: NumberLiteral(10000), layout: .halfSplit,
      scaling: RotaryScaling(spelling: "yarn:factor=4,original=64"))
    for name in ["ggml-cpu-fp32", "gemma-jax-bf16"] {
      #expect(throws: ProblemError.self) {
        try Emulation(
          recipe: RecipeRegistry.named(name), embedding: yarn, scale: .inverseSquareRootOfHeadSize)
      }
    }
  }

  @Test func aCapNeedsARecipeThatKnowsOne() throws {
    let embedding = try RotaryEmbedding(headSize: 8, base: NumberLiteral(10000), layout: .halfSplit)
    #expect(throws: ProblemError.self) {
      try Emulation(
        recipe: RecipeRegistry.named("vllm-bf16"), embedding: embedding, scale: .inverseSquareRootOfHeadSize,
        softcap: NumberLiteral(50))
    }
  }
}
