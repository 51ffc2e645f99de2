// Encodings: from bits to value and class. Rounding into a format is in FloatingPointFormat+Rounding.swift.

/// The class of an encoding.
public enum FloatingPointClass: String, Sendable, Hashable {
  /// Not a number.
  case nan
  /// An infinity.
  case infinity
  /// A zero of either sign.
  case zero
  /// A non-zero value below 2^emin.
  case subnormal
  /// A finite value of full precision.
  case normal
}

extension FloatingPointFormat {
  /// The value of an encoding (bits above ``bitWidth`` are ignored). Without subnormals, encodings with a zero exponent field
  /// are zeros.
  public func value(of encoding: UInt64) -> ExactValue {
    let isNegative = encoding & signMask != 0
    let field = encoding >> UInt64(precision - 1) & exponentFieldMask
    let fraction = encoding & significandFieldMask
    switch classify(encoding) {
    case .nan: return .nan
    case .infinity: return .infinity(isNegative: isNegative)
    case .zero: return .zero(isNegative: isNegative)
    case .subnormal, .normal:
      let significand = field == 0 ? fraction : fraction | UInt64(1) << UInt64(precision - 1)
      let exponent = max(Int(field), 1) - exponentBias - (precision - 1)
      return .finite(
        TruncatedReal(isNegative: isNegative, significand: UInt128(significand), exponent: exponent))
    }
  }

  /// The class of an encoding.
  ///
  /// Exponent fields between emax and the topmost one (they exist where emax − emin + 3 is no power of two) are infinities
  /// or NaNs too; rounding never gives them.
  public func classify(_ encoding: UInt64) -> FloatingPointClass {
    let field = encoding >> UInt64(precision - 1) & exponentFieldMask
    let fraction = encoding & significandFieldMask
    if field == 0 { return fraction == 0 || !hasSubnormals ? .zero : .subnormal }
    let exponent = Int(field) - exponentBias
    switch specialValues {
    case .infinityAndNaN:
      if exponent > maximumExponent { return fraction == 0 ? .infinity : .nan }
    case .nanOnly:
      let significand = fraction | UInt64(1) << UInt64(precision - 1)
      if exponent > maximumExponent || exponent == maximumExponent && significand > largestSignificand {
        return .nan
      }
    }
    return .normal
  }

  /// The encoding of the canonical NaN: positive, quiet; all ones where there is no infinity.
  public var nanEncoding: UInt64 {
    switch specialValues {
    case .infinityAndNaN:
      exponentFieldMask << UInt64(precision - 1) | UInt64(1) << UInt64(precision - 2)
    case .nanOnly: signMask - 1
    }
  }

  /// The encoding of an infinity, or nil where the format has none.
  public func infinityEncoding(isNegative: Bool) -> UInt64? {
    guard specialValues == .infinityAndNaN else { return nil }
    return exponentFieldMask << UInt64(precision - 1) | (isNegative ? signMask : 0)
  }

  /// The encoding of a zero.
  public func zeroEncoding(isNegative: Bool) -> UInt64 { isNegative ? signMask : 0 }

  /// The encoding of the largest finite value of a sign.
  public func largestFiniteEncoding(isNegative: Bool) -> UInt64 {
    let field = UInt64(maximumExponent + exponentBias)
    return field << UInt64(precision - 1) | largestSignificand & significandFieldMask
      | (isNegative ? signMask : 0)
  }

  /// The value of an encoding as binary64: exact.
  ///
  /// - Precondition: the format is a subset of binary64.
  public func double(of encoding: UInt64) -> Double {
    switch value(of: encoding) {
    case .nan: return .nan
    case .infinity(let negative): return negative ? -.infinity : .infinity
    case .zero(let negative): return negative ? -0.0 : 0.0
    case .finite(let real):
      precondition(isSubset(of: .fp64), "only formats inside binary64 have binary64 values")
      let magnitude = Double(
        sign: .plus, exponent: real.exponent, significand: Double(UInt64(real.significand)))
      return real.isNegative ? -magnitude : magnitude
    }
  }

  /// An encoding as hexadecimal digits with `0x`, padded to the width of the format.
  public func hexadecimal(_ encoding: UInt64) -> String {
    let digits = String(encoding, radix: 16)
    return "0x" + String(repeating: "0", count: max(0, (bitWidth + 3) / 4 - digits.count)) + digits
  }
}
