// Numbers and lists as sentences and tables of a page spell them.

import FloatingPointFormats

/// Spellings.
enum PageText {
  /// Four significant digits.
  static func number(_ value: Double) -> String { AlignedTextTable.text(value) }

  /// A part of 1 as `12.4 %`, with three significant digits.
  static func percent(_ part: Double) -> String {
    guard part.isFinite else { return DecimalText.shortest(part) }
    return AlignedTextTable.text(part * 100, digits: 3) + " %"
  }

  /// `n times`, with three significant digits and no exponent below a million.
  static func times(_ factor: Double) -> String {
    guard factor.isFinite, factor >= 1000, factor < 1e6 else { return "\(AlignedTextTable.text(factor, digits: 3)) times" }
    return "\(Int(factor.rounded())) times"
  }

  /// `3` or `3–7`.
  static func range(_ range: ClosedRange<Int>) -> String {
    range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)–\(range.upperBound)"
  }

  /// `a, b and c`; `and 3 more` after the first so many.
  static func list(_ items: [String], atMost limit: Int = 12) -> String {
    guard items.count > limit else {
      return items.count < 2
        ? items.joined() : items.dropLast().joined(separator: ", ") + " and " + items[items.count - 1]
    }
    return items.prefix(limit).joined(separator: ", ") + " and \(items.count - limit) more"
  }

  /// A count with its noun.
  static func count(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }
}
