// Real numbers that are never rounded until somebody asks: what the format `exact` means between two stages, and what the
// reference takes frequencies, angles and scores to be.

import CMPFR
import FloatingPointFormats

/// The precision cap was reached before an interval told on which side of a rounding boundary a value lies.
public struct UndecidedRounding: Error, CustomStringConvertible {
  /// The precision at which the search was given up, in bits.
  public let precision: Int

  /// One sentence.
  public var description: String {
    "undecided: at \(precision) bits the value cannot be told from a boundary of rounding, and no algebraic argument decides it"
  }
}

/// An exact real number: a rational, an algebraic power, or an expression over such numbers with cosine and sine.
///
/// Rational results are folded, so that exact and tie cases among them are seen as such. Any other value is enclosed in an
/// ``MPFRInterval`` at whatever precision is needed (Ziv's strategy [Ziv1991]).
public final class ExactReal: Sendable {
  private enum Expression: Sendable {
    case rational(Rational)
    /// base^(numerator/denominator), irrational.
    case power(Rational, numerator: Int, denominator: Int)
    case sum([ExactReal])
    case product(ExactReal, ExactReal)
    case negation(ExactReal)
    case reciprocal(ExactReal)
    case logarithm(ExactReal)
    case exponential(ExactReal)
    case squareRoot(ExactReal)
    case pi
    case cosine(ExactReal)
    case sine(ExactReal)
    /// cap·tanh(x/cap), cap above zero.
    case softcapped(ExactReal, cap: Rational)
  }

  /// Precision of the enclosure that every number carries from the start.
  public static let initialPrecision = 192
  /// Precision at which ``exactValue(limit:)`` gives up.
  public static let defaultLimit = 1 << 14

  private let expression: Expression
  private let initial: MPFRInterval

  private init(_ expression: Expression) {
    self.expression = expression
    initial = Self.enclosure(of: expression, precision: Self.initialPrecision)
  }

  /// A rational number.
  public convenience init(_ value: Rational) { self.init(.rational(value)) }

  /// A finite binary64 number.
  public convenience init(_ value: Double) { self.init(.rational(Rational(value))) }

  /// base^(numerator/denominator) for a base above zero.
  public static func power(_ base: Rational, _ numerator: Int, over denominator: Int) -> ExactReal {
    if let rational = base.power(numerator, over: denominator) { return ExactReal(rational) }
    return ExactReal(.power(base, numerator: numerator, denominator: denominator))
  }

  /// The number as a rational, where it is known to be one.
  public var rational: Rational? {
    if case .rational(let value) = expression { value } else { nil }
  }

  /// Whether the number is known to be zero.
  public var isZero: Bool { rational?.sign == 0 }

  /// Σ terms.
  public static func sum(_ terms: [ExactReal]) -> ExactReal {
    var rational = Rational(0)
    var others: [ExactReal] = []
    for term in terms {
      if let value = term.rational { rational = rational + value } else { others.append(term) }
    }
    if others.isEmpty { return ExactReal(rational) }
    if rational.sign != 0 { others.append(ExactReal(rational)) }
    return others.count == 1 ? others[0] : ExactReal(.sum(others))
  }

  /// a·b.
  public static func * (a: ExactReal, b: ExactReal) -> ExactReal {
    if let x = a.rational, let y = b.rational { return ExactReal(x * y) }
    if a.isZero || b.isZero { return ExactReal(Rational(0)) }
    return ExactReal(.product(a, b))
  }

  /// −a.
  public static prefix func - (a: ExactReal) -> ExactReal {
    if let x = a.rational { return ExactReal(-x) }
    return ExactReal(.negation(a))
  }

  /// 1/a.
  ///
  /// - Precondition: a is not zero, and its initial enclosure shows it.
  public var reciprocal: ExactReal {
    if let x = rational { return ExactReal(x.reciprocal) }
    return ExactReal(.reciprocal(self))
  }

  /// π.
  public static let pi = ExactReal(Expression.pi)

  /// ln a; ln 1 = 0 exactly.
  ///
  /// - Precondition: a > 0.
  public var logarithm: ExactReal {
    rational == Rational(1) ? ExactReal(Rational(0)) : ExactReal(.logarithm(self))
  }

  /// e^a; e^0 = 1 exactly, and transcendental for any other rational a [Baker1975].
  public var exponential: ExactReal { isZero ? ExactReal(Rational(1)) : ExactReal(.exponential(self)) }

  /// 2^a; rational for integers below 2^15 in magnitude, irrational for other rationals that are no integers.
  public var powerOfTwo: ExactReal {
    if let exponent = rational?.smallNumerator, rational?.isInteger == true, exponent.magnitude < 1 << 15 {
      return ExactReal.power(Rational(2), exponent, over: 1)
    }
    return (self * ExactReal(Rational(2)).logarithm).exponential
  }

  /// √a, rational where that is known.
  ///
  /// - Precondition: a ≥ 0.
  public var squareRoot: ExactReal {
    if isZero { return self }
    if let rational { return ExactReal.power(rational, 1, over: 2) }
    return ExactReal(.squareRoot(self))
  }

  /// a^(numerator/denominator), a > 0; rational where that is known.
  public func power(_ numerator: Int, over denominator: Int) -> ExactReal {
    if let rational { return ExactReal.power(rational, numerator, over: denominator) }
    return ExactReal(.exponential(ExactReal(Rational(numerator, denominator)) * logarithm))
  }

  /// Whether a < b.
  ///
  /// - Throws: ``UndecidedRounding`` where the two cannot be told apart and are not both rational.
  public static func isLess(_ a: ExactReal, _ b: ExactReal) throws -> Bool {
    if let x = a.rational, let y = b.rational { return x < y }
    let difference = ExactReal.sum([a, -b])
    return try difference.decide(limit: defaultLimit) { $0.sign.flatMap { $0 == 0 ? nil : $0 < 0 } }
  }

  /// ⌊a⌋, below 2^62 in magnitude.
  ///
  /// - Throws: ``UndecidedRounding`` where a cannot be told from an integer.
  public func floor() throws -> Int {
    if let rational { return rational.floor }
    return try decide(limit: Self.defaultLimit) { interval in
      let (low, high) = (interval.lowerFloor, interval.upperFloor)
      return low == high ? low : nil
    }
  }

  /// cos a; cos 0 = 1 exactly.
  public var cosine: ExactReal { isZero ? ExactReal(Rational(1)) : ExactReal(.cosine(self)) }

  /// sin a; sin 0 = 0 exactly.
  public var sine: ExactReal { isZero ? ExactReal(Rational(0)) : ExactReal(.sine(self)) }

  /// cap·tanh(a/cap) for a cap above zero; 0 for 0, and transcendental for any other rational a [Baker1975].
  public func softcapped(_ cap: Rational) -> ExactReal {
    isZero ? self : ExactReal(.softcapped(self, cap: cap))
  }

  /// tanh a.
  public var hyperbolicTangent: ExactReal { softcapped(Rational(1)) }

  /// An interval that contains the number, computed at a precision; its width is not bounded, only proven.
  public func interval(precision: Int) -> MPFRInterval {
    precision <= Self.initialPrecision ? initial : Self.enclosure(of: expression, precision: precision)
  }

  private static func enclosure(of expression: Expression, precision: Int) -> MPFRInterval {
    switch expression {
    case .rational(let value): return MPFRInterval(value, precision: precision)
    case .power(let base, let numerator, let denominator):
      // exp((n/m)·ln b): the logarithm's few leading bits before the point are made up for by guard bits.
      let working = precision + 64
      let logarithm = MPFRInterval(base, precision: working).naturalLogarithm
      return (MPFRInterval(Rational(numerator, denominator), precision: working) * logarithm).exponential
    case .sum(let terms):
      var total = terms[0].interval(precision: precision)
      for term in terms.dropFirst() { total = total + term.interval(precision: precision) }
      return total
    case .product(let a, let b): return a.interval(precision: precision) * b.interval(precision: precision)
    case .negation(let a): return -a.interval(precision: precision)
    case .reciprocal(let a): return a.interval(precision: precision).reciprocal
    case .logarithm(let a): return a.interval(precision: precision).naturalLogarithm
    case .exponential(let a): return a.interval(precision: precision).exponential
    case .squareRoot(let a): return a.interval(precision: precision).squareRoot
    case .pi: return MPFRInterval.pi(precision: precision)
    case .cosine(let a): return a.interval(precision: precision).cosineAndSine.cosine
    case .sine(let a): return a.interval(precision: precision).cosineAndSine.sine
    case .softcapped(let a, let cap):
      let bound = MPFRInterval(cap, precision: precision)
      return bound * (a.interval(precision: precision) * bound.reciprocal).hyperbolicTangent
    }
  }

  /// The number as leading bits and a tail, ready for single rounding into any format in any direction.
  ///
  /// - Throws: ``UndecidedRounding`` where doubling the precision up to `limit` bits does not decide.
  public func exactValue(limit: Int = ExactReal.defaultLimit) throws -> ExactValue {
    if let rational { return rational.exactValue }
    if case .softcapped(let a, let cap) = expression, let value = Self.saturated(a, cap) { return value }
    return try decide(limit: limit) { $0.exactValue }
  }

  /// cap·tanh(a/cap) where |a|/cap > 128, so that it lies within 2^−360 of ±cap, relatively, and never reaches it; nil elsewhere.
  private static func saturated(_ a: ExactReal, _ cap: Rational) -> ExactValue? {
    let ratio = a * ExactReal(cap.reciprocal)
    guard let sign = a.initial.sign, sign != 0,
      (try? isLess(ExactReal(Rational(128)), sign < 0 ? -ratio : ratio)) == true,
      case .finite(var real) = cap.exactValue, !real.hasTail
    else { return nil }
    // The 128 leading bits below a dyadic cap, and a tail.
    let shift = real.significand.leadingZeroBitCount
    let top = real.significand << UInt128(shift)
    let isPowerOfTwo = top & (top - 1) == 0
    real = TruncatedReal(
      isNegative: sign < 0, significand: isPowerOfTwo ? UInt128.max : top - 1,
      exponent: real.exponent - shift - (isPowerOfTwo ? 1 : 0), hasTail: true)
    return .finite(real)
  }

  /// The number in significant decimal digits, rounded to nearest, ties to even.
  ///
  /// - Throws: ``UndecidedRounding``.
  public func decimal(digits: Int, limit: Int? = nil) throws -> String {
    if let rational { return rational.decimal(digits: digits) }
    let needed = digits * 7 / 2 + 64
    return try decide(limit: limit ?? max(Self.defaultLimit, 4 * needed), startingAt: needed) {
      $0.decimal(digits: digits)
    }
  }

  private func decide<Result>(
    limit: Int, startingAt start: Int = ExactReal.initialPrecision, _ decision: (MPFRInterval) -> Result?
  ) throws -> Result {
    var precision = max(start, Self.initialPrecision)
    while precision <= limit {
      if let result = decision(interval(precision: precision)) { return result }
      precision *= 2
    }
    throw UndecidedRounding(precision: precision / 2)
  }
}
