// A comparison of whole runs on disk: tables, their description, the record of the run; whole or not at all.

import ArbitraryPrecision
import DriftAnalysis
import EmulatedEngine
import RotaryAttention
import TensorIO

/// Writes the folder of a comparison of whole runs and makes its JSON.
public struct PropagatedReport: Sendable {
  /// The words of the command that makes the same bytes again, without output path and threads.
  public let command: [String]
  /// The tool's version.
  public let toolVersion: String

  /// A report of the comparison that a command makes.
  public init(command: [String], toolVersion: String) {
    self.command = command
    self.toolVersion = toolVersion
  }

  /// Runs a comparison and writes every file into a staged folder. Nothing stands at the destination until the folder is committed.
  ///
  /// - Throws: ``OutputError``, ``TensorFileError``, ``UndecidedRounding``, ``AnalysisError``.
  public func run(
    _ experiment: PropagatedExperiment, into folder: StagedFolder, threads: Int,
    progress: @Sendable (Int) -> Void
  ) throws -> PropagatedResults {
    let tokens = PropagatedTokenTable.description
    var writer = try CSVWriter(tokens, creating: folder.path(of: tokens.fileName))
    let results = try experiment.run(threads: threads, progress: progress) { layer in
      try PropagatedTokenTable.forEachRow(layer, experiment.shifts) { try writer.append($0) }
    }
    try PropagatedTokenTable.forEachRow(results) { try writer.append($0) }
    try writer.finish()
    for table in PropagatedTable.all {
      var writer = try CSVWriter(table.description, creating: folder.path(of: table.description.fileName))
      try table.forEachRow(results) { try writer.append($0) }
      try writer.finish()
    }
    try JSONText.write(try record(results), creating: folder.path(of: RunRecord.fileName))
    try Self.package.write(into: folder.stagingPath)
    return results
  }

  /// The description of the folder.
  public static let package = DataPackage(
    name: "ropedrift-propagated", title: "RoPEDrift comparison of whole runs",
    summary:
      "Attention of whole model runs at two shifts under emulated recipes, beside its isolated part (the same q and k, only positions "
      + "shifted) and a null control (the same shift, another order of summation). A difference that the null control has too says "
      + "nothing about positions. run.json says what was compared; NaN, INF and -INF are written as such, and an empty cell is a "
      + "figure that no pair defines.",
    tables: [PropagatedTable.totals.description, PropagatedTokenTable.description]
      + PropagatedTable.all.dropFirst().map(\.description))

  /// What `run.json` holds.
  ///
  /// - Throws: ``TensorFileError`` where an input cannot be read any more.
  public func record(_ results: PropagatedResults) throws -> JSONValue {
    let experiment = results.experiment
    let isolated = experiment.isolated
    var runs: JSONObject = [:]
    let captures =
      [("first", experiment.first), ("second", experiment.second)]
      + (experiment.null.map { [("null", $0)] } ?? [])
    for ((name, run), identity) in zip(captures, results.identities) {
      runs[name] = try Self.record(run, identity: identity, layers: isolated.layers)
    }
    let embedding = isolated.embedding
    let shape = isolated.shape
    return .object([
      "command": .string(ShellCommand.text(command)),
      "versions": .object([
        "ropedrift": .string(toolVersion), "mpfr": .string(LibraryVersions.mpfr),
        "gmp": .string(LibraryVersions.gmp),
      ]),
      "runs": .object(runs),
      "problem": .object([
        "head_size": .integer(embedding.headSize), "rotary_size": .integer(embedding.rotarySize),
        "layout": .string(embedding.layout.rawValue), "base": .string(embedding.base.text),
        "scaling": embedding.scaling.isDefault ? "none" : .string(embedding.scaling.spelling),
        "softcap": .string(isolated.softcap?.text ?? "none"),
        "heads": .integer(shape.heads), "kv_heads": .integer(shape.keyValueHeads),
        "query_tokens": .integer(shape.queryTokens), "key_tokens": .integer(shape.keyTokens),
      ]),
      "measured": .object([
        "modes": .array(experiment.modes.map { .string($0.rawValue) }),
        "shifts": .array([.integer(experiment.shifts.first), .integer(experiment.shifts.second)]),
        "layers": .array(isolated.layers.map(JSONValue.integer)),
        "heads": .array(isolated.heads.map(JSONValue.integer)),
        "lengths": .array(isolated.lengths.map(JSONValue.integer)),
        "tokens_compared": .boolean(experiment.comparesTokens),
        "null_is_first_run": .boolean(results.nullIsFirst),
        "stored_attention_queries": .integer(experiment.stored?.queries.count ?? 0),
      ]),
      "recipes": .array(isolated.emulations.map { $0.recipe.jsonValue }),
    ])
  }

  private static func record(_ run: CapturedRun, identity: String, layers: [Int]) throws -> JSONValue {
    var metadata: JSONObject = [:]
    for (key, value) in run.input.metadata.sorted(by: { $0.key < $1.key }) { metadata[key] = .string(value) }
    var nonFinite: JSONObject = [:]
    for layer in layers {
      for tensor in [AttentionTensor.query, .key] {
        let count = try run.input.nonFiniteCount(layer: layer, tensor: tensor)
        nonFinite[tensor.name(layer: layer)] = .object([
          "nan": .integer(count.nans), "infinite": .integer(count.infinities),
        ])
      }
    }
    return .object([
      "name": .string(run.input.spelling), "sha256": .string(identity), "shift": .integer(run.shift),
      "metadata": .object(metadata), "nonfinite": .object(nonFinite),
    ])
  }

  /// The record and the rows of propagated.csv.
  ///
  /// - Throws: ``TensorFileError``.
  public func json(_ results: PropagatedResults) throws -> JSONValue {
    let names = PropagatedTable.totals.description.schema.columns.map(\.name)
    var rows: [JSONValue] = []
    try PropagatedTable.totals.forEachRow(results) { cells in
      rows.append(.object(JSONObject(zip(names, cells).map { ($0, JSONValue($1)) })))
    }
    return .object(["run": try record(results), "propagated": .array(rows)])
  }
}
