// The short table at the end of a run: for eyes, not for programs, which have the CSV files.

import Foundation

/// A table with aligned columns for a terminal.
public struct AlignedTextTable: Sendable, Hashable {
  private let header: [String]
  private let keyColumns: Int
  private var rows: [[Cell]] = []

  /// A table with the given headings.
  ///
  /// - Parameters:
  ///   - header: one a column.
  ///   - keyColumns: how many columns, from the first, say what a row is about: they are repeated where a table is cut to the
  ///     width of a terminal.
  public init(header: [String], keyColumns: Int = 1) {
    self.header = header
    self.keyColumns = min(keyColumns, header.count)
  }

  /// Adds a row.
  ///
  /// - Precondition: there is a cell for each heading.
  public mutating func append(_ row: [Cell]) {
    precondition(row.count == header.count, "\(row.count) cells for \(header.count) headings")
    rows.append(row)
  }

  /// The lines, each ended by a line break. Numbers have four significant digits and stand at the right, as integers do;
  /// `NaN`, `INF` and `-INF` are spelled out and a missing cell is `-`. Control characters in texts are written as `\u{…}`.
  ///
  /// Columns align where every character is one cell of the terminal wide. Where ``TerminalAppearance/current`` has a width, a
  /// table that is wider is cut into tables of fewer columns below each other, each with the key columns; a single column is
  /// never cut.
  public var text: String {
    let appearance = TerminalAppearance.current
    let cells = rows.map { $0.map(Self.text) }
    let widths = header.indices.map { column in
      cells.reduce(header[column].count) { max($0, $1[column].count) }
    }
    return Self.blocks(widths: widths, keyColumns: keyColumns, limit: appearance.width)
      .map { lines(of: $0, cells: cells, widths: widths, appearance) }.joined(separator: "\n")
  }

  /// Which columns stand beside each other: all of them, or as many as fit.
  private static func blocks(widths: [Int], keyColumns: Int, limit: Int?) -> [[Int]] {
    let gap = 2
    let keys = Array(0..<keyColumns)
    guard let limit, widths.reduce(-gap, { $0 + $1 + gap }) > limit, keyColumns < widths.count else {
      return [Array(widths.indices)]
    }
    let keyWidth = keys.reduce(0) { $0 + widths[$1] + gap }
    var blocks: [[Int]] = []
    var used = 0
    for column in keyColumns..<widths.count {
      if let last = blocks.indices.last, used + gap + widths[column] <= limit {
        blocks[last].append(column)
        used += gap + widths[column]
      } else {
        blocks.append(keys + [column])
        used = keyWidth + widths[column]
      }
    }
    return blocks
  }

  private func lines(of columns: [Int], cells: [[String]], widths: [Int], _ appearance: TerminalAppearance)
    -> String
  {
    // A column stands at the right if nothing in it is a text.
    let isRight = header.indices.map { column in
      !rows.isEmpty && rows.allSatisfy { $0[column].type != .string }
    }
    var lines = ""
    for (index, row) in ([header] + cells).enumerated() {
      var line = ""
      for column in columns {
        let padding = String(repeating: " ", count: widths[column] - row[column].count)
        line += (column == columns[0] ? "" : "  ")
        line += isRight[column] ? padding + row[column] : row[column] + padding
      }
      while line.last == " " { line.removeLast() }
      lines += (index == 0 ? appearance.emphasized(line, .heading) : line) + "\n"
    }
    return lines
  }

  /// A number with so many significant digits, as `%.4g` has it.
  public static func text(_ value: Double, digits: Int = 4) -> String {
    value.isFinite ? String(format: "%.\(digits)g", value) : DecimalText.shortest(value)
  }

  private static func text(_ cell: Cell) -> String {
    switch cell {
    case .number(let value): text(value)
    case .missing: "-"
    case .string(let value): visible(value)
    case .integer, .boolean: cell.plainText
    }
  }

  /// A text in which nothing can move the cursor or change the order of what is shown.
  public static func visible(_ value: String) -> String {
    var shown = ""
    for scalar in value.unicodeScalars {
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator:
        shown += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
      default: shown.unicodeScalars.append(scalar)
      }
    }
    return shown
  }
}
