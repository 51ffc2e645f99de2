// The one spelling of binary64 numbers in CSV and JSON.

/// The text of a number that every file of a report uses.
public enum DecimalText {
  /// The shortest decimal that reads back to the same binary64 value, of those the one nearest to it; `NaN`, `INF` and
  /// `-INF` for the values that have none. -0.0 keeps its sign. The payload and the sign of a NaN are not kept.
  ///
  /// Forms are `0.25`, `100000.0`, `1e-05`, `1.5e+300`: a subset of JSON's number, of xsd:double and of Table Schema's number
  /// with exponent [RFC8259, TableSchema]; always with a decimal point or an exponent, so that a column of whole values is not
  /// taken for integers.
  public static func shortest(_ value: Double) -> String {
    if value.isFinite { return value.description }
    if value.isNaN { return "NaN" }
    return value < 0 ? "-INF" : "INF"
  }
}

extension Cell {
  /// The cell's text before any quoting; empty for a missing cell.
  public var plainText: String {
    switch self {
    case .string(let value): value
    case .integer(let value): value.description
    case .number(let value): DecimalText.shortest(value)
    case .boolean(let value): value ? "true" : "false"
    case .missing: ""
    }
  }
}
