// p·ω and its cos and sin for runs of positions at twice the precision of binary64, without MPFR at every position: the exact side
// of every figure about tables.

import ArbitraryPrecision
import CMPFR
import ReferenceEngine
import RoundingKernels

/// Exact angles θ = p·ω of one frequency, and f·cos θ and f·sin θ, as unevaluated sums of two binary64 numbers.
///
/// With p = 1024·a + b, MPFR gives 1024aω, its cos and sin once for every a, and cos and sin of bω once for all, from few that it
/// evaluates; the rest is the addition theorem. MPFR's numbers are cut into pieces of 26 bits, so that the leading products are exact in binary64 without a
/// fused multiply-add. Error of the sums high + low:
///
/// - θ: at most 2^−102·|θ|. ω is cut at 32, 64 and 96 bits, so that b times a piece is exact; the pieces of bω and of 1024aω
///   (106 bits) are added with their rounding errors kept but for the last addition of numbers below 2^−53·θ.
/// - f·cos θ, f·sin θ: at most 2^−74·f. Products of leading pieces are exact; the middle products (2^−26) are exact and added with
///   three roundings of 2^−79; all else is below 2^−52 with roundings of 2^−105. MPFR's own error is 2^−127.
final class ExactRotation: Sendable {
  /// Positions that share an a.
  static let span = 1024

  /// ω.
  let frequency: ExactReal
  /// ω where it is a binary64 number of at most 32 bits, such as 1.
  let number: Double?
  /// ω in pieces of 32 bits.
  let pieces: (Double, Double, Double)
  /// f as the nearest binary64 number.
  let factor: Double
  /// Whether f is 1.
  let hasFactor: Bool
  private let unit: MPFRInterval
  private let exactFactor: MPFRInterval?
  // (6, span): the pieces of cos bω, then of sin bω.
  private let steps: [Double]
  // (span, 2): cos and sin of 1024·aω.
  private let strides: MPFRArena

  /// Prepares a frequency and an attention factor.
  init(frequency: ExactReal, attentionFactor: ExactReal) {
    self.frequency = frequency
    hasFactor = attentionFactor.rational != Rational(1)
    exactFactor = hasFactor ? attentionFactor.interval(precision: ExactReal.initialPrecision) : nil
    factor = exactFactor.map { mpfr_get_d($0.lower, MPFR_RNDN) } ?? 1
    // As in ReferenceTrigonometry: times 2^53 at most, this leaves an error far below 2^−192 of the angle.
    var precision = 384
    while !Self.isNarrow(frequency.interval(precision: precision)) { precision *= 2 }
    unit = frequency.interval(precision: precision)
    let cut = Self.pieces(of: unit.lower, bits: [32, 32, 32])
    pieces = (cut[0], cut[1], cut[2])
    number = unit.isPoint && cut[1] == 0 && cut[2] == 0 && mpfr_cmp_d(unit.lower, cut[0]) == 0 ? cut[0] : nil

    let turns = Self.turns(by: unit, times: 1)
    strides = Self.turns(by: unit, times: Self.span)
    var steps = [Double](repeating: 0, count: 6 * Self.span)
    withExtendedLifetime(turns) {
      for step in 0..<Self.span {
        let cosine = Self.cut(turns[2 * step], factor: nil)
        let sine = Self.cut(turns[2 * step + 1], factor: nil)
        for (piece, value) in [cosine.0, cosine.1, cosine.2, sine.0, sine.1, sine.2].enumerated() {
          steps[piece * Self.span + step] = value
        }
      }
    }
    self.steps = steps
  }

  /// The precision of cos and sin in MPFR.
  private static let turnPrecision = 192

  /// cos and sin of k·(multiple·ω) for k below ``span``, each from the one before by the addition theorem: k roundings of 2^−192.
  private static func turns(by unit: MPFRInterval, times multiple: Int) -> MPFRArena {
    let turns = MPFRArena(count: 2 * span, precision: turnPrecision)
    mpfr_set_si(turns[0], 1, MPFR_RNDN)
    mpfr_set_si(turns[1], 0, MPFR_RNDN)
    let (cosine, sine) = (turns[2], turns[3])
    writeTurn(by: unit, times: multiple, cosine: cosine, sine: sine)
    for step in 2..<span {
      let (c, s) = (turns[2 * step - 2], turns[2 * step - 1])
      mpfr_fmms(turns[2 * step], c, cosine, s, sine, MPFR_RNDN)
      mpfr_fmma(turns[2 * step + 1], s, cosine, c, sine, MPFR_RNDN)
    }
    return turns
  }

  private static func writeTurn(
    by unit: MPFRInterval, times multiple: Int, cosine: MPFRPointer, sine: MPFRPointer
  ) {
    let angle = MPFRNumber(precision: unit.precision)
    mpfr_mul_si(angle.pointer, unit.lower, multiple, MPFR_RNDN)
    mpfr_sin_cos(sine, cosine, angle.pointer, MPFR_RNDN)
  }

  /// Whether an interval's width is at most 2^−320 of its lower end.
  private static func isNarrow(_ interval: MPFRInterval) -> Bool {
    let width = MPFRNumber(precision: 64)
    mpfr_sub(width.pointer, interval.upper, interval.lower, MPFR_RNDU)
    return mpfr_zero_p(width.pointer) != 0
      || (mpfr_zero_p(interval.lower) == 0
        && mpfr_get_exp(width.pointer) <= mpfr_get_exp(interval.lower) - 320)
  }

  /// x as numbers of so many bits, the first nearest to x, each further one nearest to what is left.
  private static func pieces(of x: MPFRPointer, bits: [Int]) -> [Double] {
    let rest = MPFRNumber(precision: max(Int(mpfr_get_prec(x)), 128))
    mpfr_set(rest.pointer, x, MPFR_RNDN)
    return bits.map { bits in
      let piece = MPFRNumber(precision: bits)
      mpfr_set(piece.pointer, rest.pointer, MPFR_RNDN)
      mpfr_sub(rest.pointer, UnsafePointer(rest.pointer), piece.pointer, MPFR_RNDN)
      return mpfr_get_d(piece.pointer, MPFR_RNDN)
    }
  }

  /// A number, times a factor, as pieces of 26, 26 and 53 bits.
  private static func cut(_ number: MPFRPointer, factor: MPFRInterval?) -> (Double, Double, Double) {
    let rest = MPFRNumber(precision: 128)
    let x = rest.pointer
    mpfr_set(x, number, MPFR_RNDN)
    if let factor { mpfr_mul(x, UnsafePointer(x), factor.lower, MPFR_RNDN) }
    func piece() -> Double {
      // Veltkamp's splitting: the nearest number of 26 bits.
      let nearest = mpfr_get_d(x, MPFR_RNDN)
      let scaled = nearest * 0x8000001
      let piece = scaled - (scaled - nearest)
      mpfr_sub_d(x, UnsafePointer(x), piece, MPFR_RNDN)
      return piece
    }
    let first = piece()
    let second = piece()
    return (first, second, mpfr_get_d(x, MPFR_RNDN))
  }

  /// What all positions 1024a … 1024a + 1023 share.
  struct Base {
    fileprivate let angle: (Double, Double)
    fileprivate let cosine: (Double, Double, Double)
    fileprivate let sine: (Double, Double, Double)
  }

  /// The base of the positions from `position`, a multiple of ``span``, on; of f·cos and f·sin where `scaled`.
  func base(at position: Int, scaled: Bool) -> Base {
    let angle = MPFRNumber(precision: unit.precision)
    mpfr_mul_si(angle.pointer, unit.lower, position, MPFR_RNDN)
    let pieces = Self.pieces(of: angle.pointer, bits: [53, 53])
    let factor = scaled ? exactFactor : nil
    let stride = position / Self.span
    let (near, far) = (stride % Self.span, stride / Self.span * Self.span)
    var (cosine, sine): (MPFRPointer, MPFRPointer) = (strides[2 * near], strides[2 * near + 1])
    let turn = MPFRArena(count: 4, precision: Self.turnPrecision)
    if far > 0 {
      Self.writeTurn(by: unit, times: far * Self.span, cosine: turn[0], sine: turn[1])
      mpfr_fmms(turn[2], turn[0], cosine, turn[1], sine, MPFR_RNDN)
      mpfr_fmma(turn[3], turn[1], cosine, turn[0], sine, MPFR_RNDN)
      (cosine, sine) = (turn[2], turn[3])
    }
    return withExtendedLifetime(turn) {
      Base(
        angle: (pieces[0], pieces[1]), cosine: Self.cut(cosine, factor: factor),
        sine: Self.cut(sine, factor: factor))
    }
  }

  /// Writes θ of the positions base + offset, base + offset + 1, ….
  ///
  /// - Parameter count: a multiple of 8.
  func writeAngles(
    _ base: Base, offset: Int, count: Int, to angles: ropedrift_lane_sums, path: KernelPath
  ) {
    withUnsafeNumbers(base.angle, pieces) { start, pieces in
      ropedrift_exact_angles(start, pieces, Double(offset), count, angles, path.allowsVectors)
    }
  }

  /// Writes cos and sin (times f, as the base has it) of the positions base + offset, base + offset + 1, ….
  ///
  /// - Parameter count: a multiple of 8.
  func writeRotations(
    _ base: Base, offset: Int, count: Int, cosine: ropedrift_lane_sums, sine: ropedrift_lane_sums,
    path: KernelPath
  ) {
    let (c, s) = (base.cosine, base.sine)
    steps.withUnsafeBufferPointer { steps in
      withUnsafeNumbers((c.0, c.1, c.2, s.0, s.1, s.2), 0.0) { start, _ in
        ropedrift_exact_rotations(
          start, steps.baseAddress! + offset, Self.span, count, cosine, sine, path.allowsVectors)
      }
    }
  }
}

/// Tuples of binary64 numbers as what C takes for arrays.
func withUnsafeNumbers<First, Second, Result>(
  _ first: First, _ second: Second,
  _ body: (UnsafePointer<Double>, UnsafePointer<Double>) throws -> Result
) rethrows -> Result {
  try withUnsafeBytes(of: first) { first in
    try withUnsafeBytes(of: second) { second in
      try body(
        first.baseAddress!.assumingMemoryBound(to: Double.self),
        second.baseAddress!.assumingMemoryBound(to: Double.self))
    }
  }
}
