// The phase that a stored cos and sin stand for, against the exact angle: what a table's error is in radians.

import ArbitraryPrecision
import CMPFR
import FloatingPointFormats

/// |arg(ĉ + iŝ) − p·ω| to the nearest multiple of 2π, of stored numbers ĉ and ŝ that are not both zero.
///
/// With c = cos(p·ω), s = sin(p·ω): x = ĉc + ŝs and y = ŝc − ĉs are the stored direction seen from the exact one, and the phase is
/// |atan2(y, x)|.
enum StoredPhase {
  /// A number that grows with the phase from 0 (phase 0) to 2 (phase π), for screening: y²/(x² + y²), mirrored where x < 0.
  static func screened(
    stored: (cosine: Double, sine: Double), exact: (cosine: Double, sine: Double)
  ) -> BoundedNumber {
    let x = stored.cosine * exact.cosine + stored.sine * exact.sine
    let y = stored.sine * exact.cosine - stored.cosine * exact.sine
    let square = stored.cosine * stored.cosine + stored.sine * stored.sine
    // |∂/∂y (y²/r²)| ≤ 2/r; x and y carry at most 2·r·bound and a few roundings. Beside x = 0 the branch does not matter.
    let part = y * y / square
    return BoundedNumber(value: x < 0 ? 2 - part : part, bound: 16 * BoundedTrigonometry.bound)
  }

  /// The phase, rounded once to binary64.
  ///
  /// - Throws: ``StepFailure`` where 4096 bits do not decide the rounding.
  static func rounded(stored: (cosine: Double, sine: Double), exact angle: ExactReal) throws -> Double {
    let (c, s) = (angle.cosine, angle.sine)
    let (cosine, sine) = (ExactReal(stored.cosine), ExactReal(stored.sine))
    let x = ExactReal.sum([cosine * c, sine * s])
    let y = ExactReal.sum([sine * c, -(cosine * s)])
    if y.isZero, try x.isZero || ExactReal.isLess(ExactReal(Rational(0)), x) { return 0 }
    let height = try y.magnitude()
    var precision = 256
    while precision <= 4096 {
      // For y > 0 atan2 grows with y and falls with x.
      let (h, w) = (height.interval(precision: precision), x.interval(precision: precision))
      let low = MPFRNumber(precision: precision)
      let high = MPFRNumber(precision: precision)
      mpfr_atan2(low.pointer, h.lower, w.upper, MPFR_RNDD)
      mpfr_atan2(high.pointer, h.upper, w.lower, MPFR_RNDU)
      let value = mpfr_get_d(low.pointer, MPFR_RNDN)
      if value == mpfr_get_d(high.pointer, MPFR_RNDN) { return value }
      precision *= 2
    }
    throw StepFailure(reason: "undecided: 4096 bits do not tell how the phase rounds")
  }
}
