// The simple tier over whole rows: rotate both vectors, multiply and add in MPFR, and prove for every score that the rounding is
// right. Scores that this cannot prove go to the relative form with its exact decision.

import ArbitraryPrecision
import CMPFR
import FloatingPointFormats
import RotaryAttention
import RoundingKernels

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
  // The fast tier; nil where a softcap leaves it out.
  private let slicedKeys: SlicedKeys?
  private let scaleParts: (high: Double, low: Double)
  private let scaleCeiling: Double
  private let growth: Double
  private let path: KernelPath
  private let format: FloatingPointFormat

  /// Rotates the keys of one head.
  ///
  /// - Parameters:
  ///   - problem: the problem; its angles must be those of `trigonometry`.
  ///   - trigonometry: cos and sin by row.
  ///   - keys: (tokens, d) row-major.
  ///   - keyRows: for each key, the row of its position in `trigonometry`.
  ///   - format: what scores are rounded to (nearest even); a subset of binary64.
  ///   - tier: `simple` leaves the fast tier out: for tests and for benchmarks.
  ///   - path: which way the fast tier's kernel goes.
  public init(
    problem: ReferenceProblem, trigonometry: ReferenceTrigonometry, keys: [Double], keyRows: [Int],
    format: FloatingPointFormat = .fp64, tier: Tier = .fast, path: KernelPath = .ofProcess
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
    growth = max(1, mpfr_get_d(factor.pointer, MPFR_RNDU))
    scaleCeiling = mpfr_get_d(scale.pointer, MPFR_RNDU)
    scaleParts = problem.scale.interval(precision: 192).leadingTwoNumbers
    self.path = path
    let growth = growth
    slicedKeys =
      tier == .fast && problem.softcap == nil && scaleCeiling > 0x1p-100 && scaleCeiling < 0x1p100
        && growth < 0x1p100
      ? SlicedKeys(rotated: arena, norms: norms.map { $0 * growth * (1 + 0x1p-50) }, channels: size) : nil
    // Three products, each within 2^−53: covered by the slack of the bound.
    scaleBound = mpfr_get_d(scale.pointer, MPFR_RNDU) * growth * growth * Double(size + 12) * 0x1p-127
  }

  /// Which tiers compute scores.
  public enum Tier: Sendable {
    /// Binary64 slices first, MPFR where they do not decide.
    case fast
    /// MPFR alone.
    case simple
  }

  /// How many scores each way of deciding took.
  public struct Counts: Sendable, Equatable {
    /// Decided by the fast tier in binary64.
    public var sliced = 0
    /// Decided by the bound above, in MPFR.
    public var bounded = 0
    /// Decided by the relative form.
    public var relativeForm = 0
    /// NaN, because a vector holds a NaN or an infinity.
    public var nonFinite = 0

    /// Zero of each.
    public init() {}

    /// Adds other counts.
    public static func += (a: inout Counts, b: Counts) {
      a.sliced += b.sliced
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
    let fast = fastScores(rotatedQuery, norm: queryNorm, keys: range)
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
      if let score = fast?[offset], let result = roundedToFormat(score) {
        scores[offset] = result
        counts.sliced += 1
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

  /// Scores in binary64, NaN where the fast tier does not decide; nil where it cannot work on this query.
  private func fastScores(_ query: MPFRArena, norm: Double, keys range: Range<Int>) -> [Double]? {
    guard let slicedKeys, norm < 0x1p300, !range.isEmpty else { return nil }
    let size = problem.embedding.headSize
    let width = SlicedKeys.width
    let scratch = MPFRNumber(precision: query.precision)
    return withUnsafeTemporaryAllocation(of: Double.self, capacity: 2 * size) { parts -> [Double]? in
      let (heads, tails) = (parts.baseAddress!, parts.baseAddress! + size)
      parts.initialize(repeating: 0)
      guard
        slicedKeys.slicing.slice(query.base, heads: heads, tails: tails, stride: 1, scratch: scratch.pointer)
      else { return nil }
      let tailNorm = SlicedKeys.norm(tails, channels: size, stride: 1)
      // Each bound times the scale, raised by more than the rounding of these products.
      var sliced = ropedrift_sliced_query(
        head: heads, tail: tails, norm: norm * growth * scaleCeiling * (1 + 0x1p-40),
        tail_norm: tailNorm * scaleCeiling * (1 + 0x1p-40), scale_high: scaleParts.high,
        scale_low: scaleParts.low)
      let first = range.lowerBound / width
      let blocks = (range.upperBound - 1) / width - first + 1
      let results = [Double](unsafeUninitializedCapacity: blocks * width) { buffer, count in
        slicedKeys.scores(
          &sliced, firstBlock: first, blocks: blocks, allowsVectors: path == .automatic,
          into: buffer.baseAddress!)
        count = blocks * width
      }
      let skipped = range.lowerBound - first * width
      return skipped == 0 ? results : Array(results[skipped...])
    }
  }

  /// A score that is correctly rounded to binary64, rounded to the format; nil where that does not decide.
  ///
  /// The exact score lies nearer to `score` than to any other binary64 number. Where the neighbours of `score` round to one value of
  /// the format, no boundary of its rounding lies between them, and the exact score rounds as they do.
  private func roundedToFormat(_ score: Double) -> Double? {
    if score.isNaN || format == .fp64 { return score.isNaN ? nil : score }
    let (below, above) = (
      format.rounded(ExactValue(score.nextDown)), format.rounded(ExactValue(score.nextUp))
    )
    return below == above && below != 0 && below.isFinite ? below : nil
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
