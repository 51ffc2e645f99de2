// patterns.csv: a row for each pattern, recipe, and layer or head, with the columns of a report's summary and what patterns add to them.

import DriftAnalysis

/// The table that sets patterns side by side.
public enum PatternTable {
  /// Name, columns, meanings.
  public static let description = TableDescription(
    name: "patterns", title: "Patterns side by side, in all, by layer and by head",
    summary:
      "The same tokens, recipes, shifts and documents under several masks and policies of positions. Columns of drift and error are those of "
      + "a report's summary. Outputs are the emulated ones at shift_1 against certified ones; a query's top key is the first with its greatest logit.",
    schema: TableSchema(
      columns: [pattern] + ReportTable.summary.description.schema.columns + firstTokenColumns + outputColumns
        + topKeyColumns + massColumns + placementColumns + extentColumns,
      primaryKey: ["pattern"] + ReportTable.summary.description.schema.primaryKey))

  /// The column that names a pattern.
  static let pattern = ColumnDescription(
    "pattern", .string, meaning: "Mask and policy of positions; in full in run.json.")

  /// Calls `body` with every row.
  public static func forEachRow(_ results: [PatternResults], _ write: ([Cell]) throws -> Void) throws {
    for result in results {
      // The summary's rows of a recipe: all, layers, heads; the figures of rows in the same order.
      let heads = result.drift.experiment.heads.count
      let parts = result.rows.enumerated().flatMap { recipe, rows in
        [(recipe, rows.total, result.headCount, true)]
          + rows.layers.map { (recipe, $0, heads, false) } + rows.heads.map { (recipe, $0, 1, false) }
      }
      var index = 0
      try ReportTable.summary.forEachRow(result.drift) { cells in
        let (recipe, totals, count, isAll) = parts[index]
        index += 1
        try write(
          [.string(result.name)] + cells + firstTokens(result, isAll ? recipe : nil) + outputs(totals)
            + topKeys(totals.topKeys) + mass(totals.anchorMass) + placement(totals.placement)
            + extent(result, heads: count))
      }
    }
  }

  private static let noOutput = "no layer of the row has values or no difference is finite"

  private static let firstTokenColumns: [ColumnDescription] = ValueSpace.allCases.flatMap { space in
    let name = space.rawValue
    let empty = "the row is not about all heads, nothing is finite"
    return [
      ColumnDescription(
        "document_first_tokens_\(name)_share", .number,
        meaning:
          "Part of the sum of |\(name) difference| that falls on the first tokens of all documents together.",
        emptyWhere: empty + " or the sum is zero"),
      ColumnDescription(
        "document_first_tokens_\(name)_mean_abs", .number, unit: name,
        meaning: "Mean |\(name) difference| of the first tokens of all documents.", emptyWhere: empty),
      ColumnDescription(
        "document_first_tokens_\(name)_signed_mean", .number, unit: name,
        meaning: "Mean \(name) difference, with its sign, of the first tokens of all documents.",
        emptyWhere: empty),
    ]
  }

  private static func firstTokens(_ result: PatternResults, _ recipe: Int?) -> [Cell] {
    ValueSpace.allCases.flatMap { space -> [Cell] in
      guard let recipe else { return [.missing, .missing, .missing] }
      let sums = result.firstTokenSums(ofRecipe: recipe, in: space)
      return [
        Cell(result.firstTokenShare(ofRecipe: recipe, in: space)), Cell(sums.mean), Cell(sums.signedMean),
      ]
    }
  }

  private static let outputColumns: [ColumnDescription] =
    differenceColumns("output_error", "Emulated output at shift_1 minus certified output") + [
      ColumnDescription(
        "output_error_nmse", .number,
        meaning: "Sum of squared output errors over the sum of squared certified outputs.",
        emptyWhere: noOutput + ", or squares leave the range of binary64"),
      ColumnDescription(
        "output_bound_max", .number, unit: "value",
        meaning: "Greatest proven bound on a certified output's own error.", emptyWhere: noOutput),
      ColumnDescription(
        "output_bound_part", .number,
        meaning:
          "Bound on the certified output at the greatest error, over that error: the part of it that could be the reference's.",
        emptyWhere: noOutput + ", or the error is zero"),
    ] + differenceColumns("output_drift", "Emulated output at shift_1 minus emulated output at shift_2")

  private static func differenceColumns(_ prefix: String, _ what: String) -> [ColumnDescription] {
    [
      ColumnDescription(
        "\(prefix)_count", .integer, unit: "elements",
        meaning: "\(what): elements, queries times channels over the row's heads; 0 without values.",
        minimum: 0),
      ColumnDescription(
        "\(prefix)_nonfinite_count", .integer, unit: "elements",
        meaning: "Elements without a finite difference; no sum holds them.", minimum: 0),
      ColumnDescription(
        "\(prefix)_mean_abs", .number, unit: "value", meaning: "\(what): mean magnitude.",
        emptyWhere: noOutput),
      ColumnDescription(
        "\(prefix)_max_abs", .number, unit: "value", meaning: "\(what): greatest magnitude.",
        emptyWhere: noOutput),
    ]
      + ["layer", "head", "query", "channel"].map {
        ColumnDescription(
          "\(prefix)_max_\($0)", .integer, meaning: "\($0.capitalized) of the first greatest magnitude.",
          emptyWhere: noOutput)
      } + [
        ColumnDescription(
          "\(prefix)_rms", .number, unit: "value", meaning: "\(what): root mean square.",
          emptyWhere: noOutput + ", or squares leave the range of binary64")
      ]
  }

  private static func difference(_ sums: OutputSums) -> [Cell] {
    let place = sums.maximumPlace
    return [
      .integer(sums.count), .integer(sums.nonfiniteCount), Cell(sums.mean), Cell(sums.maximum),
      Cell(place?.layer), Cell(place?.head), Cell(place?.query), Cell(place?.channel),
      Cell(sums.rootMeanSquare),
    ]
  }

  private static func outputs(_ totals: RowTotals) -> [Cell] {
    let error = totals.outputError
    return difference(error.absolute)
      + [Cell(error.normalizedMeanSquare), Cell(error.greatestBound), Cell(error.boundPart)]
      + difference(totals.outputDrift)
  }

  private static let topKeyColumns: [ColumnDescription] = [
    ColumnDescription(
      "top_key_queries", .integer, unit: "queries",
      meaning:
        "Queries that see two keys or more and have a top key in the reference and at both shifts, over the row's heads.",
      minimum: 0),
    ColumnDescription(
      "top_key_nonfinite_count", .integer, unit: "queries",
      meaning: "Queries that see two keys or more and have a NaN logit or no finite margin.", minimum: 0),
    ColumnDescription(
      "top_key_flips_reference", .integer, unit: "queries",
      meaning: "Queries whose top key at shift_1 is not the reference's.", minimum: 0),
    ColumnDescription(
      "top_key_flips_shifts", .integer, unit: "queries",
      meaning: "Queries whose top key at shift_1 is not that at shift_2.", minimum: 0),
    ColumnDescription(
      "top_key_least_margin_kept", .number, unit: "logit",
      meaning:
        "Least margin in the reference, greatest logit minus the next, of a query whose top key at shift_1 is the reference's.",
      emptyWhere: "there is none"),
    ColumnDescription(
      "top_key_greatest_margin_flipped_reference", .number, unit: "logit",
      meaning: "Greatest margin in the reference of a query whose top key at shift_1 is not the reference's.",
      emptyWhere: "there is none"),
    ColumnDescription(
      "top_key_greatest_margin_flipped_shifts", .number, unit: "logit",
      meaning: "Greatest margin in the reference of a query whose top keys at the two shifts differ.",
      emptyWhere: "there is none"),
  ]

  private static func topKeys(_ sums: TopKeySums) -> [Cell] {
    [
      .integer(sums.queries), .integer(sums.nonfiniteCount), .integer(sums.flipsFromReference),
      .integer(sums.flipsBetweenShifts), Cell(sums.leastMarginKept), Cell(sums.greatestMarginFlipped),
      Cell(sums.greatestMarginFlippedBetweenShifts),
    ]
  }

  private static let massColumns: [ColumnDescription] = [
    ColumnDescription(
      "anchor_mass_queries", .integer, unit: "queries",
      meaning: "Queries that see token 0, are not it and have numbers there, over the row's heads.",
      minimum: 0),
    ColumnDescription(
      "anchor_mass_reference", .number, unit: "probability",
      meaning: "Mean over those queries of the reference's probability of token 0.",
      emptyWhere: "there is no such query"),
    ColumnDescription(
      "anchor_mass_emulated", .number, unit: "probability",
      meaning: "Mean over those queries of the probability of token 0 at shift_1.",
      emptyWhere: "there is no such query"),
  ]

  private static func mass(_ mass: AttentionMass) -> [Cell] {
    [.integer(mass.queries), Cell(mass.reference), Cell(mass.emulated)]
  }

  private static let placementColumns: [ColumnDescription] = {
    let empty = "the other form of the anchor is not measured with the same positions"
    return [
      ColumnDescription(
        "forms_differing_probabilities", .integer,
        meaning:
          "Probabilities at shift_1 whose bits differ between the two forms of the anchor, shared and copied.",
        emptyWhere: empty, minimum: 0),
      ColumnDescription(
        "forms_outputs", .integer,
        meaning: "Outputs, vectors of d channels, that were compared between the two forms.",
        emptyWhere: empty, minimum: 0),
      ColumnDescription(
        "forms_differing_outputs", .integer, meaning: "Outputs of which a bit differs between the two forms.",
        emptyWhere: empty, minimum: 0),
      ColumnDescription(
        "forms_differing_elements", .integer,
        meaning: "Elements of outputs whose bits differ between the two forms.",
        emptyWhere: empty, minimum: 0),
      ColumnDescription(
        "forms_max_abs_difference", .number, unit: "value",
        meaning: "Greatest magnitude of a difference of elements between the two forms.",
        emptyWhere: empty + " or no difference is finite"),
    ]
  }()

  private static func placement(_ sums: PlacementSums) -> [Cell] {
    guard sums.probabilities > 0 else { return [Cell](repeating: .missing, count: 5) }
    return [
      .integer(sums.differingProbabilities), .integer(sums.outputs), .integer(sums.differingOutputs),
      .integer(sums.differingElements), Cell(sums.greatestDifference),
    ]
  }

  private static let extentColumns: [ColumnDescription] = [
    ColumnDescription(
      "position_range_mean", .number, unit: "positions",
      meaning: "Mean over queries of the greatest query position minus key position that each sees.",
      emptyWhere: "there is no query"),
    ColumnDescription(
      "position_range_max", .integer, unit: "positions",
      meaning: "Greatest query position minus key position of a visible pair.", minimum: 0),
    ColumnDescription(
      "position_magnitude_max", .integer, unit: "positions",
      meaning: "Greatest magnitude of a query's position, without a shift.", emptyWhere: "there is no query",
      minimum: 0),
    ColumnDescription(
      "block_size", .integer, unit: "tokens", meaning: "Queries and keys of a block.", minimum: 1),
    ColumnDescription(
      "full_blocks", .integer, unit: "blocks", meaning: "Blocks of one head of which every pair is visible.",
      minimum: 0),
    ColumnDescription(
      "partial_blocks", .integer, unit: "blocks",
      meaning: "Blocks of one head of which some pairs are visible.",
      minimum: 0),
    ColumnDescription(
      "empty_blocks", .integer, unit: "blocks",
      meaning: "Blocks of one head of which no pair is visible; a kernel skips them.", minimum: 0),
    ColumnDescription(
      "attention_flops", .number, unit: "floating-point operations",
      meaning: "4 times head size times visible pairs, over the row's heads: q k and P v, forward."),
    ColumnDescription(
      "block_attention_flops", .number, unit: "floating-point operations",
      meaning: "The same for all pairs of the blocks that a kernel visits: full and partial ones."),
  ]

  private static func extent(_ result: PatternResults, heads: Int) -> [Cell] {
    let (all, blocks) = (result.extent.all, result.blocks)
    return [
      Cell(all.meanRange), .integer(all.greatestRange), Cell(all.greatestMagnitude), .integer(blocks.size),
      .integer(blocks.full), .integer(blocks.partial), .integer(blocks.empty),
      .number(result.exactOperations * Double(heads)), .number(result.blockOperations * Double(heads)),
    ]
  }
}
