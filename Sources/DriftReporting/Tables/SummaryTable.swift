// summary.csv: one row for the whole run, each layer and each head, with drift between the two shifts and error at the first.

import DriftAnalysis

extension ReportTable {
  /// Drift and error in totals: over all heads, by layer, by head.
  public static let summary = ReportTable(
    description: TableDescription(
      name: "summary", title: "Drift and error, in all, by layer and by head",
      summary:
        "Drift is the emulated run at shift_1 minus the emulated run at shift_2; error is the emulated run at "
        + "shift_1 minus the exact reference. Drift of exact arithmetic is zero.",
      schema: TableSchema(
        columns: ColumnDescription.comparison + [
          ColumnDescription("layer", .string, meaning: "The layer's number, or 'all'."),
          ColumnDescription("head", .string, meaning: "The query head's number, or 'all'."),
        ] + ColumnDescription.driftMetrics + spread(.logit) + spread(.probability) + errorColumns(.logit)
          + errorColumns(.probability) + inputColumns,
        primaryKey: ["recipe", "shift_1", "shift_2", "layer", "head"])),
    forEachRow: { results, write in
      for recipe in results.recipes {
        for comparison in recipe.comparisons {
          let key = Cell.comparison(recipe, comparison.shifts)
          let all = rowCells(
            comparison.totals, comparison.error.logit, comparison.error.probability, recipe)
          let rounding = recipe.inputRounding
          try write(
            key + ["all", "all"] + all
              + [.integer(rounding.overflow), .integer(rounding.underflow), .integer(rounding.flushedToZero)])
          let noInput = [Cell](repeating: .missing, count: 3)
          for (drift, error) in zip(comparison.layers, comparison.error.layers) {
            try write(
              key + [.string(String(drift.layer)), "all"]
                + rowCells(drift.totals, error.logit, error.probability, recipe) + noInput)
          }
          for (drift, error) in zip(comparison.heads, comparison.error.heads) {
            try write(
              key + [.string(String(drift.layer)), .string(String(drift.head))]
                + rowCells(drift.totals, error.logit, error.probability, recipe) + noInput)
          }
        }
      }
    })

  private static func rowCells(
    _ totals: DriftTotals, _ logit: ErrorSums, _ probability: ErrorSums, _ recipe: RecipeResults
  ) -> [Cell] {
    Cell.driftMetrics(totals, recipe) + spreadCells(totals.logit) + spreadCells(totals.probability)
      + errorCells(logit, .logit) + errorCells(probability, .probability)
  }

  static func spread(_ space: ValueSpace) -> [ColumnDescription] {
    let empty = ColumnDescription.noFiniteDifference
    let name = space.rawValue
    return [
      ColumnDescription(
        "\(name)_drift_nonfinite_count", .integer, unit: "pairs",
        meaning: "Pairs whose \(name) difference is NaN or infinite; no sum holds them.", minimum: 0),
      ColumnDescription(
        "\(name)_drift_mean_abs", .number, unit: name, meaning: "Mean |\(name) difference|.",
        emptyWhere: empty),
      ColumnDescription(
        "\(name)_drift_max_abs", .number, unit: name, meaning: "Greatest |\(name) difference|.",
        emptyWhere: empty),
      ColumnDescription(
        "\(name)_drift_max_layer", .integer, meaning: "Layer of the first greatest |\(name) difference|.",
        emptyWhere: empty),
      ColumnDescription(
        "\(name)_drift_max_head", .integer, meaning: "Head of the first greatest |\(name) difference|.",
        emptyWhere: empty),
      ColumnDescription(
        "\(name)_drift_max_query", .integer, meaning: "Query of the first greatest |\(name) difference|.",
        emptyWhere: empty),
      ColumnDescription(
        "\(name)_drift_max_key", .integer, meaning: "Key of the first greatest |\(name) difference|.",
        emptyWhere: empty),
      ColumnDescription(
        "\(name)_drift_rms", .number, unit: name, meaning: "Root mean square \(name) difference.",
        emptyWhere: empty),
      ColumnDescription(
        "\(name)_drift_signed_mean", .number, unit: name, meaning: "Mean \(name) difference with its sign.",
        emptyWhere: empty),
    ]
  }

  static func spreadCells(_ sums: DifferenceSums) -> [Cell] {
    let place = sums.maximumPlace
    return [
      .integer(sums.nonfiniteCount), Cell(sums.mean), Cell(sums.maximum), Cell(place?.layer),
      Cell(place?.head),
      Cell(place?.query), Cell(place?.key), Cell(sums.rootMeanSquare), Cell(sums.signedMean),
    ]
  }

  private static func errorColumns(_ space: ValueSpace) -> [ColumnDescription] {
    let empty = "no error is finite"
    let name = space.rawValue
    let prefix = "\(name)_error"
    var columns = [
      ColumnDescription(
        "\(prefix)_nonfinite_count", .integer, unit: "pairs",
        meaning: "Pairs whose \(name) or reference is NaN or infinite; no sum holds them.", minimum: 0),
      ColumnDescription(
        "\(prefix)_mean_abs", .number, unit: name, meaning: "Mean |\(name) at shift_1 - reference|.",
        emptyWhere: empty),
      ColumnDescription(
        "\(prefix)_max_abs", .number, unit: name, meaning: "Greatest |\(name) at shift_1 - reference|.",
        emptyWhere: empty),
      ColumnDescription(
        "\(prefix)_rms", .number, unit: name, meaning: "Root mean square error.",
        emptyWhere: empty + " or squares leave the range of binary64"),
      ColumnDescription(
        "\(prefix)_mean_relative", .number,
        meaning: "Mean |error| / |reference| over references that are not zero.",
        emptyWhere: empty),
      ColumnDescription(
        "\(prefix)_max_relative", .number,
        meaning: "Greatest |error| / |reference| over references that are not zero.",
        emptyWhere: empty),
      ColumnDescription(
        "\(prefix)_zero_reference_count", .integer, unit: "pairs",
        meaning: "Pairs whose reference is zero; they have no relative error.", minimum: 0),
      ColumnDescription(
        "\(prefix)_min_correct_bits", .number, unit: "bits",
        meaning: "-log2 of the greatest relative error, rounded down to a multiple of 1/1024, at most 53.",
        emptyWhere: empty),
      ColumnDescription(
        "\(prefix)_nmse", .number, meaning: "Sum of squared errors over the sum of squared references.",
        emptyWhere: "no error is finite, every reference is zero or squares leave the range of binary64"),
      ColumnDescription(
        "\(prefix)_cosine", .number, meaning: "Cosine similarity with the reference.",
        emptyWhere: "no error is finite, a sum of squares is zero or squares leave the range of binary64"),
    ]
    if space == .logit {
      columns += [
        ColumnDescription(
          "\(prefix)_ulp_format", .string,
          meaning: "The format whose unit in the last place is counted: the stored logit's.",
          emptyWhere: "the recipe does not round logits"),
        ColumnDescription(
          "\(prefix)_mean_ulp", .number, unit: "ulp",
          meaning: "Mean |error| in units in the last place at the reference.",
          emptyWhere: "the recipe does not round logits or nothing is finite"),
        ColumnDescription(
          "\(prefix)_max_ulp", .number, unit: "ulp",
          meaning: "Greatest |error| in units in the last place at the reference.",
          emptyWhere: "the recipe does not round logits or nothing is finite"),
        ColumnDescription(
          "\(prefix)_above_range_count", .integer, unit: "pairs",
          meaning: "Pairs whose reference lies above the format's range; they have no error in ulp.",
          minimum: 0),
      ]
    }
    return columns
  }

  private static func errorCells(_ sums: ErrorSums, _ space: ValueSpace) -> [Cell] {
    let common: [Cell] = [
      .integer(sums.absolute.nonfiniteCount), Cell(sums.absolute.mean), Cell(sums.absolute.maximum),
      Cell(sums.absolute.rootMeanSquare), Cell(sums.meanRelative), Cell(sums.maximumRelative),
      .integer(sums.zeroReferenceCount), Cell(sums.minimumCorrectBits), Cell(sums.normalizedMeanSquare),
      Cell(sums.cosine),
    ]
    guard space == .logit else { return common }
    return common + [
      Cell(sums.ulpFormatSpelling), Cell(sums.meanUlps), Cell(sums.maximumUlps),
      .integer(sums.aboveRangeCount),
    ]
  }

  private static let inputColumns: [ColumnDescription] = [
    ("overflow", "Elements of q and k above the range of the recipe's input format."),
    ("underflow", "Non-zero elements of q and k that lost bits below the input format's normal range."),
    ("flushed_to_zero", "Non-zero elements of q and k that became zero in the input format."),
  ].map {
    ColumnDescription(
      "input_\($0.0)_count", .integer, unit: "elements", meaning: $0.1,
      emptyWhere: "the row is not about all heads",
      minimum: 0)
  }
}
