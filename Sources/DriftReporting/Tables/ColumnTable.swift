// Drift and error of single keys over all queries, as rows.

import DriftAnalysis

/// The table of an experiment on columns.
public enum ColumnTable {
  /// Name, columns, meanings.
  public static let description = TableDescription(
    name: "columns", title: "Drift and error of single keys",
    summary:
      "Logits of a key over all queries that see it: the difference between the runs, and the error at shift_1. A row a head.",
    schema: TableSchema(
      columns: ColumnDescription.comparison + [
        ColumnDescription("layer", .integer, meaning: "Layer.", minimum: 0),
        ColumnDescription("head", .integer, meaning: "Query head.", minimum: 0),
        ColumnDescription("key", .integer, meaning: "Index of the key token in the file.", minimum: 0),
      ] + ColumnDescription.drift() + ColumnDescription.maximumPlace + ColumnDescription.error,
      primaryKey: ["recipe", "shift_1", "shift_2", "layer", "head", "key"]))

  /// Calls `write` with every row, in order.
  public static func forEachRow(_ results: ColumnResults, _ write: ([Cell]) throws -> Void) rethrows {
    let emulations = results.experiment.experiment.emulations
    for (emulation, comparisons) in zip(emulations, results.recipes) {
      for comparison in comparisons {
        let start: [Cell] = [
          .string(emulation.recipe.name), .integer(comparison.shifts.first),
          .integer(comparison.shifts.second),
        ]
        for head in comparison.heads {
          for column in head.columns {
            try write(start + [.integer(head.layer), .integer(head.head)] + cells(column))
          }
        }
      }
    }
  }

  /// The columns of a key's figures over all heads: those of the table from `key` on.
  static let keyColumns = description.schema.columns.drop { $0.name != "key" }.map(\.name)

  static func cells(_ column: ColumnFigures) -> [Cell] {
    [.integer(column.key)] + Cell.drift(column.drift) + Cell.maximumPlace(column.drift)
      + (column.error.map(Cell.error) ?? [.missing, .missing, .missing])
  }
}

extension ColumnResults {
  /// A line a recipe, comparison and key over all heads, then `d_logit` and the five-key fraction where the keys give them.
  public var text: String {
    var table = AlignedTextTable(
      header: [
        "recipe", "shifts", "key", "pairs", "mean |Δlogit|", "max |Δlogit|", "query", "rms", "mean Δlogit",
        "not finite",
        "mean |error|", "max |error|",
      ], keyColumns: 3)
    var totals = AlignedTextTable(
      header: [
        "recipe", "shifts", "d_logit", "d_logit_unscaled", "five-key fraction",
      ], keyColumns: 2)
    for (emulation, comparisons) in zip(experiment.experiment.emulations, recipes) {
      for comparison in comparisons {
        let place: [Cell] = [
          .string(emulation.recipe.name), .string("\(comparison.shifts.first),\(comparison.shifts.second)"),
        ]
        for column in comparison.columns {
          let drift = column.drift
          table.append(
            place + [
              .integer(column.key), .integer(drift.count), Cell(drift.mean), Cell(drift.maximum),
              Cell(drift.maximumPlace?.query), Cell(drift.rootMeanSquare), Cell(drift.signedMean),
              .integer(drift.nonfiniteCount), Cell(column.error?.mean), Cell(column.error?.maximum),
            ])
        }
        totals.append(
          place + [
            Cell(comparison.dLogit), Cell(comparison.dLogitUnscaled), Cell(comparison.fiveKeyFraction),
          ])
      }
    }
    let keys = experiment.keys
    return keys.contains(0) ? table.text + "\n" + totals.text : table.text
  }

  /// A row a head and key, and the figures over all heads.
  public func json(command: [String], toolVersion: String) -> JSONValue {
    let names = ColumnTable.description.schema.columns.map(\.name)
    var rows: [JSONValue] = []
    ColumnTable.forEachRow(self) { cells in
      rows.append(.object(JSONObject(zip(names, cells).map { ($0, JSONValue($1)) })))
    }
    var totals: [JSONValue] = []
    for (emulation, comparisons) in zip(experiment.experiment.emulations, recipes) {
      for comparison in comparisons {
        totals.append(
          .object([
            "recipe": .string(emulation.recipe.name), "shift_1": .integer(comparison.shifts.first),
            "shift_2": .integer(comparison.shifts.second), "d_logit": JSONValue(Cell(comparison.dLogit)),
            "d_logit_unscaled": JSONValue(Cell(comparison.dLogitUnscaled)),
            "five_key_fraction_logit": JSONValue(Cell(comparison.fiveKeyFraction)),
            "keys": .array(
              comparison.columns.map { column in
                .object(
                  JSONObject(
                    zip(ColumnTable.keyColumns, ColumnTable.cells(column)).map { ($0, JSONValue($1)) }))
              }),
          ]))
      }
    }
    return .object([
      "run": .object([
        "command": .string(ShellCommand.text(command)),
        "ropedrift": .string(toolVersion), "input": .string(experiment.experiment.input.spelling),
        "keys": .array(experiment.keys.map(JSONValue.integer)),
        "reference": RunRecord.decided(referenceCounts),
      ]),
      "columns": .array(rows), "totals": .array(totals),
    ])
  }
}
