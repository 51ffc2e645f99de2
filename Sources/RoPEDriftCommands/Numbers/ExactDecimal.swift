// Values of encodings as people read them: every digit in decimal.

import RoPEDrift

extension FloatingPointFormat {
  /// The exact value of an encoding as a decimal with all its digits; `NaN`, `INF`, `-INF`, `0`, `-0`.
  ///
  /// Plain notation for decimal exponents −5 … 20, else scientific, as in ``decimalString(_:digits:)``.
  func exactDecimal(_ encoding: UInt64) -> String {
    guard let (isNegative, digits, exponent) = decimalDigits(encoding) else { return specialText(encoding) }
    return (isNegative ? "-" : "") + Self.place(digits, exponent: exponent)
  }

  /// The value of an encoding in JSON: a number where binary64 holds it, else its exact decimal as a string.
  func jsonValue(_ encoding: UInt64) -> JSONValue {
    isSubset(of: .fp64) ? .number(double(of: encoding)) : .string(exactDecimal(encoding))
  }

  /// The value of an encoding to six significant digits, truncated to those it has; for tables.
  func shortDecimal(_ encoding: UInt64) -> String {
    guard case .finite(let real) = value(of: encoding) else { return specialText(encoding) }
    let exact = exactDecimal(encoding)
    if exact.count <= 12 { return exact }
    let magnitude = Rational(Int(real.significand)) * Rational(2).scaled(real.exponent)
    // Rationals always have a decimal: nothing is left undecided.
    let text = (try? ExactReal(real.isNegative ? -magnitude : magnitude).decimal(digits: 6)) ?? exact
    return text
  }

  private func specialText(_ encoding: UInt64) -> String {
    switch value(of: encoding) {
    case .nan: "NaN"
    case .infinity(let isNegative): isNegative ? "-INF" : "INF"
    case .zero(let isNegative): isNegative ? "-0" : "0"
    case .finite: preconditionFailure("finite values have digits")
    }
  }

  /// ±0.d₁d₂…·10^exponent with d₁ ≠ 0 and no zeros at the end.
  private func decimalDigits(_ encoding: UInt64) -> (isNegative: Bool, digits: String, exponent: Int)? {
    guard case .finite(let real) = value(of: encoding) else { return nil }
    let zeros = real.significand.trailingZeroBitCount
    let significand = Rational(Int(real.significand >> UInt128(zeros)))
    let exponent = real.exponent + zeros
    // M·2^−k = M·5^k·10^−k.
    let integer = significand * (exponent >= 0 ? Rational(2).scaled(exponent) : Rational(5).scaled(-exponent))
    var digits = integer.description
    let point = digits.count + min(exponent, 0)
    while digits.last == "0" { digits.removeLast() }
    return (real.isNegative, digits, point)
  }

  private static func place(_ digits: String, exponent point: Int) -> String {
    if point > 21 || point < -5 {
      return digits.prefix(1) + (digits.count > 1 ? "." + digits.dropFirst() : "") + "e" + String(point - 1)
    }
    if point <= 0 { return "0." + String(repeating: "0", count: -point) + digits }
    if point >= digits.count { return digits + String(repeating: "0", count: point - digits.count) }
    return digits.prefix(point) + "." + digits.dropFirst(point)
  }
}

extension Rational {
  /// self^exponent.
  fileprivate func scaled(_ exponent: Int) -> Rational { power(exponent, over: 1)! }
}
