// What sharing a sequence among devices changes, as tables: a row a recipe, layer and way, and a row a token.

import DriftAnalysis
import EmulatedEngine

/// What was found about one recipe in one layer.
public struct LayerParallelism: Sendable {
  /// What was compared.
  public let comparison: SequenceParallelComparison
  /// One a way, in the order of the comparison.
  public let results: [SequenceParallelResult]

  /// Results of a comparison.
  public init(_ comparison: SequenceParallelComparison, _ results: [SequenceParallelResult]) {
    self.comparison = comparison
    self.results = results
  }
}

/// A table of ``ParallelismReport``.
public struct ParallelismTable: Sendable {
  /// Name, columns, meanings.
  public let description: TableDescription
  let rows: @Sendable (LayerParallelism, ([Cell]) throws -> Void) throws -> Void

  /// All tables, in the order of the folder.
  public static let all: [ParallelismTable] = [.ways, .tokens]

  private static let place: [ColumnDescription] = [
    ColumnDescription("recipe", .string, meaning: "Name of the recipe, in full in run.json."),
    ColumnDescription("layer", .integer, meaning: "Layer.", minimum: 0),
    ColumnDescription(
      "parallelism", .string, meaning: "How the tokens are shared among ranks.",
      allowedValues: SequenceParallelism.allCases.map(\.rawValue)),
    ColumnDescription("ranks", .integer, meaning: "Number of ranks.", minimum: 1),
  ]

  private static func cells(_ layer: LayerParallelism, _ result: SequenceParallelResult) -> [Cell] {
    [
      .string(layer.comparison.emulation.recipe.name), .integer(layer.comparison.layer.index),
      .string(result.way.kind.rawValue), .integer(result.way.ranks),
    ]
  }

  private static let nothing = "no pair is finite"
  private static let noReference = "the reference was left out or no pair is finite"

  /// A row a recipe, layer and way.
  public static let ways = ParallelismTable(
    description: TableDescription(
      name: "parallelism", title: "Sequence parallelism against one device",
      summary:
        "Stored outputs of attention with the sequence shared among ranks, against those of one device under the same recipe, over all "
        + "channels of all tokens of the chosen heads; and both against the exact outputs.",
      schema: TableSchema(
        columns: place + [
          ColumnDescription(
            "outputs", .integer, meaning: "Outputs compared: heads times tokens times channels.", minimum: 0),
          ColumnDescription(
            "differing_outputs", .integer, meaning: "Outputs with other bits than one device's.", minimum: 0),
          ColumnDescription(
            "nonfinite_count", .integer, meaning: "Pairs with a NaN or an infinity, in no figure here.",
            minimum: 0),
          ColumnDescription(
            "max_abs_difference", .number, meaning: "Greatest |shared - one device|.", emptyWhere: nothing),
          ColumnDescription(
            "max_head", .integer, meaning: "Head of that output; the first one of equal ones.",
            emptyWhere: nothing,
            minimum: 0),
          ColumnDescription("max_token", .integer, meaning: "Its token.", emptyWhere: nothing, minimum: 0),
          ColumnDescription(
            "max_channel", .integer, meaning: "Its channel.", emptyWhere: nothing, minimum: 0),
          ColumnDescription(
            "mean_abs_difference", .number, meaning: "Mean of |shared - one device|.", emptyWhere: nothing),
          ColumnDescription(
            "one_device_max_abs_error", .number, meaning: "Greatest |one device - exact|.",
            emptyWhere: noReference),
          ColumnDescription(
            "shared_max_abs_error", .number, meaning: "Greatest |shared - exact|.", emptyWhere: noReference),
          ColumnDescription(
            "reference_max_bound", .number,
            meaning: "Greatest proven bound on an error of the exact outputs.",
            emptyWhere: noReference),
        ], primaryKey: ["recipe", "layer", "parallelism", "ranks"])),
    rows: { layer, write in
      for result in layer.results {
        try write(
          cells(layer, result) + [
            .integer(result.outputs), .integer(result.differing), .integer(result.nonFinite),
            Cell(result.difference?.value), Cell(result.difference?.head),
            Cell(result.difference?.token), Cell(result.difference?.channel), Cell(result.meanDifference),
            Cell(result.oneDeviceError?.value), Cell(result.sharedError?.value), Cell(result.referenceBound),
          ])
      }
    })

  /// A row a recipe, layer, way and token.
  public static let tokens = ParallelismTable(
    description: TableDescription(
      name: "parallelism_tokens", title: "Sequence parallelism against one device, by token",
      summary: "The mean difference of a query token's stored outputs from those of one device.",
      schema: TableSchema(
        columns: place + [
          ColumnDescription(
            "token", .integer, meaning: "Index of the query's token in the file.", minimum: 0),
          ColumnDescription(
            "mean_abs_difference", .number,
            meaning: "Mean of |shared - one device| over heads and channels.", emptyWhere: nothing),
        ], primaryKey: ["recipe", "layer", "parallelism", "ranks", "token"])),
    rows: { layer, write in
      for result in layer.results {
        for (token, mean) in result.meanByToken.enumerated() {
          try write(cells(layer, result) + [.integer(token), Cell(mean)])
        }
      }
    })
}
