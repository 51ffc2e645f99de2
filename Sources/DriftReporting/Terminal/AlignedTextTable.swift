// The short table at the end of a run: for eyes, not for programs, which have the CSV files.

import Foundation

/// A table with aligned columns for a terminal.
public struct AlignedTextTable: Sendable, Hashable {
  private let header: [String]
  private var rows: [[Cell]] = []

  /// A table with the given headings.
  public init(header: [String]) { self.header = header }

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
  /// Columns align where every character is one cell of the terminal wide.
  public var text: String {
    let cells = rows.map { $0.map(Self.text) }
    var lines = ""
    let widths = header.indices.map { column in
      cells.reduce(header[column].count) { max($0, $1[column].count) }
    }
    // A column stands at the right if nothing in it is a text.
    let isRight = header.indices.map { column in
      !rows.isEmpty && rows.allSatisfy { $0[column].type != .string }
    }
    for row in [header] + cells {
      var line = ""
      for column in header.indices {
        let padding = String(repeating: " ", count: widths[column] - row[column].count)
        line += (column == 0 ? "" : "  ") + (isRight[column] ? padding + row[column] : row[column] + padding)
      }
      while line.last == " " { line.removeLast() }
      lines += line + "\n"
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
