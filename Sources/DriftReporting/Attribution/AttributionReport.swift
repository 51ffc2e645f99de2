// The folder and the record of an attribution.

import DriftAnalysis

/// Writes the folder of an attribution.
public enum AttributionReport {
  /// The description of the folder.
  public static let package = DataPackage(
    name: "ropedrift-attribution", title: "RoPEDrift attribution",
    summary:
      "Which stage's rounding causes how much of the drift and error of attention scores, and what widening sets of stages costs and "
      + "gives. run.json says what was run; NaN, INF and -INF are written as such, and an empty cell is a figure that nothing defines.",
    tables: [AttributionTable.description, MendTable.description])

  /// The record of a run: as a report's, with what was attributed and searched.
  public static func json(
    _ record: RunRecord, _ results: AttributionResults, _ mends: [MendResults]
  ) -> JSONValue {
    guard case .object(var object) = record.json else { preconditionFailure("a record is an object") }
    let carrier = results.recipes.first?.variants.carrier
    object["attribution"] = .object([
      "carrier": carrier == .exact ? "exact" : "fp64",
      "stages": .object(
        JSONObject(
          results.recipes.map {
            ($0.variants.recipe.name, .array($0.variants.stages.map { .string($0.name) }))
          })),
    ])
    object["mends"] = .array(mends.map(search))
    return .object(object)
  }

  private static func search(_ result: MendResults) -> JSONValue {
    let search = result.search
    return .object([
      "recipe": .string(search.options.recipe.name), "metric": .string(search.metric.name),
      "budget": search.budget.map { .string($0.limit.text) } ?? .null,
      "stages": .array(search.options.stages.map { .string($0.name) }),
      "idle_stages": .array(search.options.idle.map { .string($0.name) }),
      "sets": .integer(search.options.setCount), "different": .integer(result.mends.count),
      "screening_queries": search.screeningQueries.map { .array($0.sorted().map(JSONValue.integer)) }
        ?? .null,
      "screening_seed": search.screeningQueries == nil ? .null : .string(String(search.seed)),
      "chosen": result.chosen.map { .string(result.mends[$0].option.stagesInWords) } ?? .null,
    ])
  }

  /// The rows of a table as objects.
  public static func rows(
    _ table: TableDescription, _ forEachRow: (([Cell]) throws -> Void) throws -> Void
  ) throws -> JSONValue {
    let names = table.schema.columns.map(\.name)
    var rows: [JSONValue] = []
    try forEachRow { cells in
      rows.append(.object(JSONObject(zip(names, cells).map { ($0, JSONValue($1)) })))
    }
    return .array(rows)
  }

  /// Writes every file into a staged folder; mends.csv has only its header where no mends were searched for.
  ///
  /// - Throws: ``OutputError``, ``TableError``.
  public static func write(
    _ record: RunRecord, _ results: AttributionResults, _ mends: [MendResults], into folder: StagedFolder
  ) throws {
    var attribution = try CSVWriter(
      AttributionTable.description, creating: folder.path(of: AttributionTable.description.fileName))
    try AttributionTable.forEachRow(results) { try attribution.append($0) }
    try attribution.finish()
    var table = try CSVWriter(
      MendTable.description, creating: folder.path(of: MendTable.description.fileName))
    try MendTable.forEachRow(mends) { try table.append($0) }
    try table.finish()
    try JSONText.write(json(record, results, mends), creating: folder.path(of: RunRecord.fileName))
    try package.write(into: folder.stagingPath)
  }
}
