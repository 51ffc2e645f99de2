// The tables of a comparison of whole runs: every metric for the whole difference, its isolated and carried parts and the null control,
// side by side. Key tokens of layers are in PropagatedTokenTable.swift, because they are written while the run goes on.

import DriftAnalysis

/// A table of a comparison of whole runs: its description and how its rows come from results.
public struct PropagatedTable: Sendable {
  /// Name, columns, meanings.
  public let description: TableDescription
  /// Calls its second argument with every row, in order.
  public let forEachRow: @Sendable (PropagatedResults, ([Cell]) throws -> Void) throws -> Void

  /// The tables that are written when a run is done, in the order in which `datapackage.json` lists them;
  /// ``PropagatedTokenTable`` stands after the first.
  public static let all: [PropagatedTable] = [.totals, .distances, .lengths]

  /// A row a recipe, mode, layer and head.
  public static let totals = PropagatedTable(
    description: TableDescription(
      name: "propagated", title: "Whole runs compared, in all, by layer and by head",
      summary:
        "Each recipe on the q and k of whole model runs. Mode propagated: the run at shift_1 minus the run at shift_2, each at its "
        + "shift; isolated: the first run's q and k at shift_1 minus the same at shift_2; carried: first run minus second, both at "
        + "shift_2, so that isolated and carried add up to propagated pair by pair; null: the first run minus its null control, both "
        + "at shift_1. What the null control has is rounding noise of the model, whatever its size in mode propagated. The recipe "
        + "'stored' is the attention that the runs themselves stored.",
      schema: TableSchema(
        columns: start + place + ColumnDescription.driftMetrics + ReportTable.spread(.logit)
          + ReportTable.spread(.probability) + parts + flips,
        primaryKey: ["recipe", "shift_1", "shift_2", "mode", "layer", "head"])),
    forEachRow: { results, write in
      for recipe in results.recipes {
        let whole = recipe[.propagated]
        for mode in recipe.modes {
          let key = startCells(results, recipe.name, mode.mode)
          func row(_ totals: DriftTotals, _ whole: DriftTotals?, _ flips: TopKeyFlips) -> [Cell] {
            Cell.driftMetrics(totals, bound: recipe.shareBound) + ReportTable.spreadCells(totals.logit)
              + ReportTable.spreadCells(totals.probability) + partCells(totals, whole) + flipCells(flips)
          }
          try write(key + ["all", "all"] + row(mode.totals, whole?.totals, mode.flips))
          for (index, layer) in mode.layers.enumerated() {
            try write(
              key + [.string(String(layer.layer)), "all"]
                + row(layer.totals, whole?.layers[index].totals, mode.layerFlips[index]))
          }
          for (index, head) in mode.heads.enumerated() {
            try write(
              key + [.string(String(head.layer)), .string(String(head.head))]
                + row(head.totals, whole?.heads[index].totals, mode.headFlips[index]))
          }
        }
      }
    })

  /// A row a recipe, mode, space and distance.
  public static let distances = PropagatedTable(
    description: TableDescription(
      name: "propagated_distances", title: "Whole runs compared, by distance",
      summary:
        "Over all pairs whose query stands the given number of positions after the key, in all layers and heads.",
      schema: TableSchema(
        columns: start + [
          ColumnDescription.space,
          ColumnDescription(
            "distance", .integer, unit: "positions",
            meaning: "Position of the query minus position of the key."),
        ] + ColumnDescription.drift(),
        primaryKey: ["recipe", "shift_1", "shift_2", "mode", "space", "distance"])),
    forEachRow: { results, write in
      for recipe in results.recipes {
        for mode in recipe.modes {
          for space in ValueSpace.allCases {
            for row in mode.distances {
              try write(
                startCells(results, recipe.name, mode.mode) + [
                  .string(space.rawValue), .integer(row.distance),
                ]
                  + Cell.drift(space == .logit ? row.logit : row.probability))
            }
          }
        }
      }
    })

  /// A row a recipe, mode and prefix length.
  public static let lengths = PropagatedTable(
    description: TableDescription(
      name: "propagated_lengths", title: "Whole runs compared, by prefix length",
      summary:
        "Over all layers and heads and the queries and keys below a length, as if the sequence ended there: a causal model computes "
        + "the same function on a prefix.",
      schema: TableSchema(
        columns: start + [
          ColumnDescription(
            "length", .integer, unit: "tokens", meaning: "Number of tokens of the prefix.", minimum: 1)
        ] + ColumnDescription.driftMetrics + parts,
        primaryKey: ["recipe", "shift_1", "shift_2", "mode", "length"])),
    forEachRow: { results, write in
      for recipe in results.recipes {
        let whole = recipe[.propagated]
        for mode in recipe.modes {
          for (index, length) in mode.lengths.enumerated() {
            try write(
              startCells(results, recipe.name, mode.mode) + [.integer(length.length)]
                + Cell.driftMetrics(length.totals, bound: recipe.shareBound)
                + partCells(length.totals, whole?.lengths[index].totals))
          }
        }
      }
    })

  /// Recipe, shifts and mode.
  static let start: [ColumnDescription] =
    ColumnDescription.comparison + [
      ColumnDescription(
        "mode", .string, meaning: "Which difference of two runs the row is about.",
        allowedValues: PropagatedMode.allCases.map(\.rawValue))
    ]

  static func startCells(_ results: PropagatedResults, _ recipe: String, _ mode: PropagatedMode) -> [Cell] {
    startCells(results.experiment.shifts, recipe, mode)
  }

  static func startCells(_ shifts: ShiftPair, _ recipe: String, _ mode: PropagatedMode) -> [Cell] {
    [.string(recipe), .integer(shifts.first), .integer(shifts.second), .string(mode.rawValue)]
  }

  private static let place: [ColumnDescription] = [
    ColumnDescription("layer", .string, meaning: "The layer's number, or 'all'."),
    ColumnDescription("head", .string, meaning: "The query head's number, or 'all'."),
  ]

  private static let parts: [ColumnDescription] = [
    ColumnDescription(
      "logit_part_of_propagated", .number,
      meaning: "sum_abs_logit_difference over that of mode propagated in the same layers, heads and tokens.",
      emptyWhere: "a sum is missing or the divisor is zero"),
    ColumnDescription(
      "probability_part_of_propagated", .number,
      meaning: "d_weighted over that of mode propagated in the same layers, heads and tokens.",
      emptyWhere: "a sum is missing or the divisor is zero"),
  ]

  private static func partCells(_ totals: DriftTotals, _ whole: DriftTotals?) -> [Cell] {
    [
      Cell(quotient(totals.sumAbsLogitDifference, whole?.sumAbsLogitDifference)),
      Cell(quotient(totals.dWeighted, whole?.dWeighted)),
    ]
  }

  static func quotient(_ a: Double?, _ b: Double?) -> Double? {
    guard let a, let b, b != 0 else { return nil }
    return a / b
  }

  private static let flips: [ColumnDescription] = [
    ColumnDescription(
      "top_key_rows", .integer, unit: "rows",
      meaning: "Query rows of at least two visible keys whose logits are all finite in both runs.", minimum: 0
    ),
    ColumnDescription(
      "top_key_flips", .integer, unit: "rows",
      meaning: "Those in which the key with the first run's greatest logit is beaten in the second run.",
      minimum: 0),
    ColumnDescription(
      "top_key_nonfinite_rows", .integer, unit: "rows", meaning: "Rows that were not compared.", minimum: 0),
    ColumnDescription(
      "top_key_mean_margin", .number, unit: "logit",
      meaning: "Mean over flipped rows of the first run's greatest logit minus its next greatest.",
      emptyWhere: "no row flipped"),
    ColumnDescription(
      "top_key_max_margin", .number, unit: "logit", meaning: "The greatest such margin.",
      emptyWhere: "no row flipped"),
  ]

  private static func flipCells(_ flips: TopKeyFlips) -> [Cell] {
    [
      .integer(flips.rows), .integer(flips.flips), .integer(flips.nonfiniteRows), Cell(flips.meanMargin),
      Cell(flips.greatestMargin),
    ]
  }
}
