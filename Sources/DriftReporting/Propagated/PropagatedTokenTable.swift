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
        ColumnDescription("layer", .string, meaning: "The layer's number, or 'all'.")
      ] + ColumnDescription.keyToken(probabilities: "in the first of the two runs"),
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
        try write(start + Cell.keyToken(key, in: space, heads: heads, dWeighted: dWeighted))
      }
    }
  }
}
