// The tables of a drift report. A new one is a file with a value of this type and a line in `all`.

import DriftAnalysis

/// A table of a report: its description and how its rows come from results.
public struct ReportTable: Sendable {
  /// Name, columns, meanings.
  public let description: TableDescription
  /// Calls its second argument with every row, in order.
  public let forEachRow: @Sendable (DriftResults, ([Cell]) throws -> Void) throws -> Void

  /// The tables of a report, in the order in which `datapackage.json` lists them.
  public static let all: [ReportTable] = [
    .summary, .tokens, .distances, .shifts, .lengths, .frequencies,
  ]
}

extension ColumnDescription {
  /// The columns that name a comparison.
  static let comparison: [ColumnDescription] = [
    ColumnDescription("recipe", .string, meaning: "Name of the recipe, in full in run.json."),
    ColumnDescription("shift_1", .integer, unit: "positions", meaning: "Shift of the first emulated run."),
    ColumnDescription("shift_2", .integer, unit: "positions", meaning: "Shift of the second emulated run."),
  ]

  static let space = ColumnDescription(
    "space", .string, meaning: "Whether the row is about logits or about probabilities.",
    allowedValues: ValueSpace.allCases.map(\.rawValue))

  static let noFiniteDifference = "no difference is finite"

  /// The columns of ``Cell/drift(_:)``.
  static func drift(_ what: String = "the difference between the two runs") -> [ColumnDescription] {
    [
      ColumnDescription(
        "count", .integer, unit: "pairs", meaning: "Visible (query, key) pairs over all layers and heads.",
        minimum: 0),
      ColumnDescription(
        "nonfinite_count", .integer, unit: "pairs",
        meaning: "Pairs whose difference is NaN or infinite; no sum holds them.",
        minimum: 0),
      ColumnDescription(
        "sum_abs", .number, meaning: "Sum of the magnitudes of \(what).", emptyWhere: noFiniteDifference),
      ColumnDescription(
        "mean_abs", .number, meaning: "Mean magnitude of \(what).", emptyWhere: noFiniteDifference),
      ColumnDescription(
        "max_abs", .number, meaning: "Greatest magnitude of \(what).", emptyWhere: noFiniteDifference),
      ColumnDescription(
        "rms", .number, meaning: "Root mean square of \(what).",
        emptyWhere: noFiniteDifference + " or squares leave the range of binary64"),
      ColumnDescription(
        "signed_mean", .number, meaning: "Mean with its sign (bias), first run minus second.",
        emptyWhere: noFiniteDifference),
    ]
  }

  /// The columns of ``Cell/maximumPlace(_:)``.
  static let maximumPlace: [ColumnDescription] = ["layer", "head", "query"].map {
    ColumnDescription(
      "max_\($0)", .integer, meaning: "\($0.capitalized) of the first greatest difference.",
      emptyWhere: noFiniteDifference)
  }

  /// The columns of ``Cell/error(_:)``.
  static let error: [ColumnDescription] = [
    ColumnDescription(
      "error_nonfinite_count", .integer, unit: "pairs", meaning: "Pairs without a finite error at shift_1.",
      minimum: 0),
    ColumnDescription(
      "error_mean_abs", .number, meaning: "Mean |value at shift_1 - reference|.",
      emptyWhere: "no error is finite"),
    ColumnDescription(
      "error_max_abs", .number, meaning: "Greatest |value at shift_1 - reference|.",
      emptyWhere: "no error is finite"),
  ]

  /// The columns of ``Cell/driftMetrics(_:_:)``.
  static let driftMetrics: [ColumnDescription] = {
    let empty = "no difference is finite"
    return [
      ColumnDescription(
        "visible_pairs", .integer, unit: "pairs",
        meaning: "Visible (query, key) pairs over the row's layers and heads.",
        minimum: 0),
      ColumnDescription(
        "d_weighted", .number, unit: "probability",
        meaning:
          "Wang et al. 2024, Eq. 4: sum over heads and keys of n_j times the sum over queries of |A(shift_1) - A(shift_2)|, "
          + "n_j = 1 / (queries that see key j).", emptyWhere: empty),
      ColumnDescription(
        "d_unweighted", .number, unit: "probability", meaning: "As d_weighted with every n_j = 1.",
        emptyWhere: empty),
      ColumnDescription(
        "d_signed", .number, unit: "probability",
        meaning: "As d_weighted with the magnitude taken after the sum over queries.", emptyWhere: empty),
      ColumnDescription(
        "sum_abs_logit_difference", .number, unit: "logit",
        meaning: "Sum of |s(shift_1) - s(shift_2)| over all visible pairs.", emptyWhere: empty),
      ColumnDescription(
        "d_logit", .number, unit: "logit",
        meaning:
          "Wang et al. 2024, Eq. 5: sum over heads of the mean over queries of |s(shift_1) - s(shift_2)| of the first key.",
        emptyWhere: "no difference of the first key is finite"),
      ColumnDescription(
        "d_logit_unscaled", .number, unit: "logit", meaning: "d_logit divided by the scale of the logits.",
        emptyWhere: "no difference of the first key is finite"),
      ColumnDescription(
        "first_key_logit_share", .number,
        meaning: "Part of the sum of |logit difference| that falls on the first key.",
        emptyWhere: "the sum is zero or nothing is finite"),
      ColumnDescription(
        "first_key_probability_share", .number,
        meaning: "Part of the sum of |probability difference|, unweighted, that falls on the first key.",
        emptyWhere: "the sum is zero or nothing is finite"),
      ColumnDescription(
        "first_key_uniform_share", .number,
        meaning: "The first key's part of all visible pairs: its share if drift fell on all pairs alike.",
        emptyWhere: "no pair is visible"),
      ColumnDescription(
        "probability_share_bound", .number,
        meaning:
          "Greatest unweighted probability share that a single key can have, where rows of A sum to 1.",
        emptyWhere: "probabilities are rounded, so that there is no bound"),
      ColumnDescription(
        "first_key_logit_ratio", .number,
        meaning: "Mean |logit difference| of the first key over the mean over the pairs of all other keys.",
        emptyWhere: "a mean is missing or the divisor is zero"),
      ColumnDescription(
        "first_key_probability_ratio", .number,
        meaning:
          "Mean |probability difference| of the first key over the mean over the pairs of all other keys.",
        emptyWhere: "a mean is missing or the divisor is zero"),
      ColumnDescription(
        "first_key_relative_change", .number,
        meaning:
          "Sum of |probability difference| of the first key over the sum of its probabilities at shift_1.",
        emptyWhere: "nothing is finite or the divisor is zero"),
      ColumnDescription(
        "five_key_fraction_logit", .number,
        meaning: "First key's mean |logit difference| over the sum of the means of keys 0, 1, 2, 8, 64.",
        emptyWhere: "one of the five keys is missing or the divisor is zero"),
      ColumnDescription(
        "five_key_fraction_probability", .number,
        meaning:
          "First key's mean |probability difference| over the sum of the means of keys 0, 1, 2, 8, 64.",
        emptyWhere: "one of the five keys is missing or the divisor is zero"),
    ]
  }()
}

extension Cell {
  static func comparison(_ recipe: RecipeResults, _ shifts: ShiftPair) -> [Cell] {
    [.string(recipe.name), .integer(shifts.first), .integer(shifts.second)]
  }

  static func drift(_ sums: DifferenceSums) -> [Cell] {
    [
      .integer(sums.count), .integer(sums.nonfiniteCount), Cell(sums.sumOfMagnitudes), Cell(sums.mean),
      Cell(sums.maximum), Cell(sums.rootMeanSquare), Cell(sums.signedMean),
    ]
  }

  static func maximumPlace(_ sums: DifferenceSums) -> [Cell] {
    let place = sums.maximumPlace
    return [Cell(place?.layer), Cell(place?.head), Cell(place?.query)]
  }

  static func error(_ sums: DifferenceSums) -> [Cell] {
    [.integer(sums.nonfiniteCount), Cell(sums.mean), Cell(sums.maximum)]
  }

  static func driftMetrics(_ totals: DriftTotals, _ recipe: RecipeResults) -> [Cell] {
    driftMetrics(totals, bound: recipe.shareBound)
  }

  /// The columns of ``ColumnDescription/driftMetrics``.
  static func driftMetrics(_ totals: DriftTotals, bound: ShareBound) -> [Cell] {
    let logit = totals.concentration(in: .logit)
    let probability = totals.concentration(in: .probability)
    return [
      .integer(totals.visiblePairs), Cell(totals.dWeighted), Cell(totals.dUnweighted), Cell(totals.dSigned),
      Cell(totals.sumAbsLogitDifference), Cell(totals.dLogit), Cell(totals.dLogitUnscaled),
      Cell(logit?.share),
      Cell(probability?.share), Cell(logit?.uniformShare), Cell(bound.value),
      Cell(logit?.ratioToOthers), Cell(probability?.ratioToOthers), Cell(probability?.relativeChange),
      Cell(totals.fiveKeyFraction(in: .logit)), Cell(totals.fiveKeyFraction(in: .probability)),
    ]
  }
}
