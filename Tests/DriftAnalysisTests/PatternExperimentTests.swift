// Experiments on patterns against loops over single scores of the plain tier, pair by pair as the mask's predicate says.

import EmulatedEngine
import FloatingPointFormats
import ReferenceEngine
import RotaryAttention
import TensorIO
import Testing

@testable import DriftAnalysis

@Suite struct PatternExperimentTests {
  private static let tokens = 17

  private func input(_ more: String = "") throws -> AttentionInput {
    try AttentionInput.open(
      "synthetic:sink,heads=2,kv_heads=1,tokens=\(Self.tokens),head_dim=8,layers=1,seed=11\(more)")
  }

  private func documents(_ interleave: String? = nil) throws -> DocumentLayout {
    try DocumentLayout(
      DocumentDescription(lengths: [4, 1, 7, 5]), tokens: Self.tokens,
      interleaving: interleave.map(Interleaving.init(spelling:)))
  }

  private func experiment(_ input: AttentionInput, _ recipes: [Recipe], _ pattern: AttentionPattern?) throws
    -> DriftExperiment
  {
    try DriftExperiment(
      input: input, embedding: RotaryEmbedding(headSize: 8, base: NumberLiteral("10000"), layout: .halfSplit),
      recipes: recipes, comparisons: [ShiftPair(3, 70_000)], lengths: [5, 11, Self.tokens], pattern: pattern)
  }

  private static let patterns: [(String, PositionPolicy, String?)] = [
    ("intra", .continuous, nil), ("intra", .reset, nil), ("intra", .reset, "3:seed=4"),
    ("anchor", .continuous, "4"), ("anchor", .reset, nil), ("anchor-copy", .anchor, nil),
    ("anchor-copy", .reset, "5"),
    ("window:6", .continuous, nil), ("intra+window:3", .reset, "4"), ("anchor+window:4", .continuous, nil),
    ("anchor", .list((0..<tokens).map { 3 * $0 }), nil),
  ]

  /// What a row of the plain tier gives: logits of the visible keys, their probabilities.
  private func plainRow(
    _ experiment: DriftExperiment, _ emulation: Emulation, _ query: Int, _ keys: [Int], runs: [KeyRun],
    shift: Int,
    head: Int
  ) throws -> (logits: [Double], probabilities: [Double]) {
    let positions = experiment.pattern.positions
    let token = experiment.shape.token(ofQuery: query)
    let q = try experiment.input.queries(layer: 0, head: head)
    let k = try experiment.input.keys(layer: 0, kvHead: 0)
    let logits = try keys.map { key in
      try emulation.score(
        query: Array(q[query * 8..<query * 8 + 8]), key: Array(k[key * 8..<key * 8 + 8]),
        queryPosition: positions[token] + shift, keyPosition: positions[key] + shift
      ).logit.binary64()
    }
    let row = try emulation.attentionRow(
      logits, runs: runs, values: keys.map { _ in [] },
      place: ScorePlace(query: query, key: 0, layer: 0, head: head),
      hasValues: false)
    return (logits, row.probabilities)
  }

  /// The greatest |δ| of every key, in logits and probabilities, drift and error: any pair with another bit would show in one of them.
  @Test(arguments: patterns.indices) func everyPairIsThatOfThePlainTier(_ index: Int) throws {
    let (spelling, policy, interleave) = Self.patterns[index]
    let pattern = try AttentionPattern(
      mask: AttentionMask(spelling: spelling), policy: policy, documents: documents(interleave))
    for more in [index % 2 == 0 ? "" : ",query_tokens=11"] {
      let recipes = try [
        RecipeRegistry.named("hf-bf16"),
        RecipeRegistry.composed(rotary: "hf-llama", attention: "hf-eager", type: "fp16"),
      ]
      let experiment = try experiment(input(more), recipes, pattern)
      let results = try experiment.run(threads: 2)
      let reference = try ReferenceProblem(embedding: experiment.embedding, scale: experiment.scale)
      let queries = experiment.shape.queryTokens
      // (heads, queries)(visible keys): of the problem, so one for both recipes.
      let exactRows = try (0..<2).map { head in
        let q = try experiment.input.queries(layer: 0, head: head)
        let k = try experiment.input.keys(layer: 0, kvHead: 0)
        return try (0..<queries).map { query in
          let token = experiment.shape.token(ofQuery: query)
          return try pattern.visibleTokens(ofToken: token).flatMap { $0 }.map { key in
            FloatingPointFormat.fp64.rounded(
              try reference.relativeFormScore(
                query: Array(q[query * 8..<query * 8 + 8]), key: Array(k[key * 8..<key * 8 + 8]),
                queryPosition: pattern.positions[token], keyPosition: pattern.positions[key])!.exactValue())
          }
        }
      }
      for (recipe, emulation) in experiment.emulations.enumerated() {
        var worst = Array(repeating: [-1.0, -1, -1, -1], count: Self.tokens)
        var counts = Array(repeating: 0, count: Self.tokens)
        for head in 0..<2 {
          for query in 0..<queries {
            let token = experiment.shape.token(ofQuery: query)
            let keys = pattern.visibleTokens(ofToken: token).flatMap { $0 }
            let sequence = try #require(pattern.sequences().first { $0.queries.contains(token) })
            let runs = sequence.keyRuns(ofToken: token)
            let rows = try [3, 70_000].map {
              try plainRow(experiment, emulation, query, keys, runs: runs, shift: $0, head: head)
            }
            let exact = exactRows[head][query]
            var exactProbabilities = exact
            exact.withUnsafeBufferPointer { logits in
              exactProbabilities.withUnsafeMutableBufferPointer { defaultSoftmax(logits, into: $0) }
            }
            for (place, key) in keys.enumerated() {
              counts[key] += 1
              let found = [
                rows[0].logits[place] - rows[1].logits[place],
                rows[0].probabilities[place] - rows[1].probabilities[place],
                rows[0].logits[place] - exact[place],
                rows[0].probabilities[place] - exactProbabilities[place],
              ]
              for figure in 0..<4 { worst[key][figure] = max(worst[key][figure], abs(found[figure])) }
            }
          }
        }
        let comparison = results.recipes[recipe].comparisons[0]
        for key in 0..<Self.tokens {
          let (drift, error) = (comparison.keys[key], comparison.error.keys[key])
          let greatest = [
            drift.logit.maximum, drift.probability.maximum, error.logit.maximum, error.probability.maximum,
          ].map { $0 ?? -1 }
          #expect(
            greatest == worst[key], "\(pattern.name) \(more) \(results.recipes[recipe].name) key \(key)")
          #expect(drift.logit.count == counts[key])
        }
        #expect(comparison.totals.visiblePairs == counts.reduce(0, +))
      }
    }
  }

  @Test func bothFormsOfTheAnchorHaveTheSameExactScoresAndLogits() throws {
    let recipes = [try RecipeRegistry.named("hf-bf16")]
    func results(_ mask: String) throws -> ComparisonResults {
      let pattern = try AttentionPattern(mask: AttentionMask(spelling: mask), documents: documents())
      return try experiment(input(), recipes, pattern).run(threads: 1).recipes[0].comparisons[0]
    }
    let (shared, copied) = (try results("anchor"), try results("anchor-copy"))
    #expect(shared.keys == copied.keys && shared.totals == copied.totals)
    #expect(shared.error.logit == copied.error.logit && shared.error.probability == copied.error.probability)
  }

  @Test func aSingleDocumentIsTheWholeWindow() throws {
    let recipes = [try RecipeRegistry.named("hf-bf16"), try RecipeRegistry.named("fp32")]
    let causal = try experiment(input(), recipes, nil).run(threads: 1)
    for spelling in ["full", "intra", "anchor", "anchor-copy", "window:\(Self.tokens)"] {
      let pattern = try AttentionPattern(
        mask: AttentionMask(spelling: spelling), documents: DocumentLayout(singleDocumentOf: Self.tokens))
      let other = try experiment(input(), recipes, pattern).run(threads: 3)
      for (a, b) in zip(causal.recipes, other.recipes) {
        #expect(a.comparisons[0].keys == b.comparisons[0].keys, "\(spelling)")
        #expect(a.comparisons[0].totals == b.comparisons[0].totals)
        #expect(a.comparisons[0].error.logit == b.comparisons[0].error.logit)
        #expect(a.comparisons[0].lengths == b.comparisons[0].lengths)
      }
    }
  }

  @Test func noByteOfAPatternDependsOnThreads() throws {
    let recipes = [try RecipeRegistry.named("hf-fp16")]
    let pattern = try AttentionPattern(
      mask: AttentionMask(spelling: "anchor+window:5"), policy: .reset, documents: documents("3:seed=1"))
    let one = try experiment(input(), recipes, pattern).run(threads: 1).recipes[0].comparisons[0]
    for threads in [2, 7] {
      let other = try experiment(input(), recipes, pattern).run(threads: threads).recipes[0].comparisons[0]
      #expect(one.keys == other.keys && one.distances == other.distances && one.totals == other.totals)
      #expect(one.error.keys == other.error.keys && one.lengths == other.lengths)
    }
  }

  @Test func patternsOfOtherTokensAndPositionsOutOfRangeAreRefused() throws {
    let recipes = [try RecipeRegistry.named("fp32")]
    #expect(throws: ExperimentError.patternOfOtherTokens(Self.tokens - 1, tokens: Self.tokens)) {
      try experiment(input(), recipes, AttentionPattern(causalOver: Self.tokens - 1))
    }
    let far = try AttentionPattern(
      policy: .list((0..<Self.tokens).map { (1 << 53) - Self.tokens + 1 + $0 }),
      documents: DocumentLayout(singleDocumentOf: Self.tokens))
    #expect(throws: ProblemError.self) { try experiment(input(), recipes, far) }
    let causal = try experiment(input(), recipes, AttentionPattern(causalOver: Self.tokens))
    #expect(try ColumnExperiment(causal, keys: [0]).keys == [0])
    let intra = try experiment(
      input(), recipes, AttentionPattern(mask: AttentionMask(spelling: "intra"), documents: documents()))
    #expect(throws: ExperimentError.self) { try ColumnExperiment(intra, keys: [0]) }
  }

  @Test func generatedDocumentsFillTheWindowAndDependOnTheSeed() throws {
    for spelling in [
      "log-normal:median=60,sigma=1,seed=3", "up-sampled:median=60,sigma=1,long=200,times=5,seed=3",
    ] {
      let generator = try DocumentGenerator(spelling: spelling)
      for tokens in [1, 2, 500, 20_000] {
        let layout = try DocumentLayout(generator.documents(tokens: tokens), tokens: tokens)
        #expect(layout.tokens == tokens)
      }
      let tagged = try DocumentLayout(
        generator.documents(tokens: 1000, tagTokens: 4), tokens: 1000, tagTokens: 4)
      #expect(tagged.documents.allSatisfy { $0.length > 4 })
      #expect(try DocumentGenerator(spelling: generator.spelling) == generator)
    }
    let plain = try DocumentGenerator(spelling: "log-normal:median=60,sigma=1").documents(tokens: 200_000)
    let sampled = try DocumentGenerator(spelling: "up-sampled:median=60,sigma=1,long=200").documents(
      tokens: 200_000)
    // Of lengths with median 60 and sigma 1, Φ(−ln(200/60)) = 11.4 % are at least 200; five times as frequent, 39 %.
    func long(_ description: DocumentDescription) -> Double {
      Double(description.entries.count { $0.length >= 200 }) / Double(description.entries.count)
    }
    #expect(abs(long(plain) - 0.114) < 0.02 && abs(long(sampled) - 0.391) < 0.03)
    let sorted = plain.entries.map(\.length).sorted()
    #expect(abs(sorted[sorted.count / 2] - 60) <= 4)
    for spelling in [
      "lognormal", "log-normal:mu=3", "log-normal:median=0", "log-normal:seed=-1", "up-sampled:times=1e9",
    ] {
      #expect(throws: PatternError.self, "\(spelling)") { try DocumentGenerator(spelling: spelling) }
    }
  }
}
