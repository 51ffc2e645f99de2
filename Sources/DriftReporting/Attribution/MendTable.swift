// mends.csv: one row for each recipe and set of widened stages, with its cost and what was measured of it.

import DriftAnalysis

/// The table of mends.
public enum MendTable {
  /// Columns and meanings.
  public static let description = TableDescription(
    name: "mends", title: "Sets of stages to widen, with cost, drift and error",
    summary:
      "Every set of stages that computes anything new when each of its stages goes to the next wider format (fp32, or fp64 from fp32). "
      + "Costs are counts beyond the recipe's own, from the sizes of the problem. Of several pairs of shifts the metric is the greatest.",
    schema: TableSchema(
      columns: [
        ColumnDescription("recipe", .string, meaning: "Name of the recipe."),
        ColumnDescription("stages", .string, meaning: "The widened stages joined by '+', or 'none'."),
        ColumnDescription("formats", .string, meaning: "The wider formats joined by '+', or 'none'."),
        ColumnDescription("stage_count", .integer, meaning: "How many stages are widened.", minimum: 0),
        cost("bytes", "per_token", "bytes", "Bytes kept for a position, shared by all layers."),
        cost("bytes", "per_token_and_layer", "bytes", "Bytes kept for a token in each layer."),
        cost(
          "bytes", "per_score", "bytes", "Bytes for a visible pair in each head, where scores are stored."),
        cost("operations", "per_token", "operations", "Operations in a wider format for a position."),
        cost(
          "operations", "per_token_and_layer", "operations",
          "Operations in a wider format for a token in each layer."),
        cost(
          "operations", "per_score", "operations",
          "Operations in a wider format for a visible pair in each head."),
        cost("bytes", "total", "bytes", "Bytes over the measured tokens, layers and heads."),
        cost("operations", "total", "operations", "Operations over the measured tokens, layers and heads."),
        ColumnDescription("metric", .string, meaning: "The drift metric, a column of summary.csv."),
        ColumnDescription(
          "screened", .number, meaning: "The metric over the sample of queries of the screening.",
          emptyWhere: "there was no screening or the metric is not defined"),
        ColumnDescription(
          "drift", .number, meaning: "The metric over all queries.",
          emptyWhere: "it was not measured in full or is not defined"),
        ColumnDescription(
          "evidence", .string, meaning: "How much was measured over all queries.",
          allowedValues: MeasuredMend.Evidence.allCases.map(\.rawValue)),
        ColumnDescription(
          "logit_error_rms", .number, unit: "logit",
          meaning: "Root mean square error of logits at the first shift.",
          emptyWhere: "it was not measured or no error is finite"),
        ColumnDescription(
          "logit_error_max_abs", .number, unit: "logit",
          meaning: "Greatest |error| of logits at the first shift.",
          emptyWhere: "it was not measured or no error is finite"),
        ColumnDescription(
          "probability_error_rms", .number, unit: "probability",
          meaning: "Root mean square error of probabilities at the first shift.",
          emptyWhere: "it was not measured or no error is finite"),
        ColumnDescription(
          "on_frontier", .boolean,
          meaning:
            "Whether no other option measured in full has at most its bytes, operations and drift, and less of one."
        ),
        ColumnDescription(
          "within_budget", .boolean, meaning: "Whether the drift is within the budget.",
          emptyWhere: "there is no budget or the drift was not measured in full"),
        ColumnDescription(
          "chosen", .boolean,
          meaning: "Whether this is the smallest, then cheapest set found within the budget."),
      ], primaryKey: ["recipe", "stages"]))

  private static func cost(_ what: String, _ unit: String, _ of: String, _ meaning: String)
    -> ColumnDescription
  {
    ColumnDescription("\(what)_\(unit)", .integer, unit: of, meaning: meaning, minimum: 0)
  }

  /// Calls `write` with every row.
  public static func forEachRow(_ results: [MendResults], _ write: ([Cell]) throws -> Void) throws {
    for result in results {
      for (index, mend) in result.mends.enumerated() {
        let (option, cost) = (mend.option, mend.option.cost)
        try write(
          [
            .string(result.search.options.recipe.name), .string(option.stagesInWords),
            .string(
              option.stages.isEmpty
                ? "none" : option.stages.map { option.recipe[$0].summary }.joined(separator: "+")),
            .integer(option.stages.count), .integer(cost.bytesPerToken), .integer(cost.bytesPerTokenAndLayer),
            .integer(cost.bytesPerScore), .integer(cost.operationsPerToken),
            .integer(cost.operationsPerTokenAndLayer), .integer(cost.operationsPerScore),
            .integer(option.bytes),
            .integer(option.operations), .string(result.search.metric.name), Cell(mend.screenedFigure),
            Cell(mend.figure), .string(mend.evidence.rawValue), Cell(mend.logitError?.rootMeanSquare),
            Cell(mend.logitError?.maximum), Cell(mend.probabilityError?.rootMeanSquare),
            .boolean(mend.isOnFrontier),
            result.isWithinBudget(mend).map(Cell.boolean) ?? .missing, .boolean(result.chosen == index),
          ])
      }
    }
  }
}

extension MendOption {
  /// The names of the stages joined by "+", or "none".
  public var stagesInWords: String { stages.isEmpty ? "none" : stages.map(\.name).joined(separator: "+") }
}
