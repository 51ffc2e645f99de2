// attribution.csv: one row for each recipe, pair of shifts, scope and variant.

import DriftAnalysis

/// The table of an attribution.
public enum AttributionTable {
  /// Columns and meanings.
  public static let description = TableDescription(
    name: "attribution", title: "Drift and error by the stage that is rounded",
    summary:
      "Variants of a recipe: none of its stages rounded (floor), one alone (only), all but one (without), the first ones up to a "
      + "stage (up_to), all (recipe). Shares and savings of several stages need not add up to 1.",
    schema: TableSchema(
      columns: keyColumns + spread(.logit, "drift") + spread(.probability, "drift") + [
        ColumnDescription(
          "d_logit", .number, unit: "logit", meaning: "Eq. 5 of Wang2024, of the first key in every scope.",
          emptyWhere: "no difference is finite"),
        ColumnDescription(
          "d_weighted", .number, unit: "probability",
          meaning: "Eq. 4 of Wang2024; in a row of key 0 that key's part.",
          emptyWhere: "no difference is finite"),
        ColumnDescription(
          "drift_basis", .string,
          meaning:
            "Whether drift was measured, or is zero by theorem because no rounded stage can break the invariance under shifts.",
          allowedValues: ["measured", "theorem"]),
      ] + spread(.logit, "error") + spread(.probability, "error")
        + StageQuantity.allCases.map {
          ColumnDescription(
            "\($0.rawValue)_share", .number,
            meaning: "(figure of this row / figure of the recipe)^2, \(figureName($0)).",
            emptyWhere: "the variant is not only, or a figure is missing or the recipe's zero")
        }
        + StageQuantity.allCases.map {
          ColumnDescription(
            "\($0.rawValue)_saved", .number,
            meaning: "1 - figure of this row / figure of the recipe, \(figureName($0)).",
            emptyWhere: "the variant is not without, or a figure is missing or the recipe's zero")
        } + [
          ColumnDescription(
            "at_floor", .string,
            meaning:
              "The figures that are below 2^10 times the floor's and so say no more than that they are small, separated by spaces.",
            emptyWhere: "there is none")
        ],
      primaryKey: ["recipe", "shift_1", "shift_2", "layer", "head", "key", "variant", "stage"]))

  private static let keyColumns =
    ColumnDescription.comparison + [
      ColumnDescription("layer", .string, meaning: "The layer's number, or 'all'."),
      ColumnDescription("head", .string, meaning: "The query head's number, or 'all'."),
      ColumnDescription(
        "key", .string, meaning: "0 for the first key token alone, or 'all'.", allowedValues: ["all", "0"]),
      ColumnDescription(
        "variant", .string, meaning: "Which stages are rounded.",
        allowedValues: ["floor", "only", "without", "up_to", "recipe"]),
      ColumnDescription(
        "stage", .string,
        meaning:
          "The stage rounded alone, left out, or last of the first ones; 'none' for floor, 'all' for recipe."),
      ColumnDescription(
        "carrier", .string, meaning: "What stages that are not rounded pass their values on in.",
        allowedValues: ["fp64", "exact"]),
      ColumnDescription("stages_rounded", .integer, meaning: "How many stages are rounded.", minimum: 0),
    ]

  private static func figureName(_ quantity: StageQuantity) -> String {
    switch quantity {
    case .logitDrift, .probabilityDrift: "\(quantity.rawValue)_rms"
    case .logitError, .probabilityError: "\(quantity.rawValue)_rms (its mean in a row of key 0)"
    case .dLogit, .dWeighted: quantity.rawValue
    }
  }

  private static func spread(_ space: ValueSpace, _ kind: String) -> [ColumnDescription] {
    let prefix = "\(space.rawValue)_\(kind)"
    let empty = "no \(kind) is finite"
    let what =
      kind == "drift" ? "difference between the two runs" : "difference from the reference at shift_1"
    var columns = [
      ColumnDescription(
        "\(prefix)_nonfinite_count", .integer, unit: "pairs",
        meaning: "Pairs whose \(what) is NaN or infinite.",
        minimum: 0),
      ColumnDescription(
        "\(prefix)_sum_abs", .number, unit: space.rawValue, meaning: "Sum of |\(what)|.", emptyWhere: empty),
      ColumnDescription(
        "\(prefix)_mean_abs", .number, unit: space.rawValue, meaning: "Mean |\(what)|.", emptyWhere: empty),
      ColumnDescription(
        "\(prefix)_rms", .number, unit: space.rawValue, meaning: "Root mean square \(what).",
        emptyWhere: empty + ", squares leave the range of binary64 or the row is about a key's error"),
      ColumnDescription(
        "\(prefix)_max_abs", .number, unit: space.rawValue, meaning: "Greatest |\(what)|.", emptyWhere: empty),
    ]
    if kind == "error" {
      columns.append(
        ColumnDescription(
          "\(prefix)_nmse", .number, meaning: "Sum of squared errors over the sum of squared references.",
          emptyWhere: empty
            + ", every reference is zero, squares leave the range of binary64 or the row is about a key"))
    }
    return columns
  }

  /// Calls `write` with every row: by recipe, shifts, scope, variant.
  public static func forEachRow(_ results: AttributionResults, _ write: ([Cell]) throws -> Void) throws {
    for recipe in results.recipes {
      for comparison in recipe.comparisons {
        for part in comparison.scopes {
          for variant in recipe.variants.all { try write(row(recipe, comparison.shifts, part, variant)) }
        }
      }
    }
  }

  private static func row(
    _ recipe: AttributionResults.OfRecipe, _ shifts: ShiftPair, _ part: AttributionResults.Part,
    _ variant: StageVariant
  ) -> [Cell] {
    let figures = part[variant]
    let stages = recipe.variants.stages
    let stage = variant.stage.map { stages[$0].name } ?? (variant == .floor ? "none" : "all")
    let shares = StageQuantity.allCases.map { quantity -> Cell in
      if case .only(let stage) = variant { Cell(part.share(quantity, ofStage: stage)) } else { .missing }
    }
    let savings = StageQuantity.allCases.map { quantity -> Cell in
      if case .without(let stage) = variant { Cell(part.saved(quantity, byStage: stage)) } else { .missing }
    }
    let floor = part.atTheFloor(variant).map(\.rawValue).joined(separator: " ")
    return [.string(recipe.variants.recipe.name), .integer(shifts.first), .integer(shifts.second)]
      + scopeCells(part.scope) + [
        .string(variant.name), .string(stage),
        .string(recipe.variants.carrier == .exact ? "exact" : "fp64"),
        .integer(variant.rounded(of: stages.count).count),
      ] + cells(figures.logitDrift) + cells(figures.probabilityDrift)
      + [
        Cell(figures.dLogit), Cell(figures.dWeighted),
        .string(figures.driftIsByTheorem ? "theorem" : "measured"),
      ]
      + cells(figures.logitError) + [Cell(figures.logitNMSE)] + cells(figures.probabilityError)
      + [Cell(figures.probabilityNMSE)] + shares + savings + [floor.isEmpty ? .missing : .string(floor)]
  }

  private static func scopeCells(_ scope: AttributionScope) -> [Cell] {
    switch scope {
    case .all: ["all", "all", "all"]
    case .layer(let layer): [.string(String(layer)), "all", "all"]
    case .head(let layer, let head): [.string(String(layer)), .string(String(head)), "all"]
    case .firstKey: ["all", "all", "0"]
    }
  }

  private static func cells(_ spread: SpreadFigures) -> [Cell] {
    [
      .integer(spread.nonfiniteCount), Cell(spread.sum), Cell(spread.mean), Cell(spread.rootMeanSquare),
      Cell(spread.maximum),
    ]
  }
}
