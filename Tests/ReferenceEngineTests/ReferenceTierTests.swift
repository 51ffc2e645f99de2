// Which tier decides what, and the anchors of angles, against the tiers that need neither.

import ArbitraryPrecision
import FloatingPointFormats
import ReferenceEngine
import RotaryAttention
import Testing

@Suite struct ReferenceTierTests {
  private func uniform(_ seed: UInt64, _ count: Int) -> [Double] {
    (0..<count).map {
      let bits = Philox.bits(seed: seed, counter: RoundingCounter(UInt32($0)))
      return Double(Float(Double(Int64(bitPattern: bits) >> 11) * 0x1p-50))
    }
  }

  private func scores(
    _ problem: ReferenceProblem, _ queries: [Double], _ keys: [Double], positions: [Int],
    tier: ReferenceHead.Tier, path: KernelPath = .automatic
  ) throws -> (scores: [Double], counts: ReferenceHead.Counts) {
    let size = problem.embedding.headSize
    let count = queries.count / size
    let head = ReferenceHead(
      problem: problem,
      trigonometry: ReferenceTrigonometry(
        angles: problem.angles, attentionFactor: problem.attentionFactor, positions: positions, threads: 2),
      keys: keys, keyRows: Array(0..<keys.count / size), tier: tier, path: path)
    var result = [Double](repeating: 0, count: count * keys.count / size)
    let counts = try queries.withUnsafeBufferPointer { queries in
      try result.withUnsafeMutableBufferPointer {
        try head.scores(
          queries: queries, queryRows: Array(0..<count),
          keys: Array(repeating: 0..<keys.count / size, count: count), into: $0, stride: keys.count / size)
      }
    }
    return (result, counts)
  }

  /// Every tier against the decision that shares no formula with it, position lists in any order included.
  @Test(arguments: [
    [0, 1, 2, 3, 4, 5, 6, 7], [5, 5, 5, 5, 5, 5, 5, 5],
    [1 << 20, 3, -17, 1 << 40, 0, 131_071, -(1 << 30), 64],
    [1023, 1024, 1025, 2047, 2048, 2049, 4096, 65_535],
  ])
  func positionsInAnyOrder(positions: [Int]) throws {
    for (scaling, rotary) in [("none", 12), ("linear:factor=7", 8), ("yarn:factor=40,original=4096", 12)] {
      let embedding = try RotaryEmbedding(
        headSize: 12, rotarySize: rotary, base: NumberLiteral(500_000), layout: .interleaved,
        scaling: scaling == "none" ? .none : RotaryScaling(spelling: scaling))
      let problem = try ReferenceProblem(embedding: embedding, scale: .inverseSquareRootOfHeadSize)
      let (queries, keys) = (uniform(1, 8 * 12), uniform(2, 8 * 12))
      let fast = try scores(problem, queries, keys, positions: positions, tier: .fast)
      let simple = try scores(problem, queries, keys, positions: positions, tier: .simple)
      #expect(fast.scores.map(\.bitPattern) == simple.scores.map(\.bitPattern))
      for query in 0..<8 {
        for key in 0..<8 {
          let exact = problem.relativeFormScore(
            query: Array(queries[query * 12..<(query + 1) * 12]), key: Array(keys[key * 12..<(key + 1) * 12]),
            queryPosition: positions[query], keyPosition: positions[key])
          let expected = FloatingPointFormat.fp64.rounded(try #require(exact).exactValue())
          #expect(fast.scores[query * 8 + key].bitPattern == expected.bitPattern)
        }
      }
    }
  }

  /// Long runs: anchors that are made from the one before them.
  @Test func longRunsOfPositions() throws {
    let embedding = try RotaryEmbedding(headSize: 4, base: NumberLiteral(10000), layout: .halfSplit)
    let problem = try ReferenceProblem(embedding: embedding, scale: .inverseSquareRootOfHeadSize)
    let positions = Array(999_000..<999_000 + 3000)
    let (queries, keys) = (uniform(3, 2 * 4), uniform(4, 3000 * 4))
    let fast = try scores(problem, queries, keys, positions: positions, tier: .fast)
    let simple = try scores(problem, queries, keys, positions: positions, tier: .simple)
    #expect(fast.scores.map(\.bitPattern) == simple.scores.map(\.bitPattern))
    for key in [0, 1, 1023, 1024, 2999] {
      let exact = problem.relativeFormScore(
        query: Array(queries[4..<8]), key: Array(keys[key * 4..<(key + 1) * 4]),
        queryPosition: positions[1], keyPosition: positions[key])
      let expected = FloatingPointFormat.fp64.rounded(try #require(exact).exactValue())
      #expect(fast.scores[3000 + key].bitPattern == expected.bitPattern)
    }
  }

  /// Vectors that cancel by so much that slices cannot decide, but sums of two numbers can; then by too much for these.
  @Test(arguments: [(2, 0), (20, 1), (46, 2)])
  func eachTierDecidesWhatIsItsOwn(bits: Int, expected: Int) throws {
    let size = 64
    let embedding = try RotaryEmbedding(headSize: size, base: NumberLiteral(10000), layout: .halfSplit)
    let problem = try ReferenceProblem(embedding: embedding, scale: .value(NumberLiteral("0.3")))
    let query = uniform(5, size)
    var keys: [Double] = []
    for key in 0..<32 {
      // q·k = 0 at equal positions, but for a rest in one pair; the rotations differ by nothing.
      var vector = query
      for channel in 0..<size / 2 {
        vector[channel] = query[channel + size / 2]
        vector[channel + size / 2] = -query[channel]
      }
      vector[key] += Double(sign: .plus, exponent: -bits, significand: 1)
      keys += vector
    }
    let positions = Array(repeating: 131_071, count: 32)
    let simple = try scores(problem, query, keys, positions: positions, tier: .simple)
    let fast = try scores(problem, query, keys, positions: positions, tier: .fast)
    let scalar = try scores(problem, query, keys, positions: positions, tier: .fast, path: .scalar)
    #expect(fast.scores.map(\.bitPattern) == simple.scores.map(\.bitPattern))
    #expect(fast.scores.map(\.bitPattern) == scalar.scores.map(\.bitPattern))
    #expect(fast.counts == scalar.counts)
    let shares = [fast.counts.sliced, fast.counts.doubleDouble, fast.counts.bounded]
    #expect(shares[expected] >= 20, "\(shares), relative form \(fast.counts.relativeForm)")
  }

  /// Zero vectors, one key, one token.
  @Test func zerosAndSingleTokens() throws {
    let embedding = try RotaryEmbedding(
      headSize: 6, rotarySize: 4, base: NumberLiteral(10000), layout: .halfSplit)
    let problem = try ReferenceProblem(embedding: embedding, scale: .inverseSquareRootOfHeadSize)
    let zero = [Double](repeating: 0, count: 6)
    let minus = [Double](repeating: -0.0, count: 6)
    for (query, key) in [
      (zero, uniform(1, 6)), (minus, zero), (uniform(2, 6), minus), (uniform(2, 6), uniform(1, 6)),
    ] {
      let fast = try scores(problem, query, key, positions: [1 << 20], tier: .fast)
      let simple = try scores(problem, query, key, positions: [1 << 20], tier: .simple)
      #expect(fast.scores.map(\.bitPattern) == simple.scores.map(\.bitPattern))
    }
  }
}
