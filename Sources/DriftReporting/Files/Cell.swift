// One value of a table, as the metrics hand it over and before any file format has its say.

/// The type of a column; the spelling is that of Frictionless Table Schema [TableSchema].
public enum ColumnType: String, Sendable, Hashable, CaseIterable {
  /// Text.
  case string
  /// A whole number.
  case integer
  /// A binary64 number; NaN and the infinities included.
  case number
  /// `true` or `false`.
  case boolean
}

/// One value of a table.
public enum Cell: Sendable, Hashable {
  /// Text.
  case string(String)
  /// A whole number.
  case integer(Int)
  /// A binary64 number; NaN and the infinities included.
  case number(Double)
  /// `true` or `false`.
  case boolean(Bool)
  /// No value. Allowed only in a column that says what an empty cell means.
  case missing

  /// A number, or a missing cell for nil.
  public init(_ value: Double?) { self = value.map(Cell.number) ?? .missing }

  /// A whole number, or a missing cell for nil.
  public init(_ value: Int?) { self = value.map(Cell.integer) ?? .missing }

  /// A text, or a missing cell for nil.
  public init(_ value: String?) { self = value.map(Cell.string) ?? .missing }

  /// The type that a column must have to hold this cell; nil for a missing one, which has none.
  public var type: ColumnType? {
    switch self {
    case .string: .string
    case .integer: .integer
    case .number: .number
    case .boolean: .boolean
    case .missing: nil
    }
  }
}

extension Cell: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
  ExpressibleByBooleanLiteral
{
  /// A text.
  public init(stringLiteral value: String) { self = .string(value) }
  /// A whole number; a number column needs a literal with a decimal point.
  public init(integerLiteral value: Int) { self = .integer(value) }
  /// A number.
  public init(floatLiteral value: Double) { self = .number(value) }
  /// A truth value.
  public init(booleanLiteral value: Bool) { self = .boolean(value) }
}
