// Intervals with outward rounding: the tool by which every "exact" figure carries its own proof.

import CMPFR
import FloatingPointFormats

/// A closed interval of reals that is known to contain a value; its ends are MPFR numbers of one precision.
///
/// Every operation rounds the lower end down and the upper end up, so that the result contains the exact result for all
/// operands inside ([Moore2009]). An interval whose ends are equal states a value exactly.
public final class MPFRInterval: @unchecked Sendable {
  /// Precision of both ends in bits.
  public let precision: Int
  private let ends: MPFRArena

  /// The lower end.
  public var lower: MPFRPointer { ends[0] }
  /// The upper end.
  public var upper: MPFRPointer { ends[1] }

  private init(precision: Int) {
    self.precision = precision
    ends = MPFRArena(count: 2, precision: precision)
  }

  private convenience init(
    precision: Int, down: (MPFRPointer, mpfr_rnd_t) -> Int32, up: (MPFRPointer, mpfr_rnd_t) -> Int32
  ) {
    self.init(precision: precision)
    _ = down(lower, MPFR_RNDD)
    _ = up(upper, MPFR_RNDU)
  }

  /// Contains a rational number; exact where the precision holds it.
  public convenience init(_ value: Rational, precision: Int) {
    self.init(precision: precision, down: value.write, up: value.write)
  }

  /// Contains a finite binary64 number.
  public convenience init(_ value: Double, precision: Int) {
    self.init(
      precision: precision, down: { mpfr_set_d($0, value, $1) }, up: { mpfr_set_d($0, value, $1) })
  }

  /// Whether the interval is one number.
  public var isPoint: Bool { mpfr_equal_p(lower, upper) != 0 }

  /// −1 or 1 where the interval lies on one side of zero, 0 where it is exactly zero, nil where it cannot be told.
  public var sign: Int? {
    if mpfr_sgn(lower) > 0 { return 1 }
    if mpfr_sgn(upper) < 0 { return -1 }
    return mpfr_zero_p(lower) != 0 && mpfr_zero_p(upper) != 0 ? 0 : nil
  }

  /// a + b.
  public static func + (a: MPFRInterval, b: MPFRInterval) -> MPFRInterval {
    MPFRInterval(
      precision: max(a.precision, b.precision), down: { mpfr_add($0, a.lower, b.lower, $1) },
      up: { mpfr_add($0, a.upper, b.upper, $1) })
  }

  /// a − b.
  public static func - (a: MPFRInterval, b: MPFRInterval) -> MPFRInterval {
    MPFRInterval(
      precision: max(a.precision, b.precision), down: { mpfr_sub($0, a.lower, b.upper, $1) },
      up: { mpfr_sub($0, a.upper, b.lower, $1) })
  }

  /// −a.
  public static prefix func - (a: MPFRInterval) -> MPFRInterval {
    MPFRInterval(
      precision: a.precision, down: { mpfr_neg($0, a.upper, $1) }, up: { mpfr_neg($0, a.lower, $1) })
  }

  /// a·b.
  public static func * (a: MPFRInterval, b: MPFRInterval) -> MPFRInterval {
    let precision = max(a.precision, b.precision)
    let result = MPFRInterval(precision: precision)
    let candidate = MPFRNumber(precision: precision)
    var isFirst = true
    for x in [a.lower, a.upper] {
      for y in [b.lower, b.upper] {
        mpfr_mul(candidate.pointer, x, y, MPFR_RNDD)
        if isFirst || mpfr_less_p(candidate.pointer, result.lower) != 0 {
          mpfr_set(result.lower, candidate.pointer, MPFR_RNDD)
        }
        mpfr_mul(candidate.pointer, x, y, MPFR_RNDU)
        if isFirst || mpfr_greater_p(candidate.pointer, result.upper) != 0 {
          mpfr_set(result.upper, candidate.pointer, MPFR_RNDU)
        }
        isFirst = false
      }
    }
    return result
  }

  /// 1/a for an interval that does not contain zero.
  public var reciprocal: MPFRInterval {
    precondition(sign == 1 || sign == -1)
    return MPFRInterval(
      precision: precision, down: { mpfr_ui_div($0, 1, self.upper, $1) },
      up: { mpfr_ui_div($0, 1, self.lower, $1) })
  }

  /// √a for a ≥ 0.
  public var squareRoot: MPFRInterval {
    MPFRInterval(
      precision: precision, down: { mpfr_sqrt($0, self.lower, $1) }, up: { mpfr_sqrt($0, self.upper, $1) })
  }

  /// ln a for a > 0.
  public var naturalLogarithm: MPFRInterval {
    MPFRInterval(
      precision: precision, down: { mpfr_log($0, self.lower, $1) }, up: { mpfr_log($0, self.upper, $1) })
  }

  /// e^a.
  public var exponential: MPFRInterval {
    MPFRInterval(
      precision: precision, down: { mpfr_exp($0, self.lower, $1) }, up: { mpfr_exp($0, self.upper, $1) })
  }

  /// tanh a.
  public var hyperbolicTangent: MPFRInterval {
    MPFRInterval(
      precision: precision, down: { mpfr_tanh($0, self.lower, $1) }, up: { mpfr_tanh($0, self.upper, $1) })
  }

  /// π.
  public static func pi(precision: Int) -> MPFRInterval {
    MPFRInterval(
      precision: precision, down: { mpfr_const_pi($0, $1) }, up: { mpfr_const_pi($0, $1) })
  }

  /// The lower end as an unevaluated sum of two binary64 numbers: the nearest one, and the nearest one to the rest.
  public var leadingTwoNumbers: (high: Double, low: Double) {
    let high = mpfr_get_d(lower, MPFR_RNDN)
    let rest = MPFRNumber(precision: precision)
    mpfr_sub_d(rest.pointer, lower, high, MPFR_RNDN)
    return (high, mpfr_get_d(rest.pointer, MPFR_RNDN))
  }

  /// ⌊lower end⌋, for numbers below 2^62 in magnitude.
  var lowerFloor: Int { mpfr_get_si(lower, MPFR_RNDD) }

  /// ⌊upper end⌋, for numbers below 2^62 in magnitude.
  var upperFloor: Int { mpfr_get_si(upper, MPFR_RNDD) }

  /// cos a and sin a: the values at the lower end, widened by the width of the interval (both functions are 1-Lipschitz).
  /// A point at zero gives 1 and 0 exactly.
  public var cosineAndSine: (cosine: MPFRInterval, sine: MPFRInterval) {
    let cosine = MPFRInterval(
      precision: precision, down: { mpfr_cos($0, self.lower, $1) }, up: { mpfr_cos($0, self.lower, $1) })
    let sine = MPFRInterval(
      precision: precision, down: { mpfr_sin($0, self.lower, $1) }, up: { mpfr_sin($0, self.lower, $1) })
    if !isPoint {
      let width = MPFRNumber(precision: 64)
      mpfr_sub(width.pointer, upper, lower, MPFR_RNDU)
      for interval in [cosine, sine] {
        mpfr_sub(interval.lower, interval.lower, width.pointer, MPFR_RNDD)
        mpfr_add(interval.upper, interval.upper, width.pointer, MPFR_RNDU)
      }
    }
    return (cosine, sine)
  }

  /// The value as 128 leading bits and a tail, if the interval determines them: always for a point; else where both ends agree
  /// in 128 bits toward zero and neither is exactly that number (the value inside is then strictly between).
  /// The real number zero is +0, whatever the signs of the ends.
  public var exactValue: ExactValue? {
    guard let sign else { return nil }
    if sign == 0 { return .zero(isNegative: false) }
    if isPoint { return ExactValue(lower) }
    let truncated = MPFRNumber(precision: 128)
    let other = MPFRNumber(precision: 128)
    let (inner, outer) = sign > 0 ? (lower, upper) : (upper, lower)
    let innerTernary = mpfr_set(truncated.pointer, inner, MPFR_RNDZ)
    mpfr_set(other.pointer, outer, MPFR_RNDZ)
    guard mpfr_equal_p(truncated.pointer, other.pointer) != 0, innerTernary != 0 else { return nil }
    return ExactValue(truncated.pointer, hasTail: true)
  }

  /// The value with a number of significant decimal digits, rounded to nearest, if the interval determines them.
  public func decimal(digits: Int) -> String? {
    if sign == 0 { return "0" }
    let first = decimalString(lower, digits: digits)
    return isPoint || first == decimalString(upper, digits: digits) ? first : nil
  }
}

/// A number as a decimal with the given number of significant digits, rounded to nearest: plain notation for decimal exponents
/// −6 … 20, else scientific.
public func decimalString(_ number: MPFRPointer, digits: Int) -> String {
  if mpfr_nan_p(number) != 0 { return "NaN" }
  let sign = mpfr_signbit(number) != 0 ? "-" : ""
  if mpfr_inf_p(number) != 0 { return sign + "INF" }
  if mpfr_zero_p(number) != 0 { return sign + "0" }
  var exponent: mpfr_exp_t = 0
  let buffer = mpfr_get_str(nil, &exponent, 10, digits, number, MPFR_RNDN)!
  defer { mpfr_free_str(buffer) }
  let text = String(cString: buffer).drop { $0 == "-" }
  let point = Int(exponent)
  if point > 21 || point < -5 {
    return sign + text.prefix(1) + (text.count > 1 ? "." + text.dropFirst() : "") + "e" + String(point - 1)
  }
  if point <= 0 { return sign + "0." + String(repeating: "0", count: -point) + text }
  if point >= text.count { return sign + text + String(repeating: "0", count: point - text.count) }
  return sign + text.prefix(point) + "." + text.dropFirst(point)
}
