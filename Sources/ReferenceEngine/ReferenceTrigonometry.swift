// cos and sin of every angle once per position and pair, for all heads and layers that share the positions.

import ArbitraryPrecision
import CMPFR
import Dispatch

/// f·cos θ(p, i) and f·sin θ(p, i) at ``precision`` bits for a list of positions; each within 1.51·f·2^−precision of the exact value.
public final class ReferenceTrigonometry: Sendable {
  /// Working precision of the simple tier in bits.
  public static let precision = 128

  /// The positions, in the order of their rows.
  public let positions: [Int]
  /// Number of pairs.
  public let pairCount: Int
  // (positions, pairs, 2): cosine and sine.
  private let values: MPFRArena

  /// Computes the table.
  ///
  /// The unit of each pair is enclosed narrowly enough that unit times multiple is within 2^−192 of the angle; sin and cos of that
  /// approximation are then rounded once to ``precision`` bits, and their products with f once more where f is not 1.
  public init(
    angles: ExactAngles, attentionFactor: ExactReal = ExactReal(Rational(1)), positions: [Int],
    threads: Int = 1
  ) {
    self.positions = positions
    pairCount = angles.units.count
    let pairs = pairCount
    let values = MPFRArena(count: positions.count * pairs * 2, precision: Self.precision)
    self.values = values
    let rows = max(1, threads)
    DispatchQueue.concurrentPerform(iterations: rows) { worker in
      for pair in stride(from: worker, to: pairs, by: rows) {
        Self.fill(
          values, pair: pair, pairs: pairs, angles: angles, factor: attentionFactor, positions: positions)
      }
    }
  }

  private static func fill(
    _ values: MPFRArena, pair: Int, pairs: Int, angles: ExactAngles, factor: ExactReal, positions: [Int]
  ) {
    // |multiple| ≤ 2^63 in all uses; a relative width of 2^−320 leaves 2^−257 times the unit, and units are at most
    // 2^62 before this check raises the precision.
    var precision = 384
    var unit = angles.units[pair].interval(precision: precision)
    while !isNarrow(unit) {
      precision *= 2
      unit = angles.units[pair].interval(precision: precision)
    }
    let scaling =
      factor.rational == Rational(1) ? nil : factor.interval(precision: ExactReal.initialPrecision)
    let angle = MPFRNumber(precision: precision)
    let multiple = MPFRNumber(precision: precision)
    for (row, position) in positions.enumerated() {
      angles.multiple(position, pair).write(to: multiple.pointer, MPFR_RNDN)
      mpfr_mul(angle.pointer, multiple.pointer, unit.lower, MPFR_RNDN)
      let index = 2 * (row * pairs + pair)
      mpfr_sin_cos(values[index + 1], values[index], angle.pointer, MPFR_RNDN)
      if let scaling {
        mpfr_mul(values[index], UnsafePointer(values[index]), scaling.lower, MPFR_RNDN)
        mpfr_mul(values[index + 1], UnsafePointer(values[index + 1]), scaling.lower, MPFR_RNDN)
      }
    }
  }

  /// Whether upper − lower ≤ 2^−257.
  private static func isNarrow(_ interval: MPFRInterval) -> Bool {
    let width = MPFRNumber(precision: 64)
    mpfr_sub(width.pointer, interval.upper, interval.lower, MPFR_RNDU)
    return mpfr_zero_p(width.pointer) != 0 || mpfr_get_exp(width.pointer) <= -257
  }

  /// The cosine and sine of a row and pair.
  func cosineAndSine(row: Int, pair: Int) -> (cosine: MPFRPointer, sine: MPFRPointer) {
    let index = 2 * (row * pairCount + pair)
    return (values[index], values[index + 1])
  }
}
