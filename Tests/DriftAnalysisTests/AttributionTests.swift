// Attribution: variants are the recipes that they should be, figures are the report's, and what the theorem says holds of stages
// that are truly exact.

import EmulatedEngine
import FloatingPointFormats
import RotaryAttention
import TensorIO
import Testing

@testable import DriftAnalysis

@Suite struct AttributionTests {
  static func problem(
    _ spelling: String = "synthetic:normal,heads=2,kv_heads=1,tokens=10,head_dim=4,layers=1,seed=3",
    comparisons: [ShiftPair] = [ShiftPair(0, 16)], scale: AttentionScale = .inverseSquareRootOfHeadSize
  ) throws -> StageAttribution.Problem {
    let input = try AttentionInput.open(spelling)
    return StageAttribution.Problem(
      input: input,
      embedding: try RotaryEmbedding(
        headSize: input.layerShapes[0].headSize, base: NumberLiteral(10000), layout: .halfSplit),
      scale: scale, comparisons: comparisons)
  }

  @Test func theListHoldsEveryChainThatARecipeCanHave() throws {
    let names = RecipeStage.all.map(\.name)
    #expect(Set(names).count == names.count)
    for recipe in try everyRecipe() {
      let chains = recipe.chains
      #expect(
        names.filter { name in chains.contains { $0.stage == name } } == chains.map(\.stage), "\(recipe.name)"
      )
      for (stage, chain) in chains {
        let found = try #require(RecipeStage.all.first { $0.name == stage })
        #expect(recipe[found] == chain)
      }
    }
  }

  @Test func variantsDifferFromTheRecipeInTheirStagesAlone() throws {
    for recipe in try everyRecipe() {
      guard let variants = try? StageVariants(recipe, carrier: .binary64) else {
        #expect(recipe.dot.order.spelling.hasPrefix("tensorCore"), "\(recipe.name)")
        continue
      }
      let n = variants.stages.count
      #expect(variants.recipe(rounding: Set(0..<n)) == recipe)
      for variant in variants.all {
        let kept = variant.rounded(of: n)
        let result = variants.recipe(rounding: kept)
        for (index, stage) in variants.stages.enumerated() {
          #expect(result[stage] == (kept.contains(index) ? recipe[stage] : RoundingChain([.fp64])))
        }
        for stage in RecipeStage.all where !variants.stages.contains(stage) {
          #expect(result[stage] == recipe[stage])
        }
        #expect(result.dot.order == .sequential || result.dot.order == recipe.dot.order)
      }
      #expect(Set(variants.recipes.map(\.name)).count == variants.recipes.count)
    }
  }

  private func everyRecipe() throws -> [Recipe] {
    try RecipeRegistry.all + RecipeRegistry.shortNames.map(RecipeRegistry.named)
  }

  @Test func aRecipeOfOneRoundingIsAllOfItsOwnErrorAndTheRestIsTheFloor() throws {
    var recipe = try RecipeRegistry.named("fp32")
    for stage in RecipeStage.all where stage.name != "table" {
      recipe.leaveUnrounded(stage, carriedIn: .exact)
    }
    recipe.table = RoundingChain([.bf16])
    recipe.name = "table only"
    let results = try StageAttribution(Self.problem(), recipes: [recipe], carrier: .exact).run(threads: 2)
    let part = results.recipes[0].comparisons[0].all
    #expect(results.recipes[0].variants.stages.map(\.name) == ["table"])
    for quantity in StageQuantity.allCases {
      #expect(part.share(quantity, ofStage: 0) == 1 && part.saved(quantity, byStage: 0) == 1)
      #expect(quantity.value(part[.floor]) == 0 || !quantity.isDrift)
    }
    #expect(part[.only(0)] == part[.recipe] && part[.without(0)] == part[.floor])
  }

  /// Shares and savings from figures by hand: rms 3 of 4 gives 9/16; 1 − 1/4 is saved.
  @Test func sharesAndSavingsByHand() throws {
    func figures(_ rms: Double?, dLogit: Double) throws -> StageFigures {
      let some = try StageAttribution(Self.problem(), recipes: [RecipeRegistry.named("fp32")]).run(threads: 1)
      var result = some.recipes[0].comparisons[0].all[.recipe]
      result.logitDrift.rootMeanSquare = rms
      result.dLogit = dLogit
      return result
    }
    let (three, four, one) = try (figures(3, dLogit: 0), figures(4, dLogit: 0), figures(1, dLogit: 2))
    #expect(StageQuantity.logitDrift.share(only: three, recipe: four) == 0.5625)
    #expect(StageQuantity.logitDrift.saved(without: one, recipe: four) == 0.75)
    #expect(StageQuantity.logitDrift.saved(without: four, recipe: one) == -3)
    #expect(StageQuantity.dLogit.share(only: one, recipe: four) == nil)
    #expect(try StageQuantity.logitDrift.share(only: figures(nil, dLogit: 0), recipe: four) == nil)
  }

  /// More queries than one tile, and scopes of layers and heads.
  @Test func theFiguresAreTheReportsOwnForAnyNumberOfThreads() throws {
    let problem = try Self.problem("synthetic:normal,heads=2,kv_heads=1,tokens=34,head_dim=4,layers=2,seed=5")
    let recipe = try RecipeRegistry.named("hf-bf16")
    let attribution = try StageAttribution(problem, recipes: [recipe, RecipeRegistry.named("table-fp16")])
    let (one, two) = (try attribution.run(threads: 1), try attribution.run(threads: 2))
    let report = try problem.experiment([recipe]).run(threads: 1).recipes[0].comparisons[0]
    for (a, b) in zip(one.recipes, two.recipes) {
      for (x, y) in zip(a.comparisons[0].scopes, b.comparisons[0].scopes) {
        for variant in a.variants.all { #expect(x[variant] == y[variant]) }
        let n = a.variants.stages.count
        #expect(x[.cumulative(n)] == x[.recipe])
      }
    }
    let found = one.recipes[0].comparisons[0]
    #expect(found.scopes.map(\.scope).count == 1 + 2 + 4 + 1)
    #expect(
      found.all[.recipe].dLogit == report.totals.dLogit
        && found.all[.recipe].dWeighted == report.totals.dWeighted)
    #expect(found.all[.recipe].logitNMSE == report.error.logit.normalizedMeanSquare)
    let first = try #require(found.scopes.last)[.recipe]
    #expect(first.probabilityDrift.sum == report.keys[0].probability.sumOfMagnitudes)
    #expect(
      first.logitError.mean == report.error.keys[0].logit.mean && first.logitError.rootMeanSquare == nil)
  }

  /// Carried in binary64 and exact, the same attribution: equal to far below what is attributed.
  @Test func carriersAgreeDownToTheFloor() throws {
    let problem = try Self.problem()
    let recipe = try RecipeRegistry.named("hf-bf16")
    let fast = try StageAttribution(problem, recipes: [recipe]).run(threads: 2).recipes[0]
    let exact = try StageAttribution(problem, recipes: [recipe], carrier: .exact).run(threads: 2).recipes[0]
    #expect(fast.variants.stages == exact.variants.stages)
    let (a, b) = (fast.comparisons[0].all, exact.comparisons[0].all)
    for variant in fast.variants.all {
      for quantity in StageQuantity.allCases {
        let (x, y) = (try #require(quantity.value(a[variant])), try #require(quantity.value(b[variant])))
        #expect(abs(x - y) <= 1e-13, "\(recipe.name) \(variant) \(quantity): \(x), exact \(y)")
      }
    }
    #expect(a[.recipe] == b[.recipe])
  }

  /// The theorem, measured where nothing else is rounded: any of these stages alone or together gives error and no drift.
  @Test(arguments: ["hf-bf16", "table-fp16"])
  func theInvariantStagesAloneGiveErrorAndNoDrift(name: String) throws {
    let recipe = try RecipeRegistry.named(name)
    let variants = try StageVariants(recipe, carrier: .exact)
    let invariant = Set(variants.stages.indices.filter { variants.stages[$0].keepsShiftInvariance })
    let sets = invariant.map { Set([$0]) } + [invariant]
    var recipes = sets.map { variants.recipe(rounding: $0) }
    for index in recipes.indices { recipes[index].name = "\(index)" }
    let results = try Self.problem(comparisons: [ShiftPair(0, 1_000_003)]).experiment(recipes).run(threads: 2)
    for (set, result) in zip(sets, results.recipes) {
      let totals = result.comparisons[0].totals
      #expect(
        totals.sumAbsLogitDifference == 0 && totals.dUnweighted == 0,
        "\(set.map { variants.stages[$0].name })")
    }
    #expect(results.recipes[sets.count - 1].comparisons[0].error.logit.absolute.maximum! > 1e-3)
    #expect(
      variants.hasNoDrift(.cumulative(1)) && !variants.hasNoDrift(.floor) && !variants.hasNoDrift(.recipe))
  }

  @Test func theTheoremStandsInForWhatBinary64WouldShow() throws {
    let results = try StageAttribution(Self.problem(), recipes: [RecipeRegistry.named("hf-bf16")]).run(
      threads: 1)
    let (recipe, all) = (results.recipes[0], results.recipes[0].comparisons[0].all)
    for (index, stage) in recipe.variants.stages.enumerated() {
      let figures = all[.only(index)]
      #expect(figures.driftIsByTheorem == stage.keepsShiftInvariance)
      if stage.keepsShiftInvariance { #expect(figures.logitDrift.sum == 0 && figures.dLogit == 0) }
    }
    #expect(all[.floor].logitDrift.sum! > 0 && all[.floor].logitDrift.maximum! < 1e-12)
    #expect(all.atTheFloor(.recipe).isEmpty)
    let position = try #require(recipe.variants.stages.firstIndex { $0.name == "position" })
    #expect(all.atTheFloor(.only(position)).contains(.logitDrift))
  }

  @Test func whatCannotBeTakenApartIsRefused() throws {
    var recipe = try RecipeRegistry.named("fp32")
    for stage in RecipeStage.all { recipe.leaveUnrounded(stage, carriedIn: .exact) }
    #expect(throws: AttributionError.roundsNothing(recipe: "fp32")) {
      try StageVariants(recipe, carrier: .exact)
    }
    recipe.table = RoundingChain([.fp64])
    #expect(throws: AttributionError.roundsToCarrier(recipe: "fp32")) {
      try StageVariants(recipe, carrier: .binary64)
    }
    #expect(try StageVariants(recipe, carrier: .exact).stages.map(\.name) == ["table"])
    recipe.input = RoundingChain([.bf16])
    let mixed = try StageVariants(recipe, carrier: .binary64)
    #expect(mixed.stages.map(\.name) == ["input"] && mixed.unattributed.map(\.name) == ["table"])
    #expect(!mixed.hasNoDrift(.only(0)))
    #expect(throws: AttributionError.self) {
      try StageVariants(RecipeRegistry.named("hf-llama/hf-eager-a100/bf16"), carrier: .binary64)
    }
    #expect(throws: ExperimentError.empty("recipes")) { try StageAttribution(Self.problem(), recipes: []) }
    let fp32 = try RecipeRegistry.named("fp32")
    #expect(throws: ExperimentError.repeatedRecipe("fp32/floor")) {
      try StageAttribution(Self.problem(), recipes: [fp32, fp32])
    }
  }
}
