// cos and sin in binary64 with a proven bound and no library function: a screen that decides which entries of a table are worth
// exact evaluation, and the first step of correct rounding.

import ArbitraryPrecision
import CMPFR

/// Approximate cos and sin whose error is below ``bound``.
///
/// x = n·π/2 + r with π/2 in three parts of 33, 33 and 53 bits [Knuth1997]: for |x| ≤ 2^20, n < 2^20, n times the first two parts
/// is exact and so is the first difference; r carries an error below 2^−52. Taylor's series to r^17 leaves less than 2^−58 for
/// |r| ≤ 0.786; its evaluation adds less than 2^−51.
struct BoundedTrigonometry: Sendable {
  /// The one instance.
  static let shared = BoundedTrigonometry()
  /// Bound of the absolute error of both functions, with room to spare.
  static let bound = 0x1p-47
  /// Largest |x|.
  static let limit = 0x1p20

  private let parts: (Double, Double, Double)
  private let inverse: Double

  private init() {
    let rest = MPFRNumber(precision: 256)
    mpfr_const_pi(rest.pointer, MPFR_RNDN)
    mpfr_div_2ui(rest.pointer, UnsafePointer(rest.pointer), 1, MPFR_RNDN)
    inverse = 1 / mpfr_get_d(rest.pointer, MPFR_RNDN)
    var values: [Double] = []
    for bits in [33, 33, 53] {
      let part = MPFRNumber(precision: bits)
      mpfr_set(part.pointer, rest.pointer, MPFR_RNDZ)
      values.append(mpfr_get_d(part.pointer, MPFR_RNDN))
      mpfr_sub(rest.pointer, UnsafePointer(rest.pointer), part.pointer, MPFR_RNDN)
    }
    parts = (values[0], values[1], values[2])
  }

  /// cos and sin of high + low, |low| ≤ 2^−52·|high|; nil beyond ``limit`` and for NaN.
  func cosineAndSine(_ high: Double, _ low: Double = 0) -> (cosine: Double, sine: Double)? {
    guard high.magnitude <= Self.limit else { return nil }
    let turns = (high * inverse).rounded(.toNearestOrEven)
    let r = ((high - turns * parts.0) - turns * parts.1) - turns * parts.2
    let square = r * r
    let sine = r + r * square * Self.series(Self.sineTerms, square)
    let cosine = 1 + square * Self.series(Self.cosineTerms, square)
    let (c, s): (Double, Double) =
      switch Int(turns) & 3 {
      case 0: (cosine, sine)
      case 1: (-sine, cosine)
      case 2: (-cosine, -sine)
      default: (sine, -cosine)
      }
    // The terms in low² are below 2^−65.
    return (c - low * s, s + low * c)
  }

  @inline(__always) private static func series(_ terms: [Double], _ square: Double) -> Double {
    var sum = 0.0
    for term in terms { sum = sum * square + term }
    return sum
  }

  /// ±1/(2k+1)! for k = 8 … 1.
  private static let sineTerms = (1...8).reversed().map {
    reciprocalFactorial(2 * $0 + 1, negative: $0 & 1 == 1)
  }
  /// ±1/(2k)! for k = 8 … 1.
  private static let cosineTerms = (1...8).reversed().map {
    reciprocalFactorial(2 * $0, negative: $0 & 1 == 1)
  }

  private static func reciprocalFactorial(_ n: Int, negative: Bool) -> Double {
    (negative ? -1 : 1) / (1...n).reduce(1.0) { $0 * Double($1) }
  }
}
