import EmulatedEngine
import Foundation
import Testing

@Suite struct RecipeTests {
  @Test func everyNamedRecipeReadsAndHasItsName() throws {
    #expect(RecipeRegistry.all.map(\.name) == RecipeRegistry.names)
    for recipe in RecipeRegistry.all { #expect(!recipe.source.isEmpty && !recipe.summary.isEmpty) }
  }

  @Test func aMisspeltNameIsAnsweredWithTheNearest() {
    #expect(throws: RecipeError.unknownName("hf-bf61", suggestion: "hf-bf16")) {
      try RecipeRegistry.recipe(nameOrPath: "hf-bf61")
    }
  }

  @Test(
    arguments: [
      ("\"order\"", "\"ordre\"", "unknown key 'dot.ordre' (did you mean 'order'?)"),
      ("\"sequential\"", "\"sequentiel\"", "expected one of sequential, sequentialFused, pairwise, lanes(n)"),
      ("\"input\": { \"format\": \"bf16\" },", "", "'input' is missing"),
      ("\"input\": { \"format\": \"bf16\" }", "\"input\": { \"format\": \"bf15\" }", "did you mean 'bf16'"),
      (
        "\"input\": { \"format\": \"bf16\" }", "\"input\": { \"format\": [\"exact\", \"bf16\"] }",
        "stands alone"
      ),
      (
        "\"input\": { \"format\": \"bf16\" }",
        "\"input\": { \"format\": \"bf16\", \"rounding\": \"stochastic\" }", "seed"
      ),
      ("\"order\": \"sequential\"", "\"order\": \"exact\"", "together"),
      ("\"input\":", "input", "not valid JSON"),
      (
        "\"input\": { \"format\": \"bf16\" }", "\"input\": { \"format\": \"bf16\" }, \"input\": 1",
        "'input' is given twice"
      ),
      ("\"name\": \"hf-bf16\"", "\"name\": \"a\\u001b[31m\"", "without control characters"),
      ("\"name\": \"hf-bf16\",", "", "a recipe has a name"),
      (
        "\"input\": { \"format\": \"bf16\" }",
        "\"input\": { \"format\": \"bf16\", \"rounding\": \"stochastic\", \"seed\": true }", "a boolean"
      ),
      (
        "\"input\": { \"format\": \"bf16\" }",
        "\"input\": { \"format\": \"bf16\", \"rounding\": \"stochastic\", \"seed\": 1.5 }", "the number 1.5"
      ),
    ])
  func aBrokenRecipeIsRefusedWithItsPlace(found: String, replacement: String, message: String) throws {
    let text = try #require(RecipeRegistry.json(ofRecipe: "hf-bf16"))
    let broken = text.replacingOccurrences(of: found, with: replacement)
    try #require(broken != text)
    let error = #expect(throws: RecipeError.self) { try Recipe(json: Data(broken.utf8), origin: "mine.json") }
    let description = error?.description ?? ""
    #expect(description.contains(message) && description.contains("mine.json"), "\(description)")
  }
}
