// Mends: the sets, what they cost, which of them are the same arithmetic, and the search for the cheapest.

import EmulatedEngine
import FloatingPointFormats
import RotaryAttention
import TensorIO
import Testing

@testable import DriftAnalysis

@Suite struct MendTests {
  @Test func theNextWiderFormat() {
    func widened(_ formats: FloatingPointFormat...) -> RoundingChain? { RoundingChain(formats).widened }
    #expect(widened(.bf16) == RoundingChain([.fp32]) && widened(.fp16) == RoundingChain([.fp32]))
    #expect(widened(.fp32, .bf16) == RoundingChain([.fp32]) && widened(.tf32) == RoundingChain([.fp32]))
    #expect(widened(.fp32) == RoundingChain([.fp64]) && widened(.fp64, .fp32) == RoundingChain([.fp64]))
    #expect(widened(.fp64) == nil && RoundingChain.exact.widened == nil)
    #expect(
      RoundingChain([.bf16], rounding: .towardZero).widened == RoundingChain([.fp32], rounding: .towardZero))
  }

  /// Two heads on one key head, d = r = 4, 10 tokens, 55 pairs, bf16 to fp32: 2 bytes more a value.
  @Test func costsByHand() throws {
    let options = try MendOptions(RecipeRegistry.named("hf-bf16"), problem: AttributionTests.problem())
    func cost(_ name: String) throws -> MendOption {
      try #require(options.all.first { $0.stages.map(\.name) == [name] })
    }
    let table = try cost("table")
    #expect(table.cost.bytesPerToken == 4 * 2 && table.bytes == 10 * 8 && table.operations == 0)
    let rotation = try cost("rotation")
    // (2 + 1) vectors of 2 pairs with 6 operations.
    #expect(
      rotation.cost.operationsPerTokenAndLayer == 36 && rotation.operations == 360 && rotation.bytes == 0)
    let logit = try cost("logit")
    #expect(logit.cost.bytesPerScore == 2 && logit.bytes == 2 * 55 * 2 && logit.operations == 2 * 55)
    let dot = try cost("dot")
    #expect(dot.cost.operationsPerScore == 8 && dot.bytes == 0 && dot.operations == 2 * 55 * 8)
    let probability = try cost("probability")
    #expect(probability.bytes == 2 * 55 * 2 && probability.operations == 2 * 55 * 4)
    let angle = try cost("angle")
    #expect(angle.cost.operationsPerToken == 2 && angle.operations == 20)
    // Widened alone a stored bf16 score of an fp32 sum keeps it; the rotated vectors after a bf16 rotation gain nothing.
    #expect(!options.all.contains { $0.stages.map(\.name) == ["rotated"] })
    let both = try #require(options.all.first { $0.stages.map(\.name) == ["rotation", "rotated"] })
    // One key head of 4 channels in the cache; 10 tokens; d operations a score and those of the rotation.
    #expect(both.cost.bytesPerTokenAndLayer == 8 && both.bytes == 80)
    #expect(both.operations == 360 + 2 * 55 * 4)
    #expect(FloatingPointFormat.tf32.storageBytes == 4 && FloatingPointFormat.fp8E4M3FN.storageBytes == 1)
  }

  @Test func stagesThatRoundNothingHereAreNoMends() throws {
    let options = try MendOptions(RecipeRegistry.named("hf-bf16"), problem: AttributionTests.problem())
    // Small positions, bf16 input, scale 1/2.
    #expect(options.idle.map(\.name) == ["position", "input", "logit.scaleFactor"])
    #expect(options.all.count < options.setCount && options.all[0].stages.isEmpty)
    let third = try AttributionTests.problem(scale: .value(NumberLiteral("1/3")))
    #expect(
      try !MendOptions(RecipeRegistry.named("hf-bf16"), problem: third).idle.map(\.name).contains(
        "logit.scaleFactor"))
    let far = try AttributionTests.problem(comparisons: [ShiftPair(0, 1 << 30)])
    #expect(
      try !MendOptions(RecipeRegistry.named("hf-bf16"), problem: far).idle.map(\.name).contains("position"))
  }

  /// Sets that are held to be the same arithmetic give the same figures, each measured.
  @Test func setsHeldToBeTheSameAre() throws {
    let problem = try AttributionTests.problem()
    let recipe = try RecipeRegistry.named("hf-fp16")
    let options = try MendOptions(recipe, problem: problem)
    let idleness = try StageIdleness(problem.experiment([recipe]))
    var pairs: [(Recipe, Recipe)] = []
    for option in options.all {
      for stage in options.stages + options.idle where !option.stages.contains(stage) {
        var other = option.recipe
        other[stage] = try #require(recipe[stage].widened)
        guard options.idle.contains(stage) || idleness.canonical(other) == idleness.canonical(option.recipe)
        else { continue }
        other.name += "+" + stage.name
        pairs.append((option.recipe, other))
      }
    }
    #expect(pairs.count > 20)
    for (a, b) in pairs.prefix(60) {
      let results = try problem.experiment([a, b]).run(threads: 1).recipes.map { $0.comparisons[0] }
      #expect(results[0].totals == results[1].totals, "\(a.name) and \(b.name)")
      #expect(results[0].error.logit.absolute == results[1].error.logit.absolute)
    }
  }

  private func search(_ budget: String?, metric: String = "d_logit", recipe: String = "fa2-bf16") throws
    -> MendResults
  {
    let metric = try DriftMetric.named(metric)
    return try MendSearch(
      RecipeRegistry.named(recipe), problem: AttributionTests.problem(), metric: metric,
      budget: budget.map { DriftBudget(metric: metric, limit: try! NumberLiteral($0))! }
    ).run(threads: 2)
  }

  /// Against every option measured as a report measures it.
  @Test func theChosenMendIsTheFirstThatHolds() throws {
    let results = try search("1e-4")
    let all = results.search.options.all
    let report = try AttributionTests.problem().experiment(all.map(\.recipe)).run(threads: 1).recipes.map {
      $0.comparisons[0]
    }
    let first = try #require(report.firstIndex { $0.totals.dLogit! <= 1e-4 })
    #expect(results.chosen == first && first > 0 && !results.exceedsBudget)
    if results.search.screeningQueries == nil {
      #expect(zip(results.mends, report).allSatisfy { $0.figure == $1.totals.dLogit })
    }
    for (mend, report) in zip(results.mends, report) where mend.evidence == .driftAndError {
      #expect(mend.logitError == SpreadFigures(report.error.logit.absolute))
    }
    // By size, then bytes, then operations.
    for (a, b) in zip(all, all.dropFirst()) {
      #expect((a.stages.count, a.bytes, a.operations) <= (b.stages.count, b.bytes, b.operations))
    }
  }

  @Test func theFrontierIsWhatNothingElseBeats() throws {
    let mends = try search(nil).mends
    func beats(_ a: MeasuredMend, _ b: MeasuredMend) -> Bool {
      let (x, y) = (
        (a.option.bytes, a.option.operations, a.figure!), (b.option.bytes, b.option.operations, b.figure!)
      )
      return x.0 <= y.0 && x.1 <= y.1 && x.2 <= y.2 && x != y
    }
    let measured = mends.filter { $0.figure != nil }
    func isEqual(_ a: MeasuredMend, _ b: MeasuredMend) -> Bool {
      (a.option.bytes, a.option.operations, a.figure!) == (b.option.bytes, b.option.operations, b.figure!)
    }
    #expect(measured.filter { $0.isOnFrontier }.count > 1)
    for mend in measured {
      let beaten = measured.filter { beats($0, mend) }
      let equals = measured.filter { $0.isOnFrontier && isEqual($0, mend) }
      #expect(mend.isOnFrontier ? beaten.isEmpty : !beaten.isEmpty || !equals.isEmpty)
    }
  }

  @Test func aBudgetThatHoldsAlreadyOrNever() throws {
    let generous = try search("1e3")
    #expect(generous.chosen == 0 && generous.mends[0].option.stages.isEmpty)
    let hopeless = try search("0", metric: "logit_drift_max_abs")
    #expect(hopeless.chosen == nil && hopeless.exceedsBudget)
    let best = try #require(hopeless.best?.figure)
    #expect(best > 0)
  }

  @Test func limitsAreComparedExactly() throws {
    let metric = try DriftMetric.named("d_logit")
    func admits(_ limit: String, _ figure: Double) throws -> Bool {
      try #require(DriftBudget(metric: metric, limit: NumberLiteral(limit))).admits(figure)
    }
    // The binary64 number nearest to 0.1 is above one tenth.
    #expect(
      try !admits("0.1", 0.1) && admits("0.1000000000000000055511151231257827021181583404541015625", 0.1))
    #expect(try admits("1/4", 0.25) && admits("0", 0) && !admits("1", .nan))
    #expect(try DriftBudget(metric: metric, limit: NumberLiteral("-1")) == nil)
    #expect(try DriftBudget(metric: metric, limit: NumberLiteral("nan")) == nil)
    #expect(try DriftBudget(metric: metric, limit: NumberLiteral("inf")) == nil)
  }

  @Test func aDifferenceThatIsNotFiniteIsNeverWithinABudget() throws {
    var writer = SafetensorsWriter(metadata: [:])
    try writer.add("layers.0.q", .f32, shape: [1, 3, 2], values: [1, 2, .nan, 1, 3, 4])
    try writer.add("layers.0.k", .f32, shape: [1, 3, 2], values: [1, 2, 1, 1, 3, 4])
    let input = try AttentionInput(SafetensorsFile(bytes: writer.bytes(), named: "broken.safetensors"))
    let problem = StageAttribution.Problem(
      input: input, embedding: try RotaryEmbedding(headSize: 2, base: NumberLiteral(100), layout: .halfSplit))
    let metric = try DriftMetric.named("d_logit")
    let results = try MendSearch(
      RecipeRegistry.named("fp32"), problem: problem, metric: metric,
      budget: DriftBudget(metric: metric, limit: NumberLiteral("1e9"))
    ).run(threads: 1)
    #expect(results.exceedsBudget && results.best == nil)
  }

  @Test func screeningDrawsTheSameQueriesForASeed() {
    let sample = MendSearch.sample(64, of: 512, seed: 1)
    #expect(sample.count == 64 && sample.allSatisfy((0..<512).contains))
    #expect(
      sample == MendSearch.sample(64, of: 512, seed: 1) && sample != MendSearch.sample(64, of: 512, seed: 2))
  }

  /// Chosen queries alone: the totals of a loop over them in a run of everything.
  @Test func aRunOfSomeQueriesMeasuresThemAlone() throws {
    let problem = try AttributionTests.problem(
      "synthetic:normal,heads=1,kv_heads=1,tokens=40,head_dim=4,layers=1")
    let recipe = try RecipeRegistry.named("hf-bf16")
    let chosen: Set<Int> = [0, 7, 33, 39]
    let parts = try chosen.sorted().map {
      try problem.experiment([recipe], totalsOnly: true, queries: [$0]).run(threads: 1).recipes[0].sweep[0]
        .totals
    }
    let all = try problem.experiment([recipe], totalsOnly: true, queries: chosen).run(threads: 2).recipes[0]
      .sweep[0].totals
    #expect(all.logit.count == 1 + 8 + 34 + 40)
    #expect(all.logit.maximum == parts.compactMap(\.logit.maximum).max())
    #expect(abs(all.sumAbsLogitDifference! - parts.compactMap(\.sumAbsLogitDifference).reduce(0, +)) < 1e-15)
    #expect(throws: ExperimentError.queryOutOfRange(40, queries: 40)) {
      try problem.experiment([recipe], queries: [40])
    }
  }
}
