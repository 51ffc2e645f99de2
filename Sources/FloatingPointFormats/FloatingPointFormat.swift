// A binary floating-point format as plain data: every rule of rounding and encoding below reads these
// fields, so that a new format is one value and no new code.

/// A binary floating-point format: precision, exponent range, subnormals, and what lies above the range.
///
/// The finite values are ±M·2^(e−p+1) with integers 2^(p−1) ≤ M < 2^p and emin ≤ e ≤ emax, zero, and
/// (where ``hasSubnormals``) ±M·2^(emin−p+1) with 0 < M < 2^(p−1). An encoding is sign, exponent field,
/// p−1 bits of significand, as in IEEE 754 [IEEE754]; it occupies ``bitWidth`` ≤ 64 bits.
public struct FloatingPointFormat: Sendable, Hashable {
  /// What the encodings above the largest finite value mean.
  public enum SpecialValues: String, Sendable, Hashable {
    /// The topmost exponent field holds the infinities (significand 0) and the NaNs [IEEE754].
    case infinityAndNaN = "infinity-and-nan"
    /// No infinity; only the encodings with all exponent and significand bits set are NaN [Micikevicius2022].
    /// The topmost exponent field holds finite values otherwise.
    case nanOnly = "nan-only"
  }

  /// p: significant bits of a normal value, the leading one included.
  public let precision: Int
  /// emin: exponent of the smallest normal value 2^emin.
  public let minimumExponent: Int
  /// emax: exponent of the largest finite value.
  public let maximumExponent: Int
  /// Whether values below 2^emin are represented (gradual underflow). If not, the only values below
  /// 2^emin are zeros, and rounding chooses between 0 and ±2^emin.
  public let hasSubnormals: Bool
  /// Infinity and NaN policy.
  public let specialValues: SpecialValues
  /// Whether results above the range (and infinite operands) become the largest finite value.
  public let saturates: Bool

  /// Checks and makes a format.
  ///
  /// - Throws: ``FormatError/invalidParameters(_:)`` unless p ≥ 2, emin ≤ 0 ≤ emax, |emin| and emax at most 16383 and the
  ///   encoding fits 64 bits.
  public init(
    precision: Int, minimumExponent: Int, maximumExponent: Int, hasSubnormals: Bool = true,
    specialValues: SpecialValues = .infinityAndNaN, saturates: Bool = false
  ) throws {
    guard precision >= 2 else {
      throw FormatError.invalidParameters("precision is \(precision); at least 2 significant bits are needed")
    }
    guard (-16383...0).contains(minimumExponent), (0...16383).contains(maximumExponent) else {
      throw FormatError.invalidParameters(
        "exponent range is \(minimumExponent):\(maximumExponent); emin must lie in -16383…0 and emax in 0…16383"
      )
    }
    self.init(
      uncheckedPrecision: precision, minimumExponent, maximumExponent, hasSubnormals: hasSubnormals,
      specialValues: specialValues, saturates: saturates)
    guard precision <= 63, bitWidth <= 64 else {
      throw FormatError.invalidParameters(
        "an encoding would take \(precision) bits of precision and \(exponentFieldWidth) of exponent; 64 bits is the limit"
      )
    }
  }

  /// For the named formats, whose parameters are known to be valid.
  init(
    uncheckedPrecision precision: Int, _ minimumExponent: Int, _ maximumExponent: Int,
    hasSubnormals: Bool = true, specialValues: SpecialValues = .infinityAndNaN, saturates: Bool = false
  ) {
    self.precision = precision
    self.minimumExponent = minimumExponent
    self.maximumExponent = maximumExponent
    self.hasSubnormals = hasSubnormals
    self.specialValues = specialValues
    self.saturates = saturates
  }

  /// Bits of the exponent field.
  public var exponentFieldWidth: Int {
    // Fields 1 … emax−emin+1 are normal, 0 is zero and subnormal, and the topmost is special where
    // there are infinities.
    let codes = maximumExponent - minimumExponent + 2 + (specialValues == .infinityAndNaN ? 1 : 0)
    return Int.bitWidth - (codes - 1).leadingZeroBitCount
  }

  /// Bits of an encoding: one sign bit, the exponent field, p − 1 bits of significand.
  public var bitWidth: Int { exponentFieldWidth + precision }

  /// What is added to an exponent to give its field: 1 − emin.
  public var exponentBias: Int { 1 - minimumExponent }

  /// Largest integral significand M at e = emax: 2^p − 1, or 2^p − 2 where that encoding is the NaN.
  public var largestSignificand: UInt64 {
    let allOnes = (UInt64(1) << UInt64(precision)) - 1
    return specialValues == .nanOnly && exponentField(forMaximum: ()) == exponentFieldMask
      ? allOnes - 1 : allOnes
  }

  var exponentFieldMask: UInt64 { (UInt64(1) << UInt64(exponentFieldWidth)) - 1 }
  var significandFieldMask: UInt64 { (UInt64(1) << UInt64(precision - 1)) - 1 }
  var signMask: UInt64 { UInt64(1) << UInt64(bitWidth - 1) }

  private func exponentField(forMaximum: Void) -> UInt64 { UInt64(maximumExponent + exponentBias) }

  /// Whether every value of this format is a value of `other`.
  public func isSubset(of other: FloatingPointFormat) -> Bool {
    guard maximumExponent <= other.maximumExponent, precision <= other.precision else { return false }
    if maximumExponent == other.maximumExponent, precision == other.precision,
      largestSignificand > other.largestSignificand
    {
      return false
    }
    let lowest = minimumExponent - (hasSubnormals ? precision - 1 : 0)
    let otherLowest = other.minimumExponent - (other.hasSubnormals ? other.precision - 1 : 0)
    return lowest >= otherLowest
      && (minimumExponent >= other.minimumExponent
        || other.hasSubnormals
          && minimumExponent - precision >= other.minimumExponent - other.precision)
  }

  /// This format with every overflow turned into the largest finite value.
  public var saturating: FloatingPointFormat {
    FloatingPointFormat(
      uncheckedPrecision: precision, minimumExponent, maximumExponent, hasSubnormals: hasSubnormals,
      specialValues: specialValues, saturates: true)
  }
}

/// What can be wrong with the description of a format or of a rounding.
public enum FormatError: Error, Equatable, CustomStringConvertible {
  /// Parameters outside what an encoding of 64 bits can hold.
  case invalidParameters(String)
  /// A spelling that names no format; the nearest known name, if one is near.
  case unknownFormat(String, suggestion: String?)
  /// A spelling that names no rounding; the nearest known name, if one is near.
  case unknownRounding(String, suggestion: String?)
  /// A spelling that is no number.
  case invalidNumber(String)

  /// One sentence with the mend.
  public var description: String {
    switch self {
    case .invalidParameters(let reason):
      "not a format: \(reason)"
    case .unknownFormat(let name, let suggestion):
      "unknown format '\(name)'\(didYouMean(suggestion)); known are "
        + FloatingPointFormat.named.map(\.name).joined(separator: ", ") + " and pPeEMIN:EMAX, as p11e-14:15"
    case .unknownRounding(let name, let suggestion):
      "unknown rounding '\(name)'\(didYouMean(suggestion)); known are "
        + Rounding.names.joined(separator: ", ")
    case .invalidNumber(let text):
      "'\(text.prefix(60))\(text.count > 60 ? "…" : "")' is not a number; write a decimal (1.5e-3), a hexadecimal float (0x1.8p-1) or a fraction (257/256), "
        + "with at most \(NumberLiteral.exponentLimit) digits and exponents within ±\(NumberLiteral.exponentLimit)"
    }
  }
}
