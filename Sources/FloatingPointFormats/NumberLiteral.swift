// Numbers typed by a user are exact: 0.1 is one tenth, never the binary64 number near it. This type keeps what was typed in a
// checked, structured form; ArbitraryPrecision turns it into an exact rational.

/// An exact rational number as typed: a decimal, a hexadecimal floating-point number, a fraction, or one of the special names.
///
/// Decimals: `-12`, `.5`, `1.5e-3`. Hexadecimal: `0x1.8p-1`, `0xff`. Fractions: two integers or decimals, `257/256`.
/// Special: `nan`, `inf`, `-inf`, `infinity` in any case. `-0` keeps its sign.
public struct NumberLiteral: Sendable, Hashable, CustomStringConvertible {
  /// ±digits·radix^0·base^exponent: an integer in base 10 or 16 and a power of ten or two.
  public struct ScaledInteger: Sendable, Hashable {
    /// The digits of a non-negative integer, without leading zeros unless it is zero.
    public var digits: String
    /// 10 or 16, the base of ``digits``.
    public var radix: Int
    /// The power of ten (radix 10) or of two (radix 16) that scales the integer.
    public var exponent: Int

    /// Whether the integer is zero.
    public var isZero: Bool { digits == "0" }
  }

  /// What the text means.
  public enum Meaning: Sendable, Hashable {
    /// Not a number.
    case nan
    /// An infinity.
    case infinity(isNegative: Bool)
    /// numerator/denominator with a sign.
    case rational(isNegative: Bool, numerator: ScaledInteger, denominator: ScaledInteger)
  }

  /// What was typed, without surrounding blanks.
  public let text: String
  /// What it means.
  public let meaning: Meaning

  /// Largest power that a literal may carry: beyond it an exact rational would not fit in memory.
  public static let exponentLimit = 100_000

  /// Parses a literal.
  ///
  /// - Throws: ``FormatError/invalidNumber(_:)``.
  public init(_ typed: String) throws {
    let text = typed.split(separator: " ").joined(separator: " ")
    self.text = text
    var body = Substring(text)
    var isNegative = false
    if let sign = body.first, sign == "-" || sign == "+" {
      isNegative = sign == "-"
      body = body.dropFirst()
    }
    switch body.lowercased() {
    case "nan": meaning = .nan
    case "inf", "infinity": meaning = .infinity(isNegative: isNegative)
    default:
      let parts = body.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
      let one = ScaledInteger(digits: "1", radix: 10, exponent: 0)
      guard let numerator = Self.scaledInteger(parts[0]),
        let denominator = parts.count == 1 ? one : Self.scaledInteger(parts[1]), !denominator.isZero
      else { throw FormatError.invalidNumber(typed) }
      meaning = .rational(isNegative: isNegative, numerator: numerator, denominator: denominator)
    }
  }

  /// An integer.
  public init(_ value: Int) {
    text = String(value)
    meaning = .rational(
      isNegative: value < 0,
      numerator: ScaledInteger(digits: String(value.magnitude), radix: 10, exponent: 0),
      denominator: ScaledInteger(digits: "1", radix: 10, exponent: 0))
  }

  /// What was typed.
  public var description: String { text }

  private static func scaledInteger(_ text: Substring) -> ScaledInteger? {
    if let match = text.wholeMatch(of: #/0[xX]([0-9a-fA-F]*)(?:\.([0-9a-fA-F]*))?(?:[pP]([-+]?[0-9]+))?/#) {
      return scaledInteger(
        whole: match.1, fraction: match.2 ?? "", exponent: match.3, radix: 16, powersPerDigit: 4)
    }
    if let match = text.wholeMatch(of: #/([0-9]*)(?:\.([0-9]*))?(?:[eE]([-+]?[0-9]+))?/#) {
      return scaledInteger(
        whole: match.1, fraction: match.2 ?? "", exponent: match.3, radix: 10, powersPerDigit: 1)
    }
    return nil
  }

  private static func scaledInteger(
    whole: Substring, fraction: Substring, exponent: Substring?, radix: Int, powersPerDigit: Int
  ) -> ScaledInteger? {
    guard !whole.isEmpty || !fraction.isEmpty, let power = exponent.map({ Int($0) }) ?? 0,
      power.magnitude <= UInt(exponentLimit), whole.count + fraction.count <= exponentLimit
    else { return nil }
    let significant = (whole + fraction).drop { $0 == "0" }
    return ScaledInteger(
      digits: significant.isEmpty ? "0" : String(significant).lowercased(), radix: radix,
      exponent: significant.isEmpty ? 0 : power - fraction.count * powersPerDigit)
  }
}

extension NumberLiteral: Codable {
  /// Reads a JSON string or integer. A JSON number with a fraction is refused: decoders have rounded it to binary64 already.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let integer = try? container.decode(Int.self) {
      self.init(integer)
    } else {
      try self.init(try container.decode(String.self))
    }
  }

  /// Writes the text.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(text)
  }
}
