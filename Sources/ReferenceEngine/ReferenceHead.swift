// The simple tier over whole rows: rotate both vectors, multiply and add in MPFR, and prove for every score that the rounding is
// right. Scores that this cannot prove go to the relative form with its exact decision.

import ArbitraryPrecision
import CMPFR
import FloatingPointFormats
import RotaryAttention

/// Correctly rounded reference scores of one head: its keys rotated once, its queries row by row.
///
/// Error bound. Let u = 2^−128, n = d and F = max(1, f). Rotated components are within (√2·1.51 + 1)·u of the exact ones relative to
/// F times the norm of their pair, so that both rotations change q·k by at most 6.3·u·F²‖q‖‖k‖; n fused multiply-adds add at
/// most 1.01·n·u·F²‖q‖‖k‖ ([Higham2002], §3.1, with Cauchy–Schwarz); the rounded scale and the last product add
/// 3·u·scale·F²‖q‖‖k‖. A softcap, whose slope is at most 1, adds its own three roundings, at most 3.1·u·scale·F²‖q‖‖k‖. The bound
/// used, scale·F²‖q‖‖k‖·(n + 12)·2^−127, is almost twice that.
public final class ReferenceHead: Sendable {
  private let problem: ReferenceProblem
  private let trigonometry: ReferenceTrigonometry
  private let keys: [Double]
  private let keyRows: [Int]
  // (keys, d): rotated keys.
  private let rotatedKeys: MPFRArena
  private let keyNorms: [Double]
  private let scaleBound: Double
  private let format: FloatingPointFormat

  /// Rotates the keys of one head.
  ///
  /// - Parameters:
  ///   - problem: the problem; its angles must be those of `trigonometry`.
  ///   - trigonometry: cos and sin by row.
  ///   - keys: (tokens, d) row-major.
  ///   - keyRows: for each key, the row of its position in `trigonometry`.
  ///   - format: what scores are rounded to (nearest even); a subset of binary64.
  public init(
    problem: ReferenceProblem, trigonometry: ReferenceTrigonometry, keys: [Double], keyRows: [Int],
    format: FloatingPointFormat = .fp64
  ) {
    precondition(keys.count == keyRows.count * problem.embedding.headSize)
    self.problem = problem
    self.trigonometry = trigonometry
    self.keys = keys
    self.keyRows = keyRows
    self.format = format
    let size = problem.embedding.headSize
    let arena = MPFRArena(count: keys.count, precision: ReferenceTrigonometry.precision)
    rotatedKeys = arena
    var norms: [Double] = []
    let rotation = VectorRotation(problem: problem, trigonometry: trigonometry)
    for (token, row) in keyRows.enumerated() {
      keys.withUnsafeBufferPointer { keys in
        let vector = UnsafeBufferPointer(rebasing: keys[token * size..<(token + 1) * size])
        norms.append(Self.normBound(vector))
        rotation.rotate(vector, row: row, into: arena, at: token * size)
      }
    }
    keyNorms = norms
    let scale = MPFRNumber(precision: 53)
    mpfr_set(scale.pointer, problem.scale.interval(precision: 128).upper, MPFR_RNDU)
    let factor = MPFRNumber(precision: 53)
    mpfr_set(factor.pointer, problem.attentionFactor.interval(precision: 128).upper, MPFR_RNDU)
    let growth = max(1, mpfr_get_d(factor.pointer, MPFR_RNDU))
    // Three products, each within 2^−53: covered by the slack of the bound.
    scaleBound = mpfr_get_d(scale.pointer, MPFR_RNDU) * growth * growth * Double(size + 12) * 0x1p-127
  }

  /// How many scores each way of deciding took.
  public struct Counts: Sendable, Equatable {
    /// Decided by the bound above.
    public var bounded = 0
    /// Decided by the relative form.
    public var relativeForm = 0
    /// NaN, because a vector holds a NaN or an infinity.
    public var nonFinite = 0

    /// Zero of each.
    public init() {}

    /// Adds other counts.
    public static func += (a: inout Counts, b: Counts) {
      a.bounded += b.bounded
      a.relativeForm += b.relativeForm
      a.nonFinite += b.nonFinite
    }
  }

  /// The scores of one query against a range of keys, each correctly rounded to the format (nearest even), as binary64.
  ///
  /// A score whose query or key holds a NaN or an infinity is NaN.
  ///
  /// - Parameters:
  ///   - query: d channels.
  ///   - queryRow: the row of the query's position in the table.
  ///   - range: which keys.
  ///   - scores: one place a key of `range`.
  /// - Throws: ``UndecidedRounding`` where a score is not known to be transcendental and its rounding stays open.
  public func scores(
    query: UnsafeBufferPointer<Double>, queryRow: Int, keys range: Range<Int>,
    into scores: UnsafeMutableBufferPointer<Double>
  ) throws -> Counts {
    var counts = Counts()
    let size = problem.embedding.headSize
    let precision = ReferenceTrigonometry.precision
    let rotatedQuery = MPFRArena(count: size, precision: precision)
    VectorRotation(problem: problem, trigonometry: trigonometry)
      .rotate(query, row: queryRow, into: rotatedQuery, at: 0)
    let queryNorm = Self.normBound(query)
    let sum = MPFRNumber(precision: precision)
    let scale = MPFRNumber(precision: precision)
    mpfr_set(scale.pointer, problem.scale.interval(precision: precision).lower, MPFR_RNDN)
    let rounded = MPFRNumber(precision: format.precision)
    let cap = MPFRNumber(precision: precision)
    if let softcap = problem.softcap { _ = softcap.write(to: cap.pointer, MPFR_RNDN) }
    for (offset, key) in range.enumerated() {
      guard queryNorm.isFinite || query.allSatisfy(\.isFinite), keyNorms[key].isFinite || isFinite(key: key)
      else {
        scores[offset] = .nan
        counts.nonFinite += 1
        continue
      }
      let bound = scaleBound * (queryNorm * keyNorms[key])
      if bound.isFinite, bound > 0x1p-900 {
        mpfr_set_zero(sum.pointer, 1)
        var a = rotatedQuery.base
        var b = rotatedKeys.base + key * size
        for _ in 0..<size {
          mpfr_fma(sum.pointer, a, b, sum.pointer, MPFR_RNDN)
          a += 1
          b += 1
        }
        mpfr_mul(sum.pointer, sum.pointer, scale.pointer, MPFR_RNDN)
        if problem.softcap != nil {
          mpfr_div(sum.pointer, sum.pointer, cap.pointer, MPFR_RNDN)
          mpfr_tanh(sum.pointer, sum.pointer, MPFR_RNDN)
          mpfr_mul(sum.pointer, sum.pointer, cap.pointer, MPFR_RNDN)
        }
        if let score = roundedScore(sum.pointer, bound: bound, rounded.pointer) {
          scores[offset] = score
          counts.bounded += 1
          continue
        }
      }
      scores[offset] = try decidedScore(query: query, queryRow: queryRow, key: key)
      counts.relativeForm += 1
    }
    return counts
  }

  private func isFinite(key: Int) -> Bool {
    let size = problem.embedding.headSize
    return keys[key * size..<(key + 1) * size].allSatisfy(\.isFinite)
  }

  /// The score in the format if every number within `bound` of the approximation rounds alike and without under- or overflow.
  private func roundedScore(_ score: MPFRPointer, bound: Double, _ rounded: MPFRPointer) -> Double? {
    guard mpfr_zero_p(score) == 0 else { return nil }
    // MPFR's exponent is one above the binary exponent.
    let exponent = Int(mpfr_get_exp(score)) - 1
    guard exponent > format.minimumExponent, exponent < format.maximumExponent else { return nil }
    let correctBits = exponent + 1 - (Int(bound.exponent) + 1)
    guard correctBits > 0,
      mpfr_can_round(score, mpfr_exp_t(correctBits), MPFR_RNDN, MPFR_RNDN, mpfr_prec_t(format.precision)) != 0
    else { return nil }
    mpfr_set(rounded, score, MPFR_RNDN)
    return mpfr_get_d(rounded, MPFR_RNDN)
  }

  private func decidedScore(query: UnsafeBufferPointer<Double>, queryRow: Int, key: Int) throws -> Double {
    let size = problem.embedding.headSize
    let score = problem.relativeFormScore(
      query: Array(query), key: Array(keys[key * size..<(key + 1) * size]),
      queryPosition: trigonometry.positions[queryRow], keyPosition: trigonometry.positions[keyRows[key]])
    guard let score else { return .nan }
    return format.rounded(try score.exactValue())
  }

  /// A bound ‖x‖ ≤ result: the computed norm, whose relative error is below (n + 2)·2^−53, raised by 2^−30; infinite where the
  /// squares overflow, and not below 2^−500 where they might underflow.
  static func normBound(_ vector: UnsafeBufferPointer<Double>) -> Double {
    var sum = 0.0
    for x in vector { sum += x * x }
    if vector.allSatisfy({ $0 == 0 }) { return 0 }
    return max(sum.squareRoot() * (1 + 0x1p-30), 0x1p-500)
  }
}

/// R(p)x in MPFR, one rounding a component.
struct VectorRotation {
  let problem: ReferenceProblem
  let trigonometry: ReferenceTrigonometry

  /// Writes the rotated vector to `arena` from `start`. A vector with a NaN or an infinity gives some NaNs.
  func rotate(_ vector: UnsafeBufferPointer<Double>, row: Int, into arena: MPFRArena, at start: Int) {
    let embedding = problem.embedding
    let x = MPFRNumber(precision: 53)
    let y = MPFRNumber(precision: 53)
    for pair in 0..<embedding.pairCount {
      let (a, b) = embedding.layout.channels(ofPair: pair, rotarySize: embedding.rotarySize)
      let (cosine, sine) = trigonometry.cosineAndSine(row: row, pair: pair)
      mpfr_set_d(x.pointer, vector[a], MPFR_RNDN)
      mpfr_set_d(y.pointer, vector[b], MPFR_RNDN)
      mpfr_fmms(arena[start + a], x.pointer, cosine, y.pointer, sine, MPFR_RNDN)
      mpfr_fmma(arena[start + b], x.pointer, sine, y.pointer, cosine, MPFR_RNDN)
    }
    for channel in embedding.rotarySize..<embedding.headSize {
      mpfr_set_d(arena[start + channel], vector[channel], MPFR_RNDN)
    }
  }
}
