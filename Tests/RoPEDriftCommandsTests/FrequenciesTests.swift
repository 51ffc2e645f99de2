// `ropedrift frequencies` and `ropedrift recipes`.

import Foundation
import RoPEDrift
import RoPEDriftCommands
import Testing

@Suite struct FrequenciesTests {
  /// Base 10000 with four pairs: 1, 1/10, 1/100, 1/1000. fp16 stores 0.1 as 1638/2^14 = 0.0999755859375, which is 0.4 of its
  /// ulp 2^-14 below.
  @Test func printsExactAndStoredFrequencies() {
    let result = ropedrift(
      "frequencies", "--base", "1e4", "--rotary-size", "4", "--digits", "3", "--format", "fp16", "--recipe",
      "table-bf16")
    #expect(result.exit == .done)
    #expect(
      result.output == """
        pair  frequency  fp16                 bits    error (ulp)  table-bf16      bits    error (ulp)
           0  1.00       1.0                  0x3c00            0  1.0             0x3f80            0
           1  0.0100     0.01000213623046875  0x211f         0.28  0.010009765625  0x3c24         0.16

        """)
  }

  @Test func readsAnInputWhereFlagsDoNotSayEnough() throws {
    let result = ropedrift("frequencies", "--json")
    #expect(result.exit == .done)
    let json = try #require(
      JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    #expect(json["base"] as? String == "100000")
    #expect(json["rotary_size"] as? Int == 64)
    #expect((json["pairs"] as? [Any])?.count == 32)
    let small = ropedrift("frequencies", "synthetic:normal,head_dim=8", "--digits", "3", "--format", "bf16")
    #expect(small.output.split(separator: "\n").count == 5)
  }

  @Test(arguments: [
    (["--base", "-1", "--rotary-size", "8"], "base '-1' is not a finite number above zero"),
    (["--base", "x", "--rotary-size", "8"], "'x' is not a number"),
    (["--base", "10000", "--rotary-size", "7"], "must be even"),
    (["--base", "10000", "--rotary-size", "-2"], "must lie between 2 and the head size"),
    (["--base", "10000", "--rotary-size", "8", "--head-size", "4"], "must lie between 2 and the head size"),
    (["--scaling", "yarn:factor=4"], "yarn needs original="),
    (["--base", "10000", "--rotary-size", "8", "--scaling", "ntk"], "ntk needs factor="),
    (["--digits", "0"], "--digits takes 1 to 10000"),
    (["--recipe", "hf-bf61"], "did you mean 'hf-bf16'?"),
  ])
  func wrongUsage(_ arguments: [String], _ message: String) {
    let result = ropedrift(["frequencies"] + arguments)
    #expect(result.exit == .wrongUsage)
    #expect(result.talk.contains(message), "\(result.talk)")
  }
}

@Suite struct RecipesTests {
  @Test func listsEveryRecipe() {
    let output = ropedrift("recipes").output
    for name in RecipeRegistry.names { #expect(output.contains("\n\(name) ")) }
  }

  @Test(arguments: RecipeRegistry.names)
  func jsonReadsBackAsTheRecipe(_ name: String) throws {
    let output = ropedrift("recipes", name, "--json").output
    #expect(try Recipe(json: Data(output.utf8), origin: name) == RecipeRegistry.named(name))
  }

  @Test func jsonKeepsRoundingAndSeed() throws {
    var recipe = try RecipeRegistry.named("hf-bf16")
    recipe.rotated.rounding = .stochastic(seed: .max)
    recipe.table.rounding = .towardZero
    recipe.dot = Recipe.Dot(order: .exact, rounding: .exact)
    let text = JSONText.text(of: recipe.jsonValue)
    #expect(try Recipe(json: Data(text.utf8), origin: "test") == recipe)
  }

  @Test func showsOneStageByStage() {
    let output = ropedrift("recipes", "hf-bf16").output
    #expect(output.contains("\ndot                 fp32; sequential\n"))
    #expect(output.contains("\nlogit               fp32, then bf16\n"))
  }

  @Test func filesThatAreNoRecipesAreFailures() throws {
    let folder = try ScratchFolder()
    let path = try folder.file("mine.json", Array("{\"name\": \"mine\"}".utf8))
    let result = ropedrift("recipes", path)
    #expect(result.exit == .failed)
    #expect(result.talk.contains("mine.json") && result.talk.contains("is missing"))
    #expect(ropedrift("recipes", "hf-bf61").exit == .wrongUsage)
  }
}
