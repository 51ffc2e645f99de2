// distances.csv: drift and error by the distance between query and key, over all layers and heads.

import DriftAnalysis

extension ReportTable {
  /// Drift and error per distance.
  public static let distances = ReportTable(
    description: TableDescription(
      name: "distances", title: "Drift and error per distance",
      summary:
        "Over all pairs whose query stands the given number of positions after the key, in all layers and heads.",
      schema: TableSchema(
        columns: ColumnDescription.comparison + [
          ColumnDescription.space,
          ColumnDescription(
            "distance", .integer, unit: "positions",
            meaning: "Position of the query minus position of the key."),
        ] + ColumnDescription.drift() + ColumnDescription.error + [
          ColumnDescription(
            "error_rms", .number, meaning: "Root mean square error at shift_1.",
            emptyWhere: "no error is finite or squares leave the range of binary64")
        ],
        primaryKey: ["recipe", "shift_1", "shift_2", "space", "distance"])),
    forEachRow: { results, write in
      for recipe in results.recipes {
        for comparison in recipe.comparisons {
          for space in ValueSpace.allCases {
            for (drift, error) in zip(comparison.distances, comparison.error.distances) {
              let errors = space == .logit ? error.logit : error.probability
              try write(
                Cell.comparison(recipe, comparison.shifts) + [
                  .string(space.rawValue), .integer(drift.distance),
                ]
                  + Cell.drift(space == .logit ? drift.logit : drift.probability)
                  + Cell.error(errors) + [Cell(errors.rootMeanSquare)])
            }
          }
        }
      }
    })
}
