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
        columns: ColumnDescription.comparison + [
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
            meaning: "Sum of |difference| over the sum of the key's probabilities at shift_1.",
            emptyWhere: "the row is about logits, nothing is finite or the divisor is zero"),
          ColumnDescription(
            "weighted_sum", .number, unit: "probability", meaning: "The key's part of d_weighted.",
            emptyWhere: "the row is about logits or nothing is finite"),
          ColumnDescription(
            "weighted_share", .number,
            meaning: "weighted_sum over d_weighted; no bound below 1 holds for it.",
            emptyWhere: "the row is about logits, d_weighted is zero or nothing is finite"),
        ] + ColumnDescription.error,
        primaryKey: ["recipe", "shift_1", "shift_2", "space", "key"])),
    forEachRow: { results, write in
      let heads = results.experiment.layers.count * results.experiment.heads.count
      for recipe in results.recipes {
        for comparison in recipe.comparisons {
          for space in ValueSpace.allCases {
            for (drift, error) in zip(comparison.keys, comparison.error.keys) {
              try write(
                Cell.comparison(recipe, comparison.shifts) + [.string(space.rawValue)]
                  + tokenCells(drift, error, space, heads: heads, dWeighted: comparison.totals.dWeighted))
            }
          }
        }
      }
    })

  private static func tokenCells(
    _ drift: KeyDrift, _ error: KeyError, _ space: ValueSpace, heads: Int, dWeighted: Double?
  ) -> [Cell] {
    let isLogit = space == .logit
    let sums = isLogit ? drift.logit : drift.probability
    let concentration = isLogit ? drift.logitConcentration : drift.probabilityConcentration
    let errors = isLogit ? error.logit : error.probability
    // Every head sees a key equally often, so n_j of one head is heads / count.
    let weighted = isLogit ? nil : sums.sumOfMagnitudes.map { $0 * Double(heads) / Double(sums.count) }
    let weightedShare = weighted.flatMap { part in dWeighted.flatMap { $0 > 0 ? part / $0 : nil } }
    return [.integer(drift.key)] + Cell.drift(sums) + Cell.maximumPlace(sums) + [
      Cell(concentration.share),
      Cell(concentration.uniformShare), Cell(concentration.ratioToOthers), Cell(concentration.relativeChange),
      Cell(weighted), Cell(weightedShare),
    ] + Cell.error(errors)
  }
}
