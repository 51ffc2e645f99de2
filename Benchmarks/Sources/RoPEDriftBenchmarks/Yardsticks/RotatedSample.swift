// A block of queries and keys, rotated in MPFR once and kept: what the loops of today's tools start from.

import ArbitraryPrecision
import BenchmarkHarness
import CMPFR
import RoPEDrift

/// Rotated vectors of `side` different queries and `side` different keys, chosen by a seed among T tokens.
final class RotatedSample {
  /// Tokens of the queries.
  let queryTokens: [Int]
  /// Tokens of the keys.
  let keyTokens: [Int]
  /// (side, d) numbers.
  let queries: MPFRArena
  /// (side, d) numbers.
  let keys: MPFRArena
  /// Bits of all numbers.
  let precision: Int
  private let channels = AttentionVectors.channels

  /// Rotates, at `precision` bits: ω = 10000^(−2i/d) and the angle with 64 bits more, one rounding a component.
  init(_ vectors: AttentionVectors, side: Int, precision: Int) {
    self.precision = precision
    precondition(side <= vectors.tokens)
    var words = SeededWords(seed: 7)
    // The beginning of a shuffle.
    func tokens() -> [Int] {
      var all = Array(0..<vectors.tokens)
      for index in 0..<side {
        all.swapAt(index, index + Int(words.next() % UInt64(all.count - index)))
      }
      return Array(all[..<side])
    }
    queryTokens = tokens()
    keyTokens = tokens()
    queries = MPFRArena(count: side * channels, precision: precision)
    keys = MPFRArena(count: side * channels, precision: precision)
    rotate(vectors.queries, queryTokens, into: queries)
    rotate(vectors.keys, keyTokens, into: keys)
  }

  private func rotate(_ vectors: [Double], _ tokens: [Int], into arena: MPFRArena) {
    let pairs = channels / 2
    let frequency = MPFRNumber(precision: precision + 64)
    let exponent = MPFRNumber(precision: precision + 64)
    let angle = MPFRNumber(precision: precision + 64)
    let cosine = MPFRNumber(precision: precision)
    let sine = MPFRNumber(precision: precision)
    let x = MPFRNumber(precision: 53)
    let y = MPFRNumber(precision: 53)
    for pair in 0..<pairs {
      // −2i/d is a binary fraction, as d is a power of two.
      mpfr_set_d(exponent.pointer, -Double(2 * pair) / Double(channels), MPFR_RNDN)
      mpfr_set_d(frequency.pointer, 10000, MPFR_RNDN)
      mpfr_pow(frequency.pointer, frequency.pointer, exponent.pointer, MPFR_RNDN)
      for (row, token) in tokens.enumerated() {
        mpfr_mul_d(angle.pointer, frequency.pointer, Double(token), MPFR_RNDN)
        mpfr_sin_cos(sine.pointer, cosine.pointer, angle.pointer, MPFR_RNDN)
        mpfr_set_d(x.pointer, vectors[token * channels + pair], MPFR_RNDN)
        mpfr_set_d(y.pointer, vectors[token * channels + pair + pairs], MPFR_RNDN)
        mpfr_fmms(
          arena[row * channels + pair], x.pointer, cosine.pointer, y.pointer, sine.pointer, MPFR_RNDN)
        mpfr_fmma(
          arena[row * channels + pair + pairs], x.pointer, sine.pointer, y.pointer, cosine.pointer, MPFR_RNDN)
      }
    }
  }

  /// The loop: d fused multiply-adds for each of `rows` × `columns` scores, the scale, and one rounding to binary64.
  func loop(rows: Int, columns: Int, scores: Buffer<Double>) {
    let sum = MPFRNumber(precision: precision)
    let scale = MPFRNumber(precision: precision)
    mpfr_set_ui(scale.pointer, UInt(channels), MPFR_RNDN)
    mpfr_rec_sqrt(scale.pointer, scale.pointer, MPFR_RNDN)
    for row in 0..<rows {
      for column in 0..<columns {
        mpfr_set_zero(sum.pointer, 1)
        var a = queries.base + row * channels
        var b = keys.base + column * channels
        for _ in 0..<channels {
          mpfr_fma(sum.pointer, a, b, sum.pointer, MPFR_RNDN)
          a += 1
          b += 1
        }
        mpfr_mul(sum.pointer, sum.pointer, scale.pointer, MPFR_RNDN)
        scores.base[row * columns + column] = mpfr_get_d(sum.pointer, MPFR_RNDN)
      }
    }
  }

  /// The loop over part of the sample as a contender; a score is a unit of work.
  func contender(side: Int) -> Contender {
    let scores = Buffer(side * side, repeating: 0.0)
    return .timed("MPFR loop, \(precision) bits", work: Double(side * side)) {
      self.loop(rows: side, columns: side, scores: scores)
    }
  }
}
