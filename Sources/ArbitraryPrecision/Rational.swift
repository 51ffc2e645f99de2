// Exact rational numbers: what a user types, positions, bases and scales, before anything is rounded.

import CMPFR
import FloatingPointFormats

/// An immutable exact rational number in lowest terms (GMP's mpq).
public final class Rational: @unchecked Sendable, Equatable, CustomStringConvertible {
  let storage: UnsafeMutablePointer<__mpq_struct>

  private init() {
    storage = .allocate(capacity: 1)
    __gmpq_init(storage)
  }

  deinit {
    __gmpq_clear(storage)
    storage.deallocate()
  }

  /// numerator/denominator.
  ///
  /// - Precondition: `denominator` is not zero.
  public convenience init(_ numerator: Int, _ denominator: Int = 1) {
    precondition(denominator != 0)
    self.init()
    __gmpz_set_si(ropedrift_mpq_numerator(storage), numerator)
    __gmpz_set_si(ropedrift_mpq_denominator(storage), denominator)
    __gmpq_canonicalize(storage)
  }

  /// A finite binary64 number, exactly.
  public convenience init(_ value: Double) {
    precondition(value.isFinite)
    self.init()
    __gmpq_set_d(storage, value)
  }

  /// The value of a literal; nil for NaN and the infinities.
  public convenience init?(_ literal: NumberLiteral) {
    guard case .rational(let isNegative, let numerator, let denominator) = literal.meaning else { return nil }
    self.init()
    let scale = Rational(1)
    Self.set(storage, to: numerator)
    Self.set(scale.storage, to: denominator)
    __gmpq_div(storage, storage, scale.storage)
    if isNegative { __gmpq_neg(storage, storage) }
  }

  private static func set(
    _ target: UnsafeMutablePointer<__mpq_struct>, to integer: NumberLiteral.ScaledInteger
  ) {
    let numerator = ropedrift_mpq_numerator(target)!
    let denominator = ropedrift_mpq_denominator(target)!
    __gmpz_set_str(numerator, integer.digits, Int32(integer.radix))
    __gmpz_set_ui(denominator, 1)
    let power = UnsafeMutablePointer<__mpz_struct>.allocate(capacity: 1)
    __gmpz_init(power)
    defer {
      __gmpz_clear(power)
      power.deallocate()
    }
    __gmpz_ui_pow_ui(power, integer.radix == 16 ? 2 : 10, UInt(integer.exponent.magnitude))
    let scaled = integer.exponent >= 0 ? numerator : denominator
    __gmpz_mul(scaled, scaled, power)
    __gmpq_canonicalize(target)
  }

  /// −1, 0 or 1.
  public var sign: Int { Int(ropedrift_mpq_sign(storage)) }

  /// Whether the value is an integer.
  public var isInteger: Bool { __gmpz_cmp_ui(ropedrift_mpq_denominator(storage), 1) == 0 }

  /// The numerator in lowest terms with the sign; nil where it exceeds Int.
  public var smallNumerator: Int? { Self.small(ropedrift_mpq_numerator(storage)) }

  /// The positive denominator in lowest terms; nil where it exceeds Int.
  public var smallDenominator: Int? { Self.small(ropedrift_mpq_denominator(storage)) }

  private static func small(_ integer: UnsafeMutablePointer<__mpz_struct>?) -> Int? {
    __gmpz_fits_slong_p(integer) != 0 ? __gmpz_get_si(integer) : nil
  }

  /// Decimal numerator, and "/denominator" unless that is 1.
  public var description: String {
    let size =
      __gmpz_sizeinbase(ropedrift_mpq_numerator(storage), 10)
      + __gmpz_sizeinbase(ropedrift_mpq_denominator(storage), 10) + 3
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: size) { buffer in
      String(cString: __gmpq_get_str(buffer.baseAddress, 10, storage))
    }
  }

  /// The value with a number of significant decimal digits, rounded to nearest, ties to even; notation as ``decimalString``.
  public func decimal(digits: Int) -> String {
    // Enough for two neighbouring candidates; the rational itself then chooses, for no precision separates it from a tie.
    let interval = MPFRInterval(self, precision: digits * 7 / 2 + 64)
    if let text = interval.decimal(digits: digits) { return text }
    let candidates = [interval.lower, interval.upper].map { decimalString($0, digits: digits) }
    let (low, high) = (Self.parsed(candidates[0]), Self.parsed(candidates[1]))
    let (twice, sum) = (self + self, low + high)
    if twice != sum { return twice < sum ? candidates[0] : candidates[1] }
    // low is an even multiple of the step exactly where low/step/2 is an integer.
    let step = high + -low
    return (low * (step + step).reciprocal).isInteger ? candidates[0] : candidates[1]
  }

  private static func parsed(_ decimal: String) -> Rational {
    let parts = decimal.split(separator: "e")
    guard let literal = try? NumberLiteral(String(parts[0])), let significand = Rational(literal),
      let scale = Rational(10).power(parts.count > 1 ? Int(parts[1])! : 0, over: 1)
    else { preconditionFailure("decimalString writes decimals that NumberLiteral reads") }
    return significand * scale
  }

  /// Whether two numbers are equal.
  public static func == (a: Rational, b: Rational) -> Bool { __gmpq_equal(a.storage, b.storage) != 0 }

  /// Whether a < b.
  public static func < (a: Rational, b: Rational) -> Bool { __gmpq_cmp(a.storage, b.storage) < 0 }

  /// a·b.
  public static func * (a: Rational, b: Rational) -> Rational {
    let result = Rational()
    __gmpq_mul(result.storage, a.storage, b.storage)
    return result
  }

  /// a + b.
  public static func + (a: Rational, b: Rational) -> Rational {
    let result = Rational()
    __gmpq_add(result.storage, a.storage, b.storage)
    return result
  }

  /// −a.
  public static prefix func - (a: Rational) -> Rational {
    let result = Rational()
    __gmpq_neg(result.storage, a.storage)
    return result
  }

  /// 1/a.
  ///
  /// - Precondition: a is not zero.
  public var reciprocal: Rational {
    precondition(sign != 0)
    let result = Rational()
    __gmpq_inv(result.storage, storage)
    return result
  }

  /// ⌊a⌋, below 2^62 in magnitude.
  public var floor: Int {
    let number = MPFRNumber(precision: 64)
    mpfr_set_q(number.pointer, storage, MPFR_RNDD)
    return mpfr_get_si(number.pointer, MPFR_RNDD)
  }

  /// a^(numerator/denominator) where that is rational, else nil (then it is an irrational algebraic number).
  ///
  /// A rational in lowest terms has a rational n-th root exactly when numerator and denominator are both n-th powers.
  ///
  /// - Precondition: a > 0, denominator > 0.
  public func power(_ numerator: Int, over denominator: Int) -> Rational? {
    precondition(sign > 0 && denominator > 0)
    let divisor = Self.greatestCommonDivisor(numerator.magnitude, denominator.magnitude)
    let exponent = numerator.magnitude / divisor
    let degree = UInt(denominator) / divisor
    let result = Rational()
    for (source, target) in [
      (ropedrift_mpq_numerator(storage), ropedrift_mpq_numerator(result.storage)),
      (ropedrift_mpq_denominator(storage), ropedrift_mpq_denominator(result.storage)),
    ] {
      guard exponent == 0 || __gmpz_root(target, source, degree) != 0 else { return nil }
      if exponent == 0 { __gmpz_set_ui(target, 1) }
      __gmpz_pow_ui(target, target, exponent)
    }
    return numerator < 0 ? result.reciprocal : result
  }

  private static func greatestCommonDivisor(_ a: UInt, _ b: UInt) -> UInt {
    var (x, y) = (a, b)
    while y != 0 { (x, y) = (y, x % y) }
    return max(x, 1)
  }

  /// The value as leading bits and a tail, for single rounding into any format.
  public var exactValue: ExactValue {
    ExactValue.result { mpfr_set_q($0, storage, MPFR_RNDZ) }
  }

  /// Sets an MPFR number to this value, rounded as said; returns the ternary value.
  @discardableResult
  public func write(to number: MPFRPointer, _ rounding: mpfr_rnd_t) -> Int32 {
    mpfr_set_q(number, storage, rounding)
  }
}

extension NumberLiteral {
  /// The exact value of the literal, ready for single rounding into any format. `-0` is a negative zero.
  public var exactValue: ExactValue {
    switch meaning {
    case .nan: return .nan
    case .infinity(let negative): return .infinity(isNegative: negative)
    case .rational(let isNegative, let numerator, _):
      if numerator.isZero { return .zero(isNegative: isNegative) }
      return Rational(self)!.exactValue
    }
  }
}
