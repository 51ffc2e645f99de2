// Numbers and lists as sentences and tables of a page spell them.

import FloatingPointFormats

/// Spellings.
enum PageText {
  /// Names without control characters, each different: two may differ in what cannot be seen alone.
  static func distinct(_ names: [String]) -> [String] {
    var distinct: [String] = []
    for name in names {
      let shown = AlignedTextTable.visible(name)
      var candidate = shown
      var number = 2
      while distinct.contains(candidate) {
        candidate = "\(shown) (\(number))"
        number += 1
      }
      distinct.append(candidate)
    }
    return distinct
  }

  /// Four significant digits.
  static func number(_ value: Double) -> String { AlignedTextTable.text(value) }

  /// A part of 1 as `12.4 %`, with three significant digits and a space that does not break.
  static func percent(_ part: Double) -> String {
    guard part.isFinite else { return DecimalText.shortest(part) }
    return AlignedTextTable.text(part * 100, digits: 3) + "\u{A0}%"
  }

  /// Three significant digits, without an exponent from a thousand to a thousand million: `66100`.
  static func factor(_ factor: Double) -> String {
    guard factor.isFinite, factor >= 1000, factor < 1e9 else {
      return AlignedTextTable.text(factor, digits: 3)
    }
    var unit = 1.0
    while factor / unit >= 1000 { unit *= 10 }
    return String(Int((factor / unit).rounded()) * Int(unit))
  }

  /// `a`, or `a to b` where the least and the greatest are spelled differently.
  static func interval(_ values: [Double], _ spell: (Double) -> String) -> String {
    guard let least = values.min().map(spell), let greatest = values.max().map(spell) else { return "–" }
    return least == greatest ? least : "\(least) to \(greatest)"
  }

  /// Ascending indices as `0–8, 12`.
  static func indices(_ indices: [Int]) -> String {
    var ranges: [ClosedRange<Int>] = []
    for index in indices {
      if let last = ranges.last, last.upperBound + 1 == index {
        ranges[ranges.count - 1] = last.lowerBound...index
      } else {
        ranges.append(index...index)
      }
    }
    return ranges.map(range).joined(separator: ", ")
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
