// How a computed value is compared with a published figure.

import ArbitraryPrecision
import EmulatedEngine
import FloatingPointFormats

/// How a computed value is compared with a published figure; lists element by element, one figure with every element.
public enum ClaimRule: String, Sendable, Hashable, CaseIterable {
  /// Within half a unit of the last digit printed: 0.7819 stands for 0.78185 … 0.78195.
  case asPrinted
  /// The same number, or the same special value.
  case equal
  /// One of the figures.
  case oneOf
  /// Within a half of the figure: what "about" is taken to mean.
  case about
  /// Not below the figure.
  case atLeast
  /// Not above the figure.
  case atMost
  /// Not below the first of two figures and not above the second.
  case between
  /// A list, every element above the one before.
  case increasing

  /// Whether there is a figure to compare with.
  public var takesFigure: Bool { self != .increasing }

  /// The rule in words, for the working of a case.
  public var inWords: String {
    switch self {
    case .asPrinted: "within half a unit of the last digit printed"
    case .equal: "equal"
    case .oneOf: "one of the figures"
    case .about: "within a half of the figure"
    case .atLeast: "not below the figure"
    case .atMost: "not above the figure"
    case .between: "from the first figure to the second"
    case .increasing: "every element above the one before"
    }
  }

  /// Whether a value agrees with figures.
  ///
  /// Lists of different lengths do not agree. NaN agrees with NaN under `equal` alone, an infinity with itself.
  ///
  /// - Throws: ``UndecidedRounding``.
  public func holds(_ value: CaseValue, _ figures: [NumberLiteral]) throws -> Bool {
    let numbers = value.numbers.map(\.value)
    if numbers.isEmpty { return false }
    switch self {
    case .increasing:
      // One number grows with nothing.
      guard numbers.count > 1 else { return false }
      return try zip(numbers, numbers.dropFirst()).allSatisfy { pair in
        guard let a = pair.0.exactReal, let b = pair.1.exactReal else { return false }
        return try ExactReal.isLess(a, b)
      }
    case .oneOf:
      return try numbers.allSatisfy { number in
        try figures.contains { try Self.isEqual(number, CaseNumber($0).value) }
      }
    case .between:
      return try numbers.allSatisfy {
        try ClaimRule.atLeast.agrees($0, figures[0]) && ClaimRule.atMost.agrees($0, figures[1])
      }
    default:
      guard figures.count == numbers.count || figures.count == 1 else { return false }
      return try numbers.indices.allSatisfy {
        try agrees(numbers[$0], figures.count == 1 ? figures[0] : figures[$0])
      }
    }
  }

  private func agrees(_ value: StageValue, _ figure: NumberLiteral) throws -> Bool {
    let target = CaseNumber(figure).value
    if self == .equal { return try Self.isEqual(value, target) }
    guard let a = value.exactReal, let b = target.exactReal else { return try Self.isEqual(value, target) }
    let difference = ExactReal.sum([a, -b])
    switch self {
    case .asPrinted:
      let half = ExactReal(figure.lastDigitUnit! * Rational(1, 2))
      return try !ExactReal.isLess(half, difference.magnitude())
    case .about:
      return try !ExactReal.isLess(b.magnitude() * ExactReal(Rational(1, 2)), difference.magnitude())
    case .atLeast: return try difference.isZero || !ExactReal.isLess(a, b)
    case .atMost: return try difference.isZero || !ExactReal.isLess(b, a)
    case .equal, .oneOf, .between, .increasing: preconditionFailure("compared before")
    }
  }

  private static func isEqual(_ value: StageValue, _ target: StageValue) throws -> Bool {
    guard let a = value.exactReal, let b = target.exactReal else {
      guard case .number(let x) = value, case .number(let y) = target else { return false }
      return x == y || x.isNaN && y.isNaN
    }
    if let x = a.rational, let y = b.rational { return x == y }
    // An irrational number differs from a rational one; two expressions that cannot be told apart are an error.
    return try !ExactReal.isLess(a, b) && !ExactReal.isLess(b, a)
  }
}

extension NumberLiteral {
  /// The weight of the last digit written: 0.0001 for 0.7819, 10 for 5.1e2; nil for fractions and other spellings.
  var lastDigitUnit: Rational? {
    guard case .rational(_, let numerator, let denominator) = meaning, numerator.radix == 10,
      !text.contains("/"), denominator.digits == "1"
    else { return nil }
    if numerator.isZero {
      // A zero keeps no exponent: its digits after the point are counted in the text.
      let digits = text.lowercased().split(separator: "e")[0].split(separator: ".")
      return Rational(10).power(digits.count > 1 ? -digits[1].count : 0, over: 1)
    }
    return Rational(10).power(numerator.exponent, over: 1)
  }
}
