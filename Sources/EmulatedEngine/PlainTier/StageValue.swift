// What travels between two stages in the plain tier: a binary64 number, or an exact real where a stage does not round.

import ArbitraryPrecision
import FloatingPointFormats

/// A value between two stages.
public enum StageValue: Sendable {
  /// A binary64 number, special values included. Every stored value of every format is one.
  case number(Double)
  /// An exact finite real that is not stored in any format.
  case real(ExactReal)

  /// The value as an exact real; nil for NaN and infinities.
  public var exactReal: ExactReal? {
    switch self {
    case .number(let x): x.isFinite ? ExactReal(x) : nil
    case .real(let x): x
    }
  }

  /// The value ready for rounding.
  ///
  /// - Throws: ``UndecidedRounding``.
  public func exactValue() throws -> ExactValue {
    switch self {
    case .number(let x): ExactValue(x)
    case .real(let x): try x.exactValue()
    }
  }

  /// The value rounded to binary64, nearest even.
  ///
  /// - Throws: ``UndecidedRounding``.
  public func binary64() throws -> Double {
    switch self {
    case .number(let x): x
    case .real(let x): FloatingPointFormat.fp64.rounded(try x.exactValue())
    }
  }

  /// A number that has the sign and the kind of the value: itself, or ±1 or 0 for an exact real.
  func signed() throws -> Double {
    switch self {
    case .number(let x): return x
    case .real(let x):
      switch try x.exactValue() {
      case .zero: return 0
      case let value: return value.isNegative ? -1 : 1
      }
    }
  }

  private var isStoredZero: Bool { if case .number(let x) = self { x == 0 } else { false } }

  /// The exact product. With an operand that is NaN or infinite, IEEE 754's result.
  static func product(_ a: StageValue, _ b: StageValue) throws -> StageValue {
    if case .number(let x) = a, case .number(let y) = b {
      let product = x * y
      let isExact =
        !x.isFinite || !y.isFinite || x == 0 || y == 0
        || (product.isFinite && product.magnitude > 0x1p-960 && (-product).addingProduct(x, y) == 0)
      if isExact { return .number(product) }
    }
    // A stored zero keeps the sign that IEEE 754 gives its product.
    guard let x = a.exactReal, let y = b.exactReal, !a.isStoredZero, !b.isStoredZero else {
      return .number(try a.signed() * b.signed())
    }
    return .real(x * y)
  }

  /// The exact sum; an exact zero is +0, −0 when rounding down. With an operand that is NaN or infinite, IEEE 754's result.
  static func sum(_ a: StageValue, _ b: StageValue, _ rounding: Rounding) throws -> StageValue {
    if case .number(let x) = a, case .number(let y) = b {
      let sum = x + y
      if sum == 0 { return .number(FloatingPointFormat.fp64.sum(x, y, rounding)) }
      let virtual = sum - x
      if !sum.isFinite && !(x.isFinite && y.isFinite)
        || sum.isFinite && (x - (sum - virtual)) + (y - virtual) == 0
      {
        return .number(sum)
      }
    }
    guard let x = a.exactReal, let y = b.exactReal else {
      return .number(try a.signed() + b.signed())
    }
    return .real(ExactReal.sum([x, y]))
  }

  /// −a.
  var negated: StageValue {
    switch self {
    case .number(let x): .number(-x)
    case .real(let x): .real(-x)
    }
  }
}
