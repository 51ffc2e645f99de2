// The results of an angle experiment on disk: tables, their description, the record of the run; whole or not at all.

import ArbitraryPrecision
import DriftAnalysis
import EmulatedEngine
import FloatingPointFormats
import RotaryAttention

/// Writes the folder of an angle experiment and makes its JSON.
public struct AngleReport: Sendable {
  /// The words of the command that makes the same bytes again, without output path and threads.
  public let command: [String]
  /// The tool's version.
  public let toolVersion: String
  /// What was found.
  public let results: AngleResults

  /// A report of results.
  public init(command: [String], toolVersion: String, results: AngleResults) {
    self.command = command
    self.toolVersion = toolVersion
    self.results = results
  }

  /// Writes every file into a staged folder. Nothing stands at the destination until the folder is committed.
  ///
  /// - Throws: ``OutputError``; ``UndecidedRounding`` where a frequency cannot be decided.
  public func write(into folder: StagedFolder) throws {
    for table in AngleTable.all {
      var writer = try CSVWriter(table.description, creating: folder.path(of: table.description.fileName))
      try table.forEachRow(results) { try writer.append($0) }
      try writer.finish()
    }
    try JSONText.write(record, creating: folder.path(of: RunRecord.fileName))
    try Self.package.write(into: folder.stagingPath)
  }

  /// The description of the folder.
  public static let package = DataPackage(
    name: "ropedrift-angles", title: "RoPEDrift angles",
    summary:
      "Errors of rotary angles and of the stored table of cos and sin, against exact arithmetic. run.json says what was run; "
      + "NaN, INF and -INF are written as such, and an empty cell is a figure that no entry defines.",
    tables: AngleTable.all.map(\.description))

  /// What `run.json` holds.
  public var record: JSONValue {
    let embedding = results.experiment.embedding
    return .object([
      "command": .string(ShellCommand.text(command)),
      "versions": .object([
        "ropedrift": .string(toolVersion), "mpfr": .string(LibraryVersions.mpfr),
        "gmp": .string(LibraryVersions.gmp),
      ]),
      "problem": .object([
        "rotary_size": .integer(embedding.rotarySize), "head_size": .integer(embedding.headSize),
        "base": .string(embedding.base.text),
        "scaling": embedding.scaling.isDefault ? "none" : .string(embedding.scaling.spelling),
      ]),
      "ranges": .array(
        results.experiment.ranges.map { .array([.integer($0.lowerBound), .integer($0.upperBound)]) }),
      "decided": .array(
        results.recipes.map { recipe in
          .object([
            "recipe": .string(recipe.recipe.name),
            "entries": .integer(recipe.ranges.reduce(0) { $0 + $1.total.entries }),
            "tier": recipe.isFast ? "fast" : "plain",
            "decided_by_plain_tier": .integer(recipe.ranges.reduce(0) { $0 + $1.total.fallbacks }),
          ])
        }),
      "recipes": .array(results.recipes.map { $0.recipe.jsonValue }),
    ])
  }

  /// The record and the rows over all pairs, and those of every pair where `perPair`.
  ///
  /// - Throws: ``UndecidedRounding``.
  public func json(perPair: Bool) throws -> JSONValue {
    func rows(_ table: AngleTable) throws -> JSONValue {
      let names = table.description.schema.columns.map(\.name)
      var rows: [JSONValue] = []
      try table.forEachRow(results) { cells in
        rows.append(.object(JSONObject(zip(names, cells).map { ($0, JSONValue($1)) })))
      }
      return .array(rows)
    }
    var object: JSONObject = ["run": record, "ranges": try rows(.ranges)]
    if perPair { object["pairs"] = try rows(.pairs) }
    return .object(object)
  }
}
