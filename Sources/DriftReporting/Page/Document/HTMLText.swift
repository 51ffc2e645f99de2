// Text that may come from a file or a recipe becomes HTML here and nowhere else.

/// Makes HTML.
enum HTMLText {
  /// A text with every character escaped that means something in HTML, in an attribute too; control characters and those that change
  /// the direction of writing are spelled out.
  static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in AlignedTextTable.visible(text).unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// An element with escaped text in it.
  static func element(_ name: String, _ text: String, _ attributes: String = "") -> String {
    "<\(name)\(attributes.isEmpty ? "" : " " + attributes)>\(escaped(text))</\(name)>"
  }

  /// A table that scrolls inside its own box; texts left, figures right, four significant digits.
  ///
  /// - Parameter rowLimit: rows that are shown.
  static func table(_ table: PageTable, rowLimit: Int = 200) -> String {
    let isRight = table.header.indices.map { column in
      !table.rows.isEmpty && table.rows.allSatisfy { $0[column].type != .string }
    }
    func row(_ name: String, _ texts: [String]) -> String {
      "<tr>"
        + zip(texts, isRight).map { text, isRight in element(name, text, isRight ? "class=\"n\"" : "") }
        .joined()
        + "</tr>\n"
    }
    var html =
      "<div class=\"scroll\" tabindex=\"0\"><table>\n<thead>" + row("th", table.header)
      + "</thead>\n<tbody>\n"
    for cells in table.rows.prefix(rowLimit) { html += row("td", cells.map(text)) }
    html += "</tbody></table></div>\n"
    let left = table.rows.count - rowLimit
    let more = left > 0 ? "\(left) more rows are not shown. " : ""
    return html + element("p", "\(more)Every digit: \(table.source).", "class=\"source\"") + "\n"
  }

  private static func text(_ cell: Cell) -> String {
    switch cell {
    case .number(let value): AlignedTextTable.text(value)
    case .missing: "–"
    case .string(let value): value
    case .integer, .boolean: cell.plainText
    }
  }
}
