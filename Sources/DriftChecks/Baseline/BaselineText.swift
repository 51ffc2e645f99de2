// A difference from a baseline for the terminal and as JSON: per row what it was, is, and what is allowed.

import DriftReporting

extension BaselineDifference {
  /// Lines that text shows at most; JSON has all.
  static let shownLines = 40

  /// The verdict, then the figures that moved, those beyond what is allowed first.
  public func text(of name: String) -> String {
    let appearance = TerminalAppearance.current
    let verdict =
      isWithinAllowances
      ? appearance.emphasized("PASS", .good) : appearance.emphasized("FAIL", .bad)
    var text = "\(verdict) \(AlignedTextTable.visible(name)): "
    guard !changes.isEmpty else { return text + "\(comparedFigures) figures as they were\n" }
    text +=
      "\(changedFigures) of \(comparedFigures) figures changed, \(exceeded.count) beyond what is allowed\n"
    var table = AlignedTextTable(header: ["row", "metric", "was", "is", "change", "allowed", ""])
    for change in ordered.prefix(Self.shownLines) {
      table.append([
        .string(change.row), .string(change.metric), change.was, change.is, Self.relative(change),
        Cell(change.allowed), .string(change.isAllowed ? "" : "beyond"),
      ])
    }
    text += table.text
    if changes.count > Self.shownLines {
      text += "… \(changes.count - Self.shownLines) more; --json shows all\n"
    }
    return text
  }

  /// Every change, and the counts.
  public var json: JSONValue {
    .object([
      "within_allowances": .boolean(isWithinAllowances), "compared_figures": .integer(comparedFigures),
      "changed_figures": .integer(changedFigures), "exceeded_figures": .integer(exceeded.count),
      "changes": .array(
        changes.map { change in
          .object([
            "row": .string(change.row), "metric": .string(change.metric), "was": JSONValue(change.was),
            "is": JSONValue(change.is), "allowed": change.allowed.map(JSONValue.number) ?? .null,
            "is_allowed": .boolean(change.isAllowed),
          ])
        }),
    ])
  }

  private var ordered: [Change] { exceeded + changes.filter(\.isAllowed) }

  /// (is − was)/|was| as a percentage with its sign.
  private static func relative(_ change: Change) -> Cell {
    guard let was = change.was.finiteNumber, let now = change.is.finiteNumber, was != 0 else {
      return .missing
    }
    let percent = (now - was) / was.magnitude * 100
    return .string((percent > 0 ? "+" : "") + AlignedTextTable.text(percent) + " %")
  }
}
