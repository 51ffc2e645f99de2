// tokens.csv: drift of each key token, over all layers and heads, in logits and in probabilities.

import DriftAnalysis

extension ReportTable {
  /// Drift per key token.
  public static let tokens = ReportTable(
    description: TableDescription(
      name: "tokens", title: "Drift per key token",
      summary:
        "Over the queries that see the key, in all layers and heads. A key's unweighted share in probability space "
        + "is at most 1/2 where probabilities are not rounded, because rows of A sum to 1.",
      schema: TableSchema(
        columns: ColumnDescription.comparison + ColumnDescription.keyToken(probabilities: "at shift_1")
          + ColumnDescription.error,
        primaryKey: ["recipe", "shift_1", "shift_2", "space", "key"])),
    forEachRow: { results, write in
      let heads = results.experiment.layers.count * results.experiment.heads.count
      for recipe in results.recipes {
        for comparison in recipe.comparisons {
          let start = Cell.comparison(recipe, comparison.shifts)
          for space in ValueSpace.allCases {
            for (drift, error) in zip(comparison.keys, comparison.error.keys) {
              try write(
                start
                  + Cell.keyToken(drift, in: space, heads: heads, dWeighted: comparison.totals.dWeighted)
                  + Cell.error(space == .logit ? error.logit : error.probability))
            }
          }
        }
      }
    })
}
