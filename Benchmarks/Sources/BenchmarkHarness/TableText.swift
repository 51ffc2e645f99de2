// Rows in words: Markdown for documents, aligned columns for the terminal.

/// Numbers as tables show them.
public enum FigureText {
  /// Three significant digits, without an exponent from 0.001 to a million: 4.68, 31.2, 512, 0.0213.
  public static func number(_ value: Double) -> String {
    guard value.isFinite else { return "\(value)" }
    guard value != 0 else { return "0" }
    let magnitude = abs(value)
    guard magnitude >= 0.0001, magnitude < 999_950 else { return scientific(value) }
    var decimals = 2
    var bound = 9.995
    while decimals > 0, magnitude >= bound {
      decimals -= 1
      bound *= 10
    }
    bound = 0.9995
    while magnitude < bound, decimals < 7 {
      decimals += 1
      bound /= 10
    }
    return fixed(value, decimals: decimals)
  }

  /// Seconds in a fitting unit.
  public static func seconds(_ value: Double) -> String {
    for (factor, unit) in [(1.0, "s"), (1e3, "ms"), (1e6, "µs")] where abs(value) * factor >= 1 {
      return "\(number(value * factor)) \(unit)"
    }
    return "\(number(value * 1e9)) ns"
  }

  /// A rate in a fitting power of a thousand: "1.21 G".
  public static func rate(_ value: Double) -> String {
    for (factor, prefix) in [(1e9, "G"), (1e6, "M"), (1e3, "k")] where abs(value) >= factor {
      return "\(number(value / factor)) \(prefix)"
    }
    return number(value)
  }

  /// Bytes in MB of 10^6.
  public static func megabytes(_ value: Double) -> String { "\(number(value / 1e6)) MB" }

  private static func fixed(_ value: Double, decimals: Int) -> String {
    var unit = 1.0
    for _ in 0..<decimals { unit *= 10 }
    let scaled = (abs(value) * unit).rounded()
    let sign = value < 0 ? "-" : ""
    var digits = String(Int(scaled))
    guard decimals > 0 else { return sign + digits }
    while digits.count <= decimals { digits = "0" + digits }
    return sign + digits.dropLast(decimals) + "." + digits.suffix(decimals)
  }

  private static func scientific(_ value: Double) -> String {
    var exponent = 0
    var mantissa = value
    while abs(mantissa) >= 9.995 {
      mantissa /= 10
      exponent += 1
    }
    while abs(mantissa) < 0.9995 {
      mantissa *= 10
      exponent -= 1
    }
    return "\(fixed(mantissa, decimals: 2))e\(exponent)"
  }
}

extension MeasuredRow {
  /// The target in words; a dash without one.
  public var targetText: String {
    target.map { "\($0.isUpper ? "≤" : "≥") \(Self.bound($0.bound))" } ?? "–"
  }

  /// Quartiles and extremes.
  public var spreadText: String {
    "\(FigureText.number(value.lowerQuartile))–\(FigureText.number(value.upperQuartile)), "
      + "\(FigureText.number(value.minimum))–\(FigureText.number(value.maximum))"
  }

  /// "met", "missed" or a dash.
  public var verdictText: String { isMet.map { $0 ? "met" : "missed" } ?? "–" }

  /// One line a side: time of a run, time a unit, units in a second.
  public var sideTexts: [String] {
    sides.map { side in
      let each = side.seconds.median / side.work
      let run = "\(side.name): \(FigureText.seconds(side.seconds.median)) a run"
      guard side.work != 1 else { return run }
      return run
        + ", \(FigureText.seconds(each)) \("aeiou".contains(side.unit.prefix(1)) ? "an" : "a") \(side.unit), \(FigureText.rate(1 / each)) \(side.unit)s a second"
    }
  }

  private static func bound(_ value: Double) -> String {
    value == value.rounded() && abs(value) < 1e15 ? String(Int(value)) : "\(value)"
  }
}

/// Tables of rows.
public enum TableText {
  static let heads = ["what", "target", "median", "quartiles, extremes", "runs", "target met"]

  static func cells(_ row: MeasuredRow) -> [String] {
    [
      row.title, row.targetText, "\(FigureText.number(row.value.median)) \(row.quantity)", row.spreadText,
      String(row.value.count), row.verdictText,
    ]
  }

  /// A table in Markdown.
  public static func markdown(_ rows: [MeasuredRow]) -> String {
    ([heads, heads.map { _ in "---" }] + rows.map(cells)).map { cells in
      "| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |\n"
    }.joined()
  }

  /// A table in columns, with sides and notes below each row.
  public static func columns(_ rows: [MeasuredRow]) -> String {
    let table = [heads] + rows.map(cells)
    let widths = heads.indices.map { column in table.map { $0[column].count }.max()! }
    func line(_ cells: [String]) -> String {
      var text = ""
      for (cell, width) in zip(cells, widths) {
        text += cell + String(repeating: " ", count: width - cell.count + 2)
      }
      while text.last == " " { text.removeLast() }
      return text + "\n"
    }
    return line(heads)
      + zip(rows, table.dropFirst()).map { row, cells in
        line(cells) + (row.sideTexts + row.notes).map { "    \($0)\n" }.joined()
      }.joined()
  }
}
