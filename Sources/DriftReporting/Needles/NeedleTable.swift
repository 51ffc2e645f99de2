// needles.csv: how often needles are lost, by length, pattern, task, recipe and size of the exact margin.

import DriftAnalysis

/// A row for each window, task, recipe and binade of the margin, and one for all margins.
public enum NeedleTable {
  /// Name, columns, meanings.
  public static let description = TableDescription(
    name: "needles", title: "Needles that emulated arithmetic loses",
    summary:
      "Seeded retrieval layouts among real key vectors: whether the needle's logit is still above all others, where of equal "
      + "logits that of the key with the lower index is taken as the greater. It is the arithmetic's part in "
      + "such tasks, of one head's logits, and no score of a model.",
    schema: TableSchema(
      columns: [
        ColumnDescription("length", .integer, unit: "tokens", meaning: "Tokens of the window.", minimum: 1),
        PatternTable.pattern,
        ColumnDescription(
          "task", .string, meaning: "Which keys are needles and what it takes to find them.",
          allowedValues: NeedleTask.allCases.map(\.rawValue)),
        ColumnDescription("recipe", .string, meaning: "Name of the recipe, in full in run.json."),
        ColumnDescription(
          "margin", .string,
          meaning:
            "The binade of the exact margin, as 2^-3 for margins from 2^-3 to below 2^-2, or 'all'. Margin: the needle's logit minus the "
            + "best of all others, of several needles to be found the least; exact, of the keys as stored."),
        ColumnDescription(
          "margin_from", .number, unit: "logit", meaning: "The least margin of the binade.",
          emptyWhere: "the row is about all margins"),
        ColumnDescription(
          "visible_keys", .integer, unit: "keys", meaning: "Keys that the window's last token sees.",
          minimum: 1),
        ColumnDescription(
          "query_position", .integer, unit: "positions",
          meaning: "Position of the last token, without a shift."),
        ColumnDescription("trials", .integer, meaning: "Trials.", minimum: 0),
        ColumnDescription(
          "flips", .integer,
          meaning:
            "Trials in which the recipe's arithmetic loses a needle: another key's logit is greater, or equal and of a key with a lower "
            + "index. A needle whose equal rival comes after it is found. So a margin of zero may be either.",
          minimum: 0),
        ColumnDescription(
          "flip_rate", .number, meaning: "Flips over trials.", emptyWhere: "there is no trial"),
        ColumnDescription(
          "margin_change_mean", .number, unit: "logit",
          meaning: "Mean of the emulated margin minus the exact one.", emptyWhere: "no change is finite"),
        ColumnDescription(
          "margin_change_mean_abs", .number, unit: "logit",
          meaning: "Mean magnitude of the emulated margin minus the exact one.",
          emptyWhere: "no change is finite"),
        ColumnDescription(
          "margin_change_max_abs", .number, unit: "logit",
          meaning: "Greatest magnitude of the emulated margin minus the exact one.",
          emptyWhere: "no change is finite"),
        ColumnDescription(
          "nonfinite_count", .integer,
          meaning:
            "Trials whose emulated margin is not finite: they enter no change. One with a NaN logit is a flip.",
          minimum: 0),
        ColumnDescription(
          "not_made_count", .integer,
          meaning: "Trials without a direction that could be scaled to the target; they are in no row.",
          emptyWhere: "the row is about one binade", minimum: 0),
        ColumnDescription(
          "not_won_count", .integer,
          meaning: "Trials whose stored needles do not win in exact arithmetic; they are in no row.",
          emptyWhere: "the row is about one binade", minimum: 0),
        ColumnDescription(
          "without_margin_count", .integer,
          meaning:
            "Trials whose row has no exact margin, since it holds a logit that is NaN or its greatest beside the needles is infinite; they "
            + "are in no row.",
          emptyWhere: "the row is about one binade", minimum: 0),
      ], primaryKey: ["length", "pattern", "task", "recipe", "margin"]))

  /// Calls `write` with every row.
  public static func forEachRow(_ results: NeedleResults, _ write: ([Cell]) throws -> Void) throws {
    for found in results.windows {
      let window = found.window
      for task in found.tasks {
        for (recipe, emulation) in results.experiment.emulations.enumerated() {
          func row(_ margin: String, _ from: Double?, _ bin: NeedleBin, _ counts: [Cell]) -> [Cell] {
            [
              .integer(window.length), .string(window.pattern), .string(task.task.rawValue),
              .string(emulation.recipe.name), .string(margin), Cell(from), .integer(window.visible),
              .integer(window.queryPosition), .integer(bin.trials), .integer(bin.flips), Cell(bin.flipRate),
              Cell(bin.meanChange), Cell(bin.meanMagnitude), Cell(bin.greatestChange),
              .integer(bin.nonfiniteCount),
            ] + counts
          }
          for binade in task.bins[recipe].keys.sorted() {
            try write(
              row(
                "2^\(binade)", Double(sign: .plus, exponent: binade, significand: 1),
                task.bins[recipe][binade]!, [.missing, .missing, .missing]))
          }
          try write(
            row(
              "all", nil, task.total(ofRecipe: recipe),
              [.integer(task.skipped), .integer(task.notWon), .integer(task.withoutMargin)]))
        }
      }
    }
  }
}
