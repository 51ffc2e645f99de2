// shifts.csv and lengths.csv: the same totals over pairs of shifts and over prefix lengths.

import DriftAnalysis

extension ReportTable {
  /// Totals of drift per pair of shifts: the comparisons, then the sweep.
  public static let shifts = ReportTable(
    description: TableDescription(
      name: "shifts", title: "Drift per pair of shifts",
      summary: "Over all layers and heads and all tokens. Shifts of a sweep stand here only.",
      schema: TableSchema(
        columns: ColumnDescription.comparison + ColumnDescription.driftMetrics + nonFinite,
        primaryKey: ["recipe", "shift_1", "shift_2"])),
    forEachRow: { results, write in
      for recipe in results.recipes {
        let compared = recipe.comparisons.map { ($0.shifts, $0.totals) }
        let swept = recipe.sweep.map { ($0.shifts, $0.totals) }.filter { pair in
          !compared.contains { $0.0 == pair.0 }
        }
        for (shifts, totals) in compared + swept {
          try write(
            Cell.comparison(recipe, shifts) + Cell.driftMetrics(totals, recipe) + nonFiniteCells(totals))
        }
      }
    })

  /// Totals of drift per prefix length.
  public static let lengths = ReportTable(
    description: TableDescription(
      name: "lengths", title: "Drift per prefix length",
      summary:
        "Over all layers and heads and the queries and keys below a length, as if the sequence ended there.",
      schema: TableSchema(
        columns: ColumnDescription.comparison + [
          ColumnDescription(
            "length", .integer, unit: "tokens", meaning: "Number of tokens of the prefix.", minimum: 1)
        ] + ColumnDescription.driftMetrics + nonFinite,
        primaryKey: ["recipe", "shift_1", "shift_2", "length"])),
    forEachRow: { results, write in
      for recipe in results.recipes {
        for comparison in recipe.comparisons {
          for length in comparison.lengths {
            try write(
              Cell.comparison(recipe, comparison.shifts) + [.integer(length.length)]
                + Cell.driftMetrics(length.totals, recipe) + nonFiniteCells(length.totals))
          }
        }
      }
    })

  private static let nonFinite: [ColumnDescription] = ValueSpace.allCases.map {
    ColumnDescription(
      "\($0.rawValue)_nonfinite_count", .integer, unit: "pairs",
      meaning: "Pairs whose \($0.rawValue) difference is NaN or infinite; no sum holds them.", minimum: 0)
  }

  private static func nonFiniteCells(_ totals: DriftTotals) -> [Cell] {
    [.integer(totals.logit.nonfiniteCount), .integer(totals.probability.nonfiniteCount)]
  }
}
