// What a reader has to know of a column, kept beside the column so that no table can be written without it.

/// A column of a table: its name, type, unit and meaning, and what its cells may hold.
public struct ColumnDescription: Sendable, Hashable {
  /// The name in the header: snake_case, with the unit where there is one (`distance_positions`).
  public let name: String
  /// The type of every cell.
  public let type: ColumnType
  /// The unit, or nil for text, names and truth values.
  public let unit: String?
  /// What a cell says, in one sentence.
  public let meaning: String
  /// When a cell is empty, as the clause after "Empty where"; nil where no cell may be.
  public let emptyWhere: String?
  /// The smallest integer a cell may hold.
  public let minimum: Int?
  /// The texts a cell may hold; empty where any is allowed.
  public let allowedValues: [String]

  /// Describes a column.
  ///
  /// - Parameters:
  ///   - meaning: one sentence with its full stop.
  ///   - emptyWhere: a clause such as "the recipe rounds no probabilities", without a full stop.
  ///   - minimum: integer columns only. (A number column has none: NaN has no order.)
  ///   - allowedValues: string columns only.
  /// - Precondition: `name` is snake_case, `meaning` is a sentence, the two limits suit the type.
  public init(
    _ name: String, _ type: ColumnType, unit: String? = nil, meaning: String, emptyWhere: String? = nil,
    minimum: Int? = nil, allowedValues: [String] = []
  ) {
    precondition(Self.isSnakeCase(name), "column name '\(name)' is not snake_case")
    precondition(meaning.hasSuffix("."), "the meaning of column '\(name)' is one sentence with a full stop")
    precondition(minimum == nil || type == .integer, "column '\(name)': only an integer column has a minimum")
    precondition(
      allowedValues.isEmpty || type == .string, "column '\(name)': only a string column lists its values")
    self.name = name
    self.type = type
    self.unit = unit
    self.meaning = meaning
    self.emptyWhere = emptyWhere
    self.minimum = minimum
    self.allowedValues = allowedValues
  }

  /// Lower-case letters, digits and underscores, a letter first, no underscore last or twice in a row.
  static func isSnakeCase(_ name: String) -> Bool {
    let words = name.split(separator: "_", omittingEmptySubsequences: false)
    let isPlain = name.unicodeScalars.allSatisfy {
      ("a"..."z").contains($0) || ("0"..."9").contains($0) || $0 == "_"
    }
    return isPlain && words.allSatisfy { !$0.isEmpty } && name.first?.isLetter == true
  }

  /// What keeps `cell` out of this column, or nil if it may stand here.
  func objection(to cell: Cell) -> String? {
    switch cell {
    case .missing:
      return emptyWhere == nil ? "is empty, which this column does not allow" : nil
    case .string("") where emptyWhere == nil:
      // A reader of CSV cannot tell it from a missing cell.
      return "is an empty text, which this column does not allow"
    case .integer(let value) where type == .integer:
      return minimum.map { value < $0 } == true ? "is \(value), below the minimum" : nil
    case .string(let value) where type == .string:
      return allowedValues.isEmpty || allowedValues.contains(value)
        ? nil : "is '\(value)', not a listed value"
    default:
      return cell.type == type ? nil : "is of type \(cell.type?.rawValue ?? "none"), not \(type.rawValue)"
    }
  }
}
