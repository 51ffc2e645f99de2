// The columns of a table and the rule that every row is held against before a byte of it is written.

/// The columns of a table and the ones that tell its rows apart.
public struct TableSchema: Sendable, Hashable {
  /// The columns in the order in which they are written.
  public let columns: [ColumnDescription]
  /// The names of the columns whose values together name one row.
  public let primaryKey: [String]

  /// A schema.
  ///
  /// - Precondition: there is at least one column; column names are distinct; the primary key names columns, each once, none
  ///   of which may be empty.
  public init(columns: [ColumnDescription], primaryKey: [String]) {
    if let defect = Self.defect(columns: columns, primaryKey: primaryKey) { preconditionFailure(defect) }
    self.columns = columns
    self.primaryKey = primaryKey
  }

  /// What breaks the precondition of ``init(columns:primaryKey:)``, or nil.
  static func defect(columns: [ColumnDescription], primaryKey: [String]) -> String? {
    if columns.isEmpty { return "a table needs a column" }
    var byName: [String: ColumnDescription] = [:]
    for column in columns where byName.updateValue(column, forKey: column.name) != nil {
      return "column '\(column.name)' is there twice"
    }
    if Set(primaryKey).count != primaryKey.count { return "the primary key names a column twice" }
    for name in primaryKey {
      guard let column = byName[name] else { return "the primary key names '\(name)', which is no column" }
      if column.emptyWhere != nil { return "column '\(name)' of the primary key may be empty" }
    }
    return nil
  }

  /// Holds a row against the columns: count, types, limits, empty cells.
  ///
  /// - Parameters:
  ///   - table: the name of the table and
  ///   - index: the row's index from 0, for the error.
  /// - Throws: ``TableError``.
  public func check(_ row: [Cell], table: String, index: Int) throws(TableError) {
    guard row.count == columns.count else {
      throw .wrongCellCount(table: table, row: index, expected: columns.count, found: row.count)
    }
    for (column, cell) in zip(columns, row) {
      if let objection = column.objection(to: cell) {
        throw .unfitCell(table: table, row: index, column: column.name, objection: objection)
      }
    }
  }
}

/// A row that does not fit its table.
public enum TableError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The row has more or fewer cells than the table has columns.
  case wrongCellCount(table: String, row: Int, expected: Int, found: Int)
  /// A cell of the wrong type, outside its limits, or empty where it may not be.
  case unfitCell(table: String, row: Int, column: String, objection: String)
  /// Two rows agree in every column of the primary key.
  case repeatedKey(table: String, row: Int, firstRow: Int)

  /// One line for people. Rows are counted from 0.
  public var description: String {
    switch self {
    case .wrongCellCount(let table, let row, let expected, let found):
      "table '\(table)', row \(row): \(found) cells for \(expected) columns"
    case .unfitCell(let table, let row, let column, let objection):
      "table '\(table)', row \(row), column '\(column)': the cell \(objection)"
    case .repeatedKey(let table, let row, let firstRow):
      "table '\(table)', row \(row): same primary key as row \(firstRow)"
    }
  }
}
