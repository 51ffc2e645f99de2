// The sliced tier against the simple one, bit for bit, on inputs made to be hard for it.

import FloatingPointFormats
import ReferenceEngine
import RotaryAttention
import Testing

@Suite struct SlicedTierTests {
  private struct Rows {
    var scores: [Double]
    var counts: ReferenceHead.Counts
  }

  /// All scores of a causal square, query i at position first + i.
  private func rows(
    _ queries: [Double], _ keys: [Double], embedding: RotaryEmbedding, scale: AttentionScale,
    firstPosition: Int,
    tier: ReferenceHead.Tier, path: KernelPath = .automatic, format: FloatingPointFormat = .fp64
  ) throws -> Rows {
    let size = embedding.headSize
    let tokens = keys.count / size
    let problem = try ReferenceProblem(embedding: embedding, scale: scale)
    let trigonometry = ReferenceTrigonometry(
      angles: problem.angles, attentionFactor: problem.attentionFactor,
      positions: (0..<tokens).map { firstPosition + $0 })
    let head = ReferenceHead(
      problem: problem, trigonometry: trigonometry, keys: keys, keyRows: Array(0..<tokens), format: format,
      tier: tier, path: path)
    let count = queries.count / size
    // Ranges that begin and end inside a block of keys too.
    let ranges = (0..<count).map { $0 % 3..<max($0 % 3, tokens - $0 % 5) }
    var row = [Double](repeating: 7, count: count * tokens)
    let whole = try queries.withUnsafeBufferPointer { queries in
      try row.withUnsafeMutableBufferPointer {
        try head.scores(
          queries: queries, queryRows: Array(0..<count), keys: ranges, into: $0, stride: tokens)
      }
    }
    var result = Rows(scores: [], counts: whole)
    for (query, range) in ranges.enumerated() {
      let places = row[query * tokens..<(query + 1) * tokens]
      result.scores += places.prefix(range.count)
      #expect(places.dropFirst(range.count).allSatisfy { $0 == 7 }, "written beyond the range")
    }
    guard tier == .fast else { return result }
    // One query at a time gives the same.
    var single = Rows(scores: [], counts: ReferenceHead.Counts())
    for (query, range) in ranges.enumerated() {
      var row = [Double](repeating: 7, count: range.count)
      single.counts += try queries[query * size..<(query + 1) * size].withUnsafeBufferPointer { vector in
        try row.withUnsafeMutableBufferPointer {
          try head.scores(query: vector, queryRow: query, keys: range, into: $0)
        }
      }
      single.scores += row
    }
    #expect(single.scores.map(\.bitPattern) == result.scores.map(\.bitPattern), "one query at a time")
    #expect(single.counts == result.counts, "one query at a time")
    return result
  }

  private func uniform(_ seed: UInt64, _ count: Int) -> [Double] {
    (0..<count).map {
      let bits = Philox.bits(seed: seed, counter: RoundingCounter(UInt32($0)))
      return Double(Float(Double(Int64(bitPattern: bits) >> 11) * 0x1p-50))
    }
  }

  private func expectEqualTiers(
    _ queries: [Double], _ keys: [Double], _ embedding: RotaryEmbedding,
    scale: AttentionScale = .inverseSquareRootOfHeadSize, firstPosition: Int = 0, leastShare: Double,
    format: FloatingPointFormat = .fp64, _ name: String
  ) throws {
    func run(_ tier: ReferenceHead.Tier, _ path: KernelPath = .automatic) throws -> Rows {
      try rows(
        queries, keys, embedding: embedding, scale: scale, firstPosition: firstPosition, tier: tier,
        path: path,
        format: format)
    }
    let simple = try run(.simple)
    let fast = try run(.fast)
    let scalar = try run(.fast, .scalar)
    #expect(simple.counts.sliced == 0)
    #expect(simple.scores.map(\.bitPattern) == fast.scores.map(\.bitPattern), "\(name)")
    #expect(fast.scores.map(\.bitPattern) == scalar.scores.map(\.bitPattern), "\(name): vectors and scalars")
    #expect(fast.counts == scalar.counts, "\(name): vectors and scalars decide alike")
    let share = Double(fast.counts.sliced) / Double(fast.scores.count)
    #expect(share >= leastShare, "\(name): only \(share) of the scores are decided in binary64")
  }

  @Test(arguments: [
    (2, 2), (3, 2), (4, 4), (7, 4), (17, 6), (33, 32), (64, 64), (96, 24), (128, 128), (130, 130), (257, 256),
    (512, 512),
  ])
  func randomVectors(size: Int, rotary: Int) throws {
    for layout in RotaryLayout.allCases {
      let embedding = try RotaryEmbedding(
        headSize: size, rotarySize: rotary, base: NumberLiteral(500_000), layout: layout)
      try expectEqualTiers(
        uniform(1, 5 * size), uniform(2, 21 * size), embedding, firstPosition: 131_060, leastShare: 0.97,
        "random d \(size)")
    }
  }

  /// Keys nearly orthogonal to the query at equal positions and rotated: the sum is 2^−60 and less of its terms.
  @Test(arguments: [20, 40, 60, 80])
  func cancellation(bits: Int) throws {
    let size = 64
    let embedding = try RotaryEmbedding(headSize: size, base: NumberLiteral(10000), layout: .halfSplit)
    var queries = uniform(3, 5 * size)
    var keys = uniform(4, 18 * size)
    for key in 0..<18 {
      for channel in 0..<size / 2 {
        // q_a k_a + q_b k_b = 0 in every pair of query 1, but for one small rest.
        keys[key * size + channel] = queries[size + channel + size / 2]
        keys[key * size + channel + size / 2] = -queries[size + channel]
      }
      keys[key * size + key] += Double(sign: .plus, exponent: -bits, significand: 1)
    }
    for channel in 0..<size { queries[2 * size + channel] = queries[size + channel] }
    try expectEqualTiers(queries, keys, embedding, leastShare: 0, "cancellation by 2^\(bits)")
  }

  /// Base 1 with equal positions and dyadic vectors: sums that are binary64 numbers, ties, and one unit beside them.
  @Test func exactScoresAndTies() throws {
    let embedding = try RotaryEmbedding(headSize: 4, base: NumberLiteral(10000), layout: .interleaved)
    let queries: [Double] = [2, 2, 0, 0, 1, 1, 1, 1, 2, 0x1p-30, 0, 0]
    var keys: [Double] = []
    for exponent in 50...56 {
      keys += [1, Double(sign: .plus, exponent: -exponent, significand: 1), 0, 0]
      keys += [1, -Double(sign: .plus, exponent: -exponent, significand: 1), 0, 0]
      keys += [1.5, Double(sign: .plus, exponent: -exponent, significand: 1.5), 0x1p-70, 0]
    }
    for scale in [AttentionScale.inverseSquareRootOfHeadSize, .value(try NumberLiteral("1/3"))] {
      try expectEqualTiers(queries, keys, embedding, scale: scale, leastShare: 0, "ties")
    }
    // Base 1: every pair has the same angle, so that whole rotations cancel.
    let flat = try RotaryEmbedding(headSize: 4, base: NumberLiteral(1), layout: .interleaved)
    try expectEqualTiers(queries, keys, flat, leastShare: 0, "base 1")
  }

  @Test func hugeTinyAndZeroVectors() throws {
    let size = 8
    let embedding = try RotaryEmbedding(headSize: size, base: NumberLiteral(10000), layout: .halfSplit)
    var queries = uniform(5, 5 * size)
    var keys = uniform(6, 16 * size)
    let factors = [
      1, 0x1p-149, 0x1p120, 0x1p-290, 0x1p-310, 0x1p290, 0x1p310, 0x1p-500, 0, 0x1p-1060, 0x1p500,
    ]
    for (key, factor) in factors.enumerated() {
      for channel in 0..<size { keys[key * size + channel] *= factor }
    }
    for (query, factor) in [1, 0x1p-200, 0x1p200, 0x1p-149, 0x1p299].enumerated() {
      for channel in 0..<size { queries[query * size + channel] *= factor }
    }
    keys[12 * size] = .nan
    keys[13 * size + 3] = -.infinity
    keys[14 * size + 5] = 0x1p-1074
    // Fixed head, one channel 2^200 above the others.
    keys[15 * size + 2] = 0x1p200
    try expectEqualTiers(queries, keys, embedding, leastShare: 0.2, "extremes")
  }

  @Test(arguments: ["yarn:factor=40,original=4096", "linear:factor=7"])
  func attentionFactorsAndScales(scaling: String) throws {
    let embedding = try RotaryEmbedding(
      headSize: 16, base: NumberLiteral(10000), layout: .halfSplit, scaling: RotaryScaling(spelling: scaling))
    for scale in ["1e-20", "0.13523377886", "7", "1e40"] {
      try expectEqualTiers(
        uniform(7, 4 * 16), uniform(8, 19 * 16), embedding, scale: .value(NumberLiteral(scale)),
        firstPosition: 1 << 40, leastShare: scale == "1e40" ? 0 : 0.95, "scale \(scale)")
    }
  }

  @Test(arguments: [FloatingPointFormat.bf16, .fp16, .fp32])
  func narrowerFormats(format: FloatingPointFormat) throws {
    let embedding = try RotaryEmbedding(headSize: 16, base: NumberLiteral(10000), layout: .halfSplit)
    let queries = uniform(9, 6 * 16).map { FloatingPointFormat.bf16.rounded(ExactValue($0)) }
    let keys = uniform(10, 40 * 16).map { FloatingPointFormat.bf16.rounded(ExactValue($0)) }
    try expectEqualTiers(queries, keys, embedding, leastShare: 0.9, format: format, "format")
    // Small integers at equal positions: ties of bf16 and fp16.
    let integers = (0..<40 * 16).map { Double(($0 * 7919) % 257 - 128) }
    try expectEqualTiers(
      Array(integers[..<96]), integers, embedding, leastShare: 0.5, format: format, "integers")
  }
}
