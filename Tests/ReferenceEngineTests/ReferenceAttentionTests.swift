// Probabilities and outputs of the reference against MPFR at 256 bits from the exact scores, and the edge cases.

import ArbitraryPrecision
import CMPFR
import FloatingPointFormats
import RotaryAttention
import TestSupport
import Testing

@testable import ReferenceEngine

@Suite struct ReferenceAttentionTests {
  private static let precision = 256

  /// A problem with its keys and queries.
  private struct Case {
    let head: ReferenceHead
    let problem: ReferenceProblem
    let queries: [Double]
    let keys: [Double]
    let size: Int
    let shift: Int
    var tokens: Int { keys.count / size }

    init(
      size: Int, tokens: Int, queries count: Int, shift: Int, spread: Double, seed: UInt64,
      scale: String? = nil
    ) throws {
      var generator = SeededGenerator(seed: seed)
      func matrix(_ count: Int) -> [Double] {
        (0..<count).map { _ in Double(generator.below(1 << 20) - 1 << 19) * 0x1p-19 * spread }
      }
      keys = matrix(tokens * size)
      queries = matrix(count * size)
      (self.size, self.shift) = (size, shift)
      let embedding = try RotaryEmbedding(headSize: size, base: NumberLiteral(10000), layout: .halfSplit)
      let positions = (0..<tokens).map { $0 + shift }
      problem = try ReferenceProblem(
        embedding: embedding,
        scale: scale.map { .value(try! NumberLiteral($0)) } ?? .inverseSquareRootOfHeadSize)
      let trigonometry = ReferenceTrigonometry(angles: problem.angles, positions: positions)
      head = ReferenceHead(
        problem: problem, trigonometry: trigonometry, keys: keys, keyRows: Array(0..<tokens))
    }

    /// The exact scores of a query.
    func exactScores(_ query: Int, _ range: Range<Int>) -> [ExactReal] {
      range.map { key in
        problem.relativeFormScore(
          query: Array(queries[query * size..<(query + 1) * size]),
          key: Array(keys[key * size..<(key + 1) * size]),
          queryPosition: shift + tokens - 1 - query, keyPosition: shift + key)!
      }
    }

    func attention(
      _ ranges: [Range<Int>], _ values: [Double], channels: Int
    ) throws -> (p: [Double], o: [Double], bounds: [Double], block: ReferenceHead.AttentionBlock) {
      var p = [Double](repeating: 7, count: ranges.count * tokens)
      var o = [Double](repeating: 7, count: ranges.count * channels)
      var bounds = o
      var block: ReferenceHead.AttentionBlock?
      try queries.withUnsafeBufferPointer { queries in
        try p.withUnsafeMutableBufferPointer { p in
          try o.withUnsafeMutableBufferPointer { o in
            try bounds.withUnsafeMutableBufferPointer {
              block = try head.attention(
                queries: UnsafeBufferPointer(rebasing: queries[..<(ranges.count * size)]),
                queryRows: ranges.indices.map { tokens - 1 - $0 }, keys: ranges,
                values: ReferenceValues(values, channels: channels), probabilities: p, stride: tokens,
                outputs: o,
                outputBounds: $0)
            }
          }
        }
      }
      return (p, o, bounds, block!)
    }
  }

  /// |result − exact| as a binary64 number rounded up, exact = Σ A_j·v_j with A from 256-bit exponentials of the exact scores.
  private func distances(
    _ scores: [ExactReal], _ values: [Double], channels: Int, p: ArraySlice<Double>, o: ArraySlice<Double>
  ) -> (p: [Double], o: [Double]) {
    let arena = MPFRArena(count: scores.count + 3, precision: Self.precision)
    func number(_ index: Int) -> MPFRPointer { arena[index] }
    let (sum, term, total) = (number(scores.count), number(scores.count + 1), number(scores.count + 2))
    mpfr_set_zero(sum, 1)
    for (index, score) in scores.enumerated() {
      let interval = score.interval(precision: Self.precision + 64)
      mpfr_set(term, interval.lower, MPFR_RNDN)
      mpfr_exp(number(index), UnsafePointer(term), MPFR_RNDN)
      mpfr_add(sum, UnsafePointer(sum), UnsafePointer(number(index)), MPFR_RNDN)
    }
    var p = Array(p), o = Array(o)
    for index in scores.indices {
      mpfr_div(number(index), UnsafePointer(number(index)), UnsafePointer(sum), MPFR_RNDN)
      // Relative.
      mpfr_sub_d(term, UnsafePointer(number(index)), p[index], MPFR_RNDA)
      mpfr_div(term, UnsafePointer(term), UnsafePointer(number(index)), MPFR_RNDA)
      p[index] = abs(mpfr_get_d(term, MPFR_RNDA))
    }
    for channel in 0..<channels {
      mpfr_set_zero(total, 1)
      for index in scores.indices {
        mpfr_mul_d(term, UnsafePointer(number(index)), values[index * channels + channel], MPFR_RNDN)
        mpfr_add(total, UnsafePointer(total), UnsafePointer(term), MPFR_RNDN)
      }
      mpfr_sub_d(term, UnsafePointer(total), o[channel], MPFR_RNDA)
      o[channel] = abs(mpfr_get_d(term, MPFR_RNDA))
    }
    return (p, o)
  }

  @Test(arguments: [
    (8, 40, 1.0, 0, nil), (64, 200, 2.0, 1_234_567, nil), (16, 60, 30.0, 131_000, nil),
    (2, 30, 1.0, 5, "700"),
    (4, 50, 1e-8, 9, nil),
  ]) func probabilitiesAndOutputsAreWithinTheirBounds(
    size: Int, tokens: Int, spread: Double, shift: Int, scale: String?
  ) throws {
    let problem = try Case(
      size: size, tokens: tokens, queries: 4, shift: shift, spread: spread, seed: 77, scale: scale)
    let channels = 5
    var generator = SeededGenerator(seed: 3)
    // Values that cancel, huge ones and tiny ones.
    let values = (0..<tokens * channels).map { index -> Double in
      let unit = Double(generator.below(1 << 30) - 1 << 29) * 0x1p-29
      return unit * [1, 1e12, 1e-300, 0, 0x1p1000][index % channels] * (index % 7 == 0 ? 1e5 : 1)
    }
    let ranges = [0..<tokens, 0..<tokens - 1, 3..<tokens / 2, 0..<1]
    let found = try problem.attention(ranges, values, channels: channels)
    var worst = 0.0
    for (query, range) in ranges.enumerated() {
      let distance = distances(
        problem.exactScores(query, range),
        Array(values[range.lowerBound * channels..<range.upperBound * channels]),
        channels: channels, p: found.p[query * tokens..<query * tokens + range.count],
        o: found.o[query * channels..<(query + 1) * channels])
      for (index, relative) in distance.p.enumerated() where found.p[query * tokens + index] > 0x1p-1000 {
        #expect(relative <= found.block.probabilityBounds[query])
      }
      for channel in 0..<channels {
        let bound = found.bounds[query * channels + channel]
        #expect(distance.o[channel] <= bound, "query \(query) channel \(channel)")
        if bound > 0 { worst = max(worst, distance.o[channel] / bound) }
      }
    }
    // The bound is one, and none that is far too wide everywhere; where one key has nearly all of a row, nothing is left to err.
    #expect(worst > 1e-4 || spread > 2)
  }

  /// An anchor with a window, runs out of order, no run, and infinite values that no run holds.
  @Test func rowsOverRunsAreWithinTheirBounds() throws {
    let (size, tokens, channels) = (8, 50, 3)
    let problem = try Case(size: size, tokens: tokens, queries: 4, shift: 131_000, spread: 2, seed: 78)
    var generator = SeededGenerator(seed: 4)
    var values = (0..<tokens * channels).map { _ in Double(generator.below(1 << 30) - 1 << 29) * 0x1p-29 }
    values[20 * channels] = .infinity
    let runs = [
      [KeyRun(keys: 0..<1, place: 0), KeyRun(keys: 30..<45, place: 30)],
      [KeyRun(keys: 40..<49, place: 5), KeyRun(keys: 7..<7, place: 20), KeyRun(keys: 2..<9, place: 90)], [],
      [KeyRun(keys: 0..<20, place: 0)],
    ]
    var p = [Double](repeating: 7, count: 4 * tokens)
    var o = [Double](repeating: 7, count: 4 * channels)
    var bounds = o
    var block: ReferenceHead.AttentionBlock?
    try problem.queries.withUnsafeBufferPointer { queries in
      try p.withUnsafeMutableBufferPointer { p in
        try o.withUnsafeMutableBufferPointer { o in
          try bounds.withUnsafeMutableBufferPointer {
            block = try problem.head.attention(
              queries: queries, queryRows: (0..<4).map { tokens - 1 - $0 }, runs: runs,
              values: ReferenceValues(values, channels: channels), probabilities: p, stride: tokens,
              outputs: o, outputBounds: $0)
          }
        }
      }
    }
    let found = try #require(block)
    let counts = found.counts
    #expect(counts.sliced + counts.doubleDouble + counts.bounded + counts.relativeForm == 16 + 16 + 20)
    for (query, runs) in runs.enumerated() {
      let keys = runs.flatMap(\.keys)
      #expect(p[query * tokens + keys.count..<(query + 1) * tokens].allSatisfy { $0 == 7 })
      guard !keys.isEmpty else {
        #expect(o[query * channels..<(query + 1) * channels].allSatisfy { $0.bitPattern == 0 })
        #expect(found.probabilityBounds[query] == 0)
        continue
      }
      let distance = distances(
        keys.map { problem.exactScores(query, $0..<$0 + 1)[0] },
        keys.flatMap { values[$0 * channels..<($0 + 1) * channels] }, channels: channels,
        p: p[query * tokens..<query * tokens + keys.count],
        o: o[query * channels..<(query + 1) * channels])
      #expect(distance.p.allSatisfy { $0 <= found.probabilityBounds[query] })
      for channel in 0..<channels { #expect(distance.o[channel] <= bounds[query * channels + channel]) }
    }
  }

  @Test func edgeCases() throws {
    let problem = try Case(size: 4, tokens: 6, queries: 3, shift: 0, spread: 1, seed: 5)
    var values = (0..<12).map(Double.init)
    values[2 * 2] = .infinity
    values[4 * 2] = -.infinity
    values[5 * 2 + 1] = .nan
    let found = try problem.attention([0..<4, 0..<0, 0..<6], values, channels: 2)
    #expect(found.o[0] == .infinity && found.bounds[0] == 0)
    #expect(found.o[1].isFinite && found.bounds[1] > 0)
    #expect(found.o[2].bitPattern == 0 && found.o[3].bitPattern == 0)
    #expect(found.bounds[2] == 0 && found.bounds[3] == 0)
    #expect(found.block.probabilityBounds[1] == 0)
    #expect(found.p[6] == 7 && found.p[11] == 7)
    #expect(found.o[4].isNaN && found.o[5].isNaN && found.bounds[4].isNaN)
    // An infinite value counts however small its probability is: beside e^0 it is e^-2000.
    func row(_ logits: [Double], _ values: [Double]) -> (p: [Double], o: Double, bound: Double) {
      var p = logits
      var (o, bound) = (7.0, 7.0)
      p.withUnsafeMutableBufferPointer { p in
        withUnsafeMutablePointer(to: &o) { o in
          withUnsafeMutablePointer(to: &bound) { bound in
            _ = certifiedAttention(
              p, keys: 0..<logits.count, values: ReferenceValues(values, channels: 1),
              outputs: UnsafeMutableBufferPointer(start: o, count: 1),
              bounds: UnsafeMutableBufferPointer(start: bound, count: 1))
          }
        }
      }
      return (p, o, bound)
    }
    let tiny = row([0, -2000], [1, .infinity])
    #expect(tiny.p == [1, 0] && tiny.o == .infinity)
    for special in [Double.nan, .infinity] {
      let result = row([1, special], [1, 2])
      #expect(result.p.allSatisfy { $0.isNaN })
      #expect(result.o.isNaN && result.bound.isNaN)
    }
    // Sums that would overflow do not.
    let great = row([0, 0, 0], [0x1p1023, 0x1p1023, 0x1p1023])
    #expect(great.o == 0x1p1023 && great.bound < 0x1p973)
    // Logits of which one unit in the last place is more than 1 say nothing of their exponentials.
    #expect(row([1e17, 1e17 - 16], [1, 2]).bound == .infinity)
  }

  /// The kernel's paths give the same bits, and those of the operations one by one.
  @Test func everyWayGivesTheSameBits() {
    var generator = SeededGenerator(seed: 8)
    for (keys, channels) in [(1, 1), (37, 16), (100, 19), (5, 64)] {
      let values = (0..<keys * channels).map { _ in Double(generator.below(1 << 40) - 1 << 39) }
      let logits = (0..<keys).map { _ in Double(generator.below(1000)) * 0.01 }
      var results: [[UInt64]] = []
      for path in [KernelPath.automatic, .scalar] {
        var (p, o, bounds) = (
          logits, [Double](repeating: 0, count: channels), [Double](repeating: 0, count: channels)
        )
        p.withUnsafeMutableBufferPointer { p in
          o.withUnsafeMutableBufferPointer { o in
            bounds.withUnsafeMutableBufferPointer {
              _ = certifiedAttention(
                p, keys: 0..<keys, values: ReferenceValues(values, channels: channels), outputs: o,
                bounds: $0,
                path: path)
            }
          }
        }
        results.append((p + o + bounds).map(\.bitPattern))
      }
      #expect(results[0] == results[1])
    }
  }
}
