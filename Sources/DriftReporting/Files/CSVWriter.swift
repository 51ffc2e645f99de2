// Comma-separated values as RFC 4180 has them, with \n for a line's end, row by row into a file.

/// Writes the rows of a table to a CSV file [RFC4180]: UTF-8, a header, `\n` after every line, fields quoted only where they
/// hold a comma, a quote or a line break.
///
/// - Numbers are spelled by ``DecimalText/shortest(_:)``; truth values are `true` and `false`.
/// - A missing cell is an empty field. An empty text is `""`, which some readers tell apart. In a table with one column a
///   missing cell is `""` too, as an empty line would be no row.
/// - Memory does not grow with the rows. Keys are not compared; ``Table`` does that.
public struct CSVWriter: ~Copyable, Sendable {
  private let table: TableDescription
  private var file: BufferedFile
  private var rowCount = 0

  /// Starts a table by writing its header.
  ///
  /// - Throws: ``OutputError``.
  public init(_ table: TableDescription, to file: consuming BufferedFile) throws(OutputError) {
    self.table = table
    self.file = file
    try writeFields(table.schema.columns.map { Self.field($0.name) })
  }

  /// Starts a table in a new file at `path`.
  ///
  /// - Throws: ``OutputError``.
  public init(_ table: TableDescription, creating path: String) throws(OutputError) {
    try self.init(table, to: try BufferedFile(creating: path))
  }

  /// Writes one row.
  ///
  /// - Throws: ``TableError`` if the row does not fit the table (nothing of it is written), ``OutputError``.
  public mutating func append(_ row: [Cell]) throws {
    try table.schema.check(row, table: table.name, index: rowCount)
    rowCount += 1
    try writeFields(row.map { Self.field($0, isAlone: row.count == 1) })
  }

  /// Puts the whole file on the device and closes it.
  ///
  /// - Throws: ``OutputError``.
  public mutating func finish() throws(OutputError) { try file.finish() }

  /// Writes a whole table to a new file at `path`.
  ///
  /// - Throws: ``OutputError``.
  public static func write(_ table: Table, creating path: String) throws {
    var writer = try CSVWriter(table.description, creating: path)
    for row in table.rows { try writer.append(row) }
    try writer.finish()
  }

  private mutating func writeFields(_ fields: [String]) throws(OutputError) {
    var isFirst = true
    for field in fields {
      if !isFirst { try file.write(byte: UInt8(ascii: ",")) }
      isFirst = false
      try file.write(field)
    }
    try file.write(byte: UInt8(ascii: "\n"))
  }

  /// A cell as it stands in a line.
  static func field(_ cell: Cell, isAlone: Bool = false) -> String {
    switch cell {
    case .string(let text): field(text)
    case .missing: isAlone ? "\"\"" : ""
    case .integer, .number, .boolean: cell.plainText
    }
  }

  /// A text as it stands in a line.
  static func field(_ text: String) -> String {
    if text.isEmpty { return "\"\"" }
    // Bytes, not characters: \r\n is one Character.
    let needsQuotes = text.utf8.contains {
      $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\n")
        || $0 == UInt8(ascii: "\r")
    }
    guard needsQuotes else { return text }
    var quoted = "\""
    for scalar in text.unicodeScalars {
      if scalar == "\"" { quoted.unicodeScalars.append("\"") }
      quoted.unicodeScalars.append(scalar)
    }
    return quoted + "\""
  }
}
