// propagated_tokens.csv: key tokens of every layer. Its rows are written while the run goes on, layer by layer.

import DriftAnalysis

/// The table of key tokens of whole runs.
public enum PropagatedTokenTable {
  /// Name, columns, meanings.
  public static let description = TableDescription(
    name: "propagated_tokens", title: "Whole runs compared, by layer and key token",
    summary:
      "As propagated.csv, over the queries that see a key, in all heads of a layer, and for layer 'all' in all layers.",
    schema: TableSchema(
      columns: PropagatedTable.start + [
        ColumnDescription("layer", .string, meaning: "The layer's number, or 'all'."),
        ColumnDescription.space,
        ColumnDescription("key", .integer, meaning: "Index of the key token in the file.", minimum: 0),
      ] + ColumnDescription.drift() + ColumnDescription.maximumPlace + [
        ColumnDescription(
          "share", .number, meaning: "The key's part of the sum over all keys of |difference|.",
          emptyWhere: "the sum is zero or nothing is finite"),
        ColumnDescription(
          "uniform_share", .number, meaning: "The key's part of all visible pairs.",
          emptyWhere: "no pair is visible"),
        ColumnDescription(
          "ratio_to_others", .number,
          meaning: "The key's mean |difference| over the mean over the pairs of all other keys.",
          emptyWhere: "a mean is missing or the divisor is zero"),
        ColumnDescription(
          "relative_change", .number,
          meaning:
            "Sum of |difference| over the sum of the key's probabilities in the first of the two runs.",
          emptyWhere: "the row is about logits, nothing is finite or the divisor is zero"),
        ColumnDescription(
          "weighted_sum", .number, unit: "probability", meaning: "The key's part of d_weighted.",
          emptyWhere: "the row is about logits or nothing is finite"),
        ColumnDescription(
          "weighted_share", .number,
          meaning: "weighted_sum over d_weighted; no bound below 1 holds for it.",
          emptyWhere: "the row is about logits, d_weighted is zero or nothing is finite"),
      ],
      primaryKey: ["recipe", "shift_1", "shift_2", "mode", "layer", "space", "key"]))

  /// Calls `write` with the rows of a layer.
  public static func forEachRow(
    _ layer: PropagatedLayerKeys, _ shifts: ShiftPair, _ write: ([Cell]) throws -> Void
  ) rethrows {
    let start =
      PropagatedTable.startCells(shifts, layer.recipe, layer.mode) + [.string(String(layer.layer))]
    try forEachRow(layer.keys, start, heads: layer.heads, dWeighted: layer.dWeighted, write)
  }

  /// Calls `write` with the rows of layer 'all'.
  public static func forEachRow(
    _ results: PropagatedResults, _ write: ([Cell]) throws -> Void
  ) rethrows {
    let isolated = results.experiment.isolated
    let heads = isolated.layers.count * isolated.heads.count
    for recipe in results.recipes {
      for mode in recipe.modes {
        let start = PropagatedTable.startCells(results, recipe.name, mode.mode) + [.string("all")]
        try forEachRow(mode.keys, start, heads: heads, dWeighted: mode.totals.dWeighted, write)
      }
    }
  }

  private static func forEachRow(
    _ keys: [KeyDrift], _ start: [Cell], heads: Int, dWeighted: Double?, _ write: ([Cell]) throws -> Void
  ) rethrows {
    for space in ValueSpace.allCases {
      for key in keys {
        let isLogit = space == .logit
        let sums = isLogit ? key.logit : key.probability
        let concentration = isLogit ? key.logitConcentration : key.probabilityConcentration
        // Every head sees a key equally often, so n_j of one head is heads / count.
        let weighted =
          isLogit || sums.count == 0
          ? nil : sums.sumOfMagnitudes.map { $0 * Double(heads) / Double(sums.count) }
        let weightedShare = weighted.flatMap { part in dWeighted.flatMap { $0 > 0 ? part / $0 : nil } }
        try write(
          start + [.string(space.rawValue), .integer(key.key)] + Cell.drift(sums) + Cell.maximumPlace(sums)
            + [
              Cell(concentration.share), Cell(concentration.uniformShare), Cell(concentration.ratioToOthers),
              Cell(concentration.relativeChange), Cell(weighted), Cell(weightedShare),
            ])
      }
    }
  }
}
