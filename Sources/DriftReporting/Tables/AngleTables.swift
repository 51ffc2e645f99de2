// angles.csv and angle_ranges.csv: errors of angles and of stored cos and sin, for every pair and for all pairs together.

import DriftAnalysis
import EmulatedEngine
import FloatingPointFormats
import ReferenceEngine

/// A table of angle results: its description and how its rows come from results.
public struct AngleTable: Sendable {
  /// Name, columns, meanings.
  public let description: TableDescription
  /// Calls its second argument with every row, in order.
  public let forEachRow: @Sendable (AngleResults, ([Cell]) throws -> Void) throws -> Void

  /// The tables, in the order in which `datapackage.json` lists them.
  public static let all: [AngleTable] = [.pairs, .ranges]

  /// A row a recipe, range of positions and pair.
  public static let pairs = AngleTable(
    description: TableDescription(
      name: "angles", title: "Errors of angles and tables by rotary pair",
      summary:
        "For each recipe, range of positions and rotary pair: how far the stored angle is from position times frequency, how far "
        + "the stored cos and sin are from the exact ones, and which stage causes it.",
      schema: TableSchema(
        columns: rangeColumns + [pairColumn]
          + [
            ColumnDescription(
              "frequency", .number, unit: "rad/position",
              meaning: "The exact frequency, correctly rounded to binary64.")
          ] + figures(ofAllPairs: false),
        primaryKey: ["recipe", "first_position", "last_position", "pair"])),
    forEachRow: { results, write in
      let exact = try results.experiment.embedding.exactFrequencies().map {
        FloatingPointFormat.fp64.rounded(try $0.exactValue())
      }
      for recipe in results.recipes {
        for range in recipe.ranges {
          for (pair, sums) in range.pairs.enumerated() {
            try write(
              rangeCells(recipe, range) + [.integer(pair), .number(exact[pair])]
                + figureCells(sums, ofAllPairs: false))
          }
        }
      }
    })

  /// A row a recipe and range of positions.
  public static let ranges = AngleTable(
    description: TableDescription(
      name: "angle_ranges", title: "Errors of angles and tables over all pairs",
      summary:
        "As angles.csv, over all rotary pairs together, with what becomes of the positions themselves.",
      schema: TableSchema(
        columns: rangeColumns + [
          ColumnDescription(
            "distinct_positions", .integer, unit: "positions",
            meaning: "Different finite numbers that the range's positions are rounded to.", minimum: 0),
          ColumnDescription(
            "nonfinite_positions", .integer, unit: "positions",
            meaning: "Positions that the position stage makes infinite.", minimum: 0),
        ] + figures(ofAllPairs: true),
        primaryKey: ["recipe", "first_position", "last_position"])),
    forEachRow: { results, write in
      for recipe in results.recipes {
        for range in recipe.ranges {
          try write(
            rangeCells(recipe, range) + [
              .integer(range.counts.distinct), .integer(range.counts.nonfinite),
            ] + figureCells(range.total, ofAllPairs: true))
        }
      }
    })

  // MARK: Columns

  private static let pairColumn = ColumnDescription(
    "pair", .integer, meaning: "Index i of the rotary pair.", minimum: 0)

  private static let rangeColumns = [
    ColumnDescription("recipe", .string, meaning: "Name of the recipe, in full in run.json."),
    ColumnDescription("first_position", .integer, unit: "positions", meaning: "First position.", minimum: 0),
    ColumnDescription("last_position", .integer, unit: "positions", meaning: "Last position.", minimum: 0),
  ]

  private static let stageNames = TableStages.ordered.map(\.name)
  private static let noAngle = "no angle is finite"
  private static let noValue = "no stored value is finite"

  private static func figures(ofAllPairs: Bool) -> [ColumnDescription] {
    func place(_ figure: String, _ empty: String) -> [ColumnDescription] {
      [
        ColumnDescription(
          "\(figure)_position", .integer, unit: "positions",
          meaning: "First position, of the lowest pair, that has this greatest error.", emptyWhere: empty)
      ]
        + (ofAllPairs
          ? [
            ColumnDescription(
              "\(figure)_pair", .integer, meaning: "Rotary pair that has this greatest error.",
              emptyWhere: empty)
          ] : [])
    }
    func number(_ name: String, _ unit: String?, _ meaning: String, _ empty: String) -> ColumnDescription {
      ColumnDescription(name, .number, unit: unit, meaning: meaning, emptyWhere: empty)
    }
    return [
      ColumnDescription(
        "entries", .integer, unit: "entries", meaning: "Positions times pairs.", minimum: 0),
      ColumnDescription(
        "nonfinite_angles", .integer, unit: "entries",
        meaning: "Entries whose stored angle is infinite or NaN; no figure of angles holds them.", minimum: 0),
      number(
        "max_abs_angle_error", "rad",
        "Greatest |stored angle - position * frequency|, not wrapped, correctly rounded to binary64.", noAngle
      ),
    ] + place("max_abs_angle_error", noAngle) + [
      number("rms_angle_error", "rad", "Root mean square of stored angle - position * frequency.", noAngle),
      number("mean_angle_error", "rad", "Mean of it with its sign (bias).", noAngle),
      ColumnDescription(
        "angle_stage", .string,
        meaning: "The stage of the angle whose rounding alone gives the greatest error, the first of equals.",
        emptyWhere: "no stage alone gives any", allowedValues: Array(stageNames.prefix(3))),
      number(
        "equal_neighbour_fraction", nil,
        "Part of the neighbouring positions p, p + 1 with finite angles whose stored angles are equal.",
        "no two neighbouring angles are finite"),
      ColumnDescription(
        "nonfinite_table_values", .integer, unit: "values",
        meaning:
          "Stored cos and sin, two an entry, that are infinite or NaN; no figure of the table holds them.",
        minimum: 0),
      number(
        "max_abs_table_error", nil,
        "Greatest |stored - exact| over cos and sin, the exact one times the attention factor, correctly rounded to binary64.",
        noValue),
    ] + place("max_abs_table_error", noValue) + [
      ColumnDescription(
        "max_abs_table_error_of", .string, meaning: "Whether it is the cosine's or the sine's.",
        emptyWhere: noValue, allowedValues: ["cos", "sin"]),
      number("rms_table_error", nil, "Root mean square of stored - exact over cos and sin.", noValue),
      ColumnDescription(
        "table_stage", .string,
        meaning:
          "The stage whose rounding alone gives the greatest error of cos and sin, the first of equals.",
        emptyWhere: "no stage alone gives any", allowedValues: stageNames),
      ColumnDescription(
        "cheapest_stage", .string,
        meaning:
          "The one stage to widen: without its rounding the greatest error of cos and sin is least, the first of equals.",
        emptyWhere: "no stage alone lowers it", allowedValues: stageNames),
    ] + stageColumns("angle", Array(stageNames.prefix(3)), "rad", noAngle)
      + stageColumns("table", stageNames, nil, noValue)
  }

  private static func stageColumns(
    _ what: String, _ stages: [String], _ unit: String?, _ empty: String
  ) -> [ColumnDescription] {
    stages.map { stage in
      ColumnDescription(
        "\(what)_error_\(stage)_alone", .number, unit: unit,
        meaning: "Greatest error of the \(what) with only this stage rounded, correctly rounded to binary64.",
        emptyWhere: empty)
    }
      + stages.map { stage in
        ColumnDescription(
          "\(what)_error_without_\(stage)", .number, unit: unit,
          meaning:
            "Greatest error of the \(what) with this stage exact and the others as in the recipe, correctly rounded to binary64.",
          emptyWhere: empty)
      }
  }

  // MARK: Cells

  private static func rangeCells(_ recipe: AngleRecipeResults, _ range: AngleRange) -> [Cell] {
    [
      .string(recipe.recipe.name), .integer(range.positions.lowerBound), .integer(range.positions.upperBound),
    ]
  }

  private static func figureCells(_ sums: AngleErrorSums, ofAllPairs: Bool) -> [Cell] {
    func place(_ error: LocatedError?) -> [Cell] {
      [Cell(error?.magnitude), Cell(error?.position)] + (ofAllPairs ? [Cell(error?.pair)] : [])
    }
    let names = stageNames
    let cheapest = sums.table.flatMap { sums.tableStages.cheapest(full: $0.magnitude) }
    var cells: [Cell] = [.integer(sums.entries), .integer(sums.nonfiniteAngles)] + place(sums.angle)
    cells += [
      Cell(sums.angleRootMeanSquare), Cell(sums.angleMean), Cell(sums.angleStages.cause.map { names[$0] }),
      Cell(sums.collisionFraction), .integer(sums.nonfiniteTableValues),
    ]
    cells += place(sums.table)
    cells += [
      Cell(sums.table.map { $0.isSine ? "sin" : "cos" }), Cell(sums.tableRootMeanSquare),
      Cell(sums.tableStages.cause.map { names[$0] }), Cell(cheapest.map { names[$0] }),
    ]
    for stages in [sums.angleStages, sums.tableStages] {
      cells += (stages.own + stages.without).map { Cell($0?.magnitude) }
    }
    return cells
  }
}
