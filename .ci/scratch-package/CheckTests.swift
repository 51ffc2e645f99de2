// A user's test, as Documentation/Checks.md shows it, in a package of its own.

import RoPEDrift
import Testing

@Test func myRecipeStaysWithinItsBudget() throws {
  let input = try AttentionInput.shippedSample()
  let budget = try CheckBudget([.init("logit_error_max_abs", atMost: NumberLiteral("0.25"), layer: 7)])
  let verdict = try RecipeRegistry.named("hf-bf16").check(input, budget, layers: [7], heads: [0, 1])
  #expect(verdict.passes, "\(verdict)")
}

@Test func aBugIsExplained() throws {
  let input = try AttentionInput.shippedSample()
  let verdict = try RecipeRegistry.named("table-bf16").check(input, layers: [7], heads: [0])
  #expect(!verdict.passes)
  #expect("\(verdict)".contains("replay: ropedrift score"))
}
