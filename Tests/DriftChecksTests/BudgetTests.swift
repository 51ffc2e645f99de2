// Budgets: strict reading, exact scopes, verdicts that read as failure messages, and limits that nobody could meet.

import ArbitraryPrecision
import DriftAnalysis
import DriftReporting
import EmulatedEngine
import FloatingPointFormats
import RotaryAttention
import TensorIO
import Testing

@testable import DriftChecks

@Suite struct BudgetTests {
  private func input(_ seed: Int = 1, tokens: Int = 32) throws -> AttentionInput {
    try smallInput(tokens: tokens, seed: seed)
  }

  private func limit(
    _ metric: String, _ limit: String, layer: Int? = nil, head: Int? = nil, distances: ClosedRange<Int>? = nil
  ) throws -> CheckBudget.Limit {
    try CheckBudget.Limit(
      metric, atMost: NumberLiteral(limit), layer: layer, head: head, distances: distances)
  }

  @Test func figuresAreThoseOfTheReport() throws {
    let input = try input()
    let experiment = try DriftExperiment(
      input: input, embedding: smallEmbedding(), recipes: [RecipeRegistry.named("hf-bf16")],
      comparisons: [ShiftPair(0, 16)])
    let expected = try experiment.run(threads: 1).recipes[0].comparisons[0]
    let budget = try CheckBudget([
      limit("logit_error_max_abs", "1e9"), limit("logit_error_max_ulp", "1e9"),
      limit("probability_error_nmse", "1e9", layer: 1), limit("logit_error_cosine", "-1", layer: 1, head: 2),
      limit("d_weighted", "1e9"), limit("d_logit", "1e9", layer: 0),
      limit("logit_drift_max_abs", "1e9", distances: 3...5),
      limit("probability_error_mean_abs", "1e9", distances: 0...31), limit("logit_error_max_relative", "1e9"),
    ])
    let verdict = try RecipeRegistry.named("hf-bf16").check(input, budget)
    let head = expected.error.heads.first { ($0.layer, $0.head) == (1, 2) }!
    let figures: [Double?] = [
      expected.error.logit.absolute.maximum, expected.error.logit.maximumUlps,
      expected.error.layers[1].probability.normalizedMeanSquare, head.logit.cosine, expected.totals.dWeighted,
      expected.layers[0].totals.dLogit,
      expected.distances.filter { (3...5).contains($0.distance) }.compactMap(\.logit.maximum).max(), nil,
      expected.error.logit.maximumRelative,
    ]
    for (result, figure) in zip(verdict.results, figures) where figure != nil {
      #expect(result.figure == figure, "\(result.limit.words)")
    }
    // The mean over all distances is that of all pairs.
    let mean = try #require(verdict.results[7].figure)
    #expect(abs(mean - expected.error.probability.absolute.mean!) <= mean * 1e-14)
    #expect(verdict.passes)
    #expect(verdict.description.hasPrefix("PASS synthetic:normal"))
    #expect(verdict.failure == nil)
  }

  @Test func aFailureReadsAsAMessage() throws {
    let verdict = try RecipeRegistry.named("table-bf16").check(
      input(), CheckBudget([limit("logit_error_max_abs", "0.02"), limit("d_logit", "1e9")]), layers: [1],
      heads: [2, 3])
    #expect(!verdict.passes)
    let failure = try #require(verdict.failure)
    let place = try #require(failure.result.place)
    // The figure is the distance of the two values at its place.
    #expect(abs(failure.got! - failure.reference!) == failure.result.figure!)
    #expect(failure.distance == place.query - place.key)
    let lines = verdict.description.split(separator: "\n").map(String.init)
    #expect(
      lines[0].contains(
        "/table-bf16: logit_error_max_abs \(failure.result.figure!) (budget 0.02) at layer \(place.layer) head \(place.head) query \(place.query) key \(place.key), distance \(place.query - place.key)"
      ))
    #expect(
      lines[1].contains(
        "reference \(hexadecimalFloat(failure.reference!))   got \(hexadecimalFloat(failure.got!))   stage share of logit_error: "
      ))
    #expect(lines[2].contains("would pass with logit_error_max_abs ≤ \(failure.result.figure!)"))
    #expect(lines[3].contains("replay: ropedrift score synthetic:normal,"))
    #expect(failure.shares.count > 3)
    #expect(zip(failure.shares, failure.shares.dropFirst()).allSatisfy { $0.share >= $1.share })
    // What is printed as enough is enough.
    let enough = try CheckBudget([limit("logit_error_max_abs", "\(failure.result.figure!)")])
    #expect(try RecipeRegistry.named("table-bf16").check(input(), enough, layers: [1], heads: [2, 3]).passes)
    let less = try CheckBudget([limit("logit_error_max_abs", "\(failure.result.figure!.nextDown)")])
    #expect(try !RecipeRegistry.named("table-bf16").check(input(), less, layers: [1], heads: [2, 3]).passes)
  }

  @Test func whatNoImplementationMeetsIsRefused() throws {
    #expect(throws: BudgetError.self) { try limit("logit_error_max_ulp", "0.49") }
    #expect(throws: BudgetError.self) { try limit("logit_error_cosine", "1.5") }
    #expect(throws: BudgetError.self) { try limit("d_logit", "-1") }
    // bf16 logits of a few units cannot be within 1e-6, however they are computed.
    #expect {
      try RecipeRegistry.named("hf-bf16").check(
        input(), CheckBudget([limit("logit_error_max_abs", "1e-6")]), layers: [0], heads: [0])
    } throws: { error in
      guard case BudgetError.impossible(let metric, "1e-6", let reason) = error else { return false }
      return metric == "logit_error_max_abs" && reason.contains("logits bf16")
    }
    // Drift can be zero; only the recipe fails.
    #expect(
      try !RecipeRegistry.named("hf-bf16").check(
        input(), CheckBudget([limit("d_logit", "0")]), layers: [0], heads: [0]
      ).passes)
    let exact = try Recipe.everythingExact().check(
      input(tokens: 8), CheckBudget([limit("d_logit", "0")]), layers: [0], heads: [0])
    #expect(exact.passes)
  }

  @Test func valuesThatAreNotFiniteAreNeverWithin() throws {
    // fp16 positions are infinite from 65520 on: cos and sin are NaN.
    let budget = try CheckBudget([limit("logit_error_max_abs", "1e300")], shifts: ShiftPair(65_500, 70_000))
    let verdict = try RecipeRegistry.named("table-fp16").check(input(), budget, layers: [0], heads: [0])
    #expect(!verdict.passes)
    #expect(verdict.results[0].nonfiniteCount > 0)
    #expect(verdict.description.contains("values are NaN or infinite"))
    #expect(verdict.description.contains("the input is finite"))
  }

  @Test func limitsOnWhatIsNotMeasuredAreRefused() throws {
    for bad in [try limit("d_logit", "1", layer: 7), try limit("d_logit", "1", layer: 0, head: 9)] {
      #expect(throws: BudgetError.self) {
        try RecipeRegistry.named("fp32").check(input(), CheckBudget([bad]))
      }
    }
    #expect(throws: BudgetError.self) { try limit("d_logit", "1", head: 0) }
    #expect(throws: BudgetError.self) { try limit("logit_error_max_abs", "1", layer: 0, distances: 0...1) }
    #expect(throws: BudgetError.self) { try limit("logit_error_max_ulp", "1", distances: 0...1) }
    #expect(throws: BudgetError.empty("budget")) { try CheckBudget([]) }
  }

  @Test func filesAreReadStrictly() throws {
    let text = """
      {"shifts": [0, 32], "limits": [
        {"metric": "logit_error_max_ulp", "limit": 64, "stage": "logit", "layer": 1, "head": 3},
        {"metric": "logit_drift_max_abs", "limit": "0x1p-3", "distance": [4, 9]},
        {"metric": "d_logit", "limit": 1e-2}]}
      """
    let budget = try CheckBudget(json: Array(text.utf8), named: "b.json")
    #expect(budget.shifts == ShiftPair(0, 32))
    #expect(
      budget.limits.map(\.words) == [
        "logit_error_max_ulp ≤ 64 (layer 1, head 3)", "logit_drift_max_abs ≤ 0x1p-3 (distances 4 to 9)",
        "d_logit ≤ 1e-2",
      ])
    let again = try CheckBudget(json: Array(JSONText.text(of: budget.json).utf8), named: "b.json")
    #expect(again == budget)
    for (bad, words) in [
      ("", "a value"), ("[]", "an object"), ("{}", "'limits'"),
      (#"{"limits": [], "limits": []}"#, "'limits' twice"),
      (#"{"limits": []}"#, "holds no limits"), (#"{"limit": []}"#, "did you mean 'limits'"),
      (#"{"limits": [{"metric": "d_logits", "limit": 1}]}"#, "did you mean 'd_logit'"),
      (#"{"limits": [{"metric": "d_logit"}]}"#, "a number under 'limit'"),
      (#"{"limits": [{"metric": "d_logit", "limit": "many"}]}"#, "a number under 'limit'"),
      (#"{"limits": [{"metric": "d_logit", "limit": "nan"}]}"#, "finite limit"),
      (#"{"limits": [{"metric": "d_logit", "limit": 1, "Layer": 0}]}"#, "did you mean 'layer'"),
      (#"{"limits": [{"metric": "d_logit", "limit": 1, "layer": 1.5}]}"#, "an integer"),
      (#"{"limits": [{"metric": "d_logit", "limit": 1, "stage": "probability"}]}"#, "the stage 'logit'"),
      (
        #"{"limits": [{"metric": "logit_error_max_abs", "limit": 1, "distance": [9, 4]}]}"#,
        "the lesser distance first"
      ),
      (#"{"limits": [{"metric": "logit_error_max_abs", "limit": 1, "distance": 4}]}"#, "2 integers"),
      (#"{"shifts": [0], "limits": [{"metric": "d_logit", "limit": 1}]}"#, "2 integers as shifts"),
    ] {
      #expect {
        try CheckBudget(json: Array(bad.utf8), named: "b.json")
      } throws: { error in
        error is BudgetError && "\(error)".contains(words) && "\(error)".contains("b.json")
      }
    }
    #expect(throws: BudgetError.self) { try CheckBudget(json: [0xFF, 0xFE], named: "b.json") }
    #expect(throws: BudgetError.self) { try CheckBudget(path: "/nowhere/b.json") }
  }

  /// The default budget is a bound: other orders of summation stay within it, angles in 16 bits do not.
  @Test(arguments: [("hf-bf16", "table-bf16"), ("hf-fp16", "table-fp16")])
  func theDefaultBudgetTellsOrdersFromBugs(_ name: String, _ bug: String) throws {
    let input = try AttentionInput.open(
      "synthetic:normal,tokens=80,heads=1,kv_heads=1,layers=1,head_dim=32,query_tokens=8")
    let embedding = try smallEmbedding(size: 32)
    // Positions from 1800 on, where angles in 16 bits are off by radians.
    let problem = StageAttribution.Problem(
      input: input, embedding: embedding, comparisons: [ShiftPair(1800, 0)])
    var recipe = try RecipeRegistry.named(name)
    for order in [
      Recipe.Dot.Order.sequential, .pairwise, .blocks(8),
      .tensorCore(block: 8, alignmentBits: 2, rounding: .towardZero),
    ] {
      recipe.dot.order = order
      let verdict = try RecipeCheck(recipe, problem).run(threads: 1)
      #expect(verdict.passes, "\(verdict)")
      #expect(verdict.results.count == 1)
    }
    let bad = try RecipeCheck(RecipeRegistry.named(bug), problem).run(threads: 1)
    #expect(!bad.passes, "\(bad)")
    // Never below one unit in the last place of the greatest logit that there could be.
    for result in bad.results {
      #expect(FloatingPointFormat.fp64.rounded(Rational(result.limit.limit)!.exactValue) > 0x1p-8)
    }
  }
}
