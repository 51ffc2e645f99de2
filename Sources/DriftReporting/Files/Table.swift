// A table: what it is called and says, and its rows. Long tables need only the description; their rows go straight to a
// CSVWriter.

/// What a table is, without its rows.
public struct TableDescription: Sendable, Hashable {
  /// The name, which is also the file's without `.csv`: lower-case letters, digits and underscores.
  public let name: String
  /// A heading.
  public let title: String
  /// What a row says, and what it is good for.
  public let summary: String
  /// The columns and the primary key.
  public let schema: TableSchema

  /// Describes a table.
  ///
  /// - Precondition: `name` is snake_case.
  public init(name: String, title: String, summary: String, schema: TableSchema) {
    precondition(ColumnDescription.isSnakeCase(name), "table name '\(name)' is not snake_case")
    self.name = name
    self.title = title
    self.summary = summary
    self.schema = schema
  }

  /// The name of the file inside the report folder.
  public var fileName: String { name + ".csv" }
}

/// A table with its rows in memory.
public struct Table: Sendable, Hashable {
  /// Name, title, summary and schema.
  public let description: TableDescription
  /// The rows, each with one cell per column.
  public let rows: [[Cell]]

  /// A table whose rows have been held against the schema.
  ///
  /// Keys are compared by their written form, so that NaN equals NaN and -0.0 differs from 0.0.
  ///
  /// - Throws: ``TableError`` at the first row that does not fit or repeats a primary key.
  public init(_ description: TableDescription, rows: [[Cell]]) throws(TableError) {
    let schema = description.schema
    let keyColumns = schema.primaryKey.compactMap { name in schema.columns.firstIndex { $0.name == name } }
    var rowOfKey: [[String]: Int] = [:]
    for (index, row) in rows.enumerated() {
      try schema.check(row, table: description.name, index: index)
      guard !keyColumns.isEmpty else { continue }
      if let first = rowOfKey.updateValue(index, forKey: keyColumns.map { row[$0].plainText }) {
        throw .repeatedKey(table: description.name, row: index, firstRow: first)
      }
    }
    self.description = description
    self.rows = rows
  }
}
