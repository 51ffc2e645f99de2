// The results of a pattern experiment on disk and as JSON: tables, their description, the record of the run.

import DriftAnalysis
import RotaryAttention

/// Writes the folder of a pattern experiment and makes its JSON.
public struct PatternReport: Sendable {
  /// The record of the run, of the first pattern.
  public let run: RunRecord
  /// One a pattern.
  public let results: [PatternResults]

  /// A report of results.
  ///
  /// - Parameters:
  ///   - command: the words of the command that makes the same bytes again, without output path and threads.
  ///   - toolVersion: the tool's version.
  ///   - results: at least one.
  /// - Throws: ``TensorIO/TensorFileError`` where the input cannot be read any more.
  public init(command: [String], toolVersion: String, results: [PatternResults]) throws {
    run = try RunRecord(command: command, toolVersion: toolVersion, results: results[0].drift)
    self.results = results
  }

  /// The table of key tokens: that of a report, for each pattern.
  public static let tokenDescription: TableDescription = {
    let tokens = ReportTable.tokens.description
    return TableDescription(
      name: "pattern_tokens", title: "Drift per key token under each pattern", summary: tokens.summary,
      schema: TableSchema(
        columns: [PatternTable.pattern] + tokens.schema.columns,
        primaryKey: ["pattern"] + tokens.schema.primaryKey))
  }()

  /// Calls `write` with every row of ``tokenDescription`` of a pattern: while its tables are there.
  public static func forEachTokenRow(
    _ name: String, _ results: DriftResults, _ write: ([Cell]) throws -> Void
  ) throws {
    try ReportTable.tokens.forEachRow(results) { try write([.string(name)] + $0) }
  }

  /// The description of the folder.
  public static let package = DataPackage(
    name: "ropedrift-patterns", title: "RoPEDrift patterns",
    summary:
      "Masks and policies of positions side by side: drift of attention under shifted positions, error against the exact reference, outputs, "
      + "top keys and attention on first tokens. run.json says what was run; NaN, INF and -INF are written as such, and an empty cell is a "
      + "figure that nothing defines.",
    tables: [
      PatternTable.description, PatternDocumentTable.description, PatternLayoutTable.description,
      tokenDescription,
    ])

  /// The chunks of every pattern.
  private var layouts: [(name: String, pattern: AttentionPattern)] { results.map { ($0.name, $0.pattern) } }

  /// Writes every file but the table of tokens, which is written while the run goes on.
  ///
  /// - Parameter page: the page to write beside the tables; nil for none.
  /// - Returns: what the page's renderer failed with; everything but the pictures is written all the same.
  /// - Throws: ``OutputError``, ``TableError``.
  @discardableResult public func write(
    page: PatternPage? = nil, into folder: StagedFolder
  ) throws -> FigureRendererError? {
    func table(_ description: TableDescription, _ rows: (([Cell]) throws -> Void) throws -> Void) throws {
      var writer = try CSVWriter(description, creating: folder.path(of: description.fileName))
      try rows { try writer.append($0) }
      try writer.finish()
    }
    try table(PatternTable.description) { try PatternTable.forEachRow(results, $0) }
    try table(PatternDocumentTable.description) { try PatternDocumentTable.forEachRow(results, $0) }
    try table(PatternLayoutTable.description) { try PatternLayoutTable.forEachRow(layouts, $0) }
    try JSONText.write(record, creating: folder.path(of: RunRecord.fileName))
    var package = Self.package
    let written = try page?.write(self, into: folder)
    package.otherFiles = written?.files ?? []
    try package.write(into: folder.stagingPath)
    return written?.failure
  }

  /// What `run.json` holds.
  public var record: JSONValue {
    guard case .object(var object) = run.json, case .object(var measured)? = object["measured"] else {
      preconditionFailure("a record is an object that says what was measured")
    }
    for key in ["positions", "mask", "pattern", "lengths", "sweep"] { measured[key] = nil }
    measured["block_size"] = .integer(results[0].blocks.size)
    measured["packing"] = RunRecord.packing(results[0].pattern.withoutPositions)
    measured["patterns"] = .array(
      results.map { result in
        var entry: JSONObject = [
          "name": .string(result.name), "mask": .string(result.pattern.mask.spelling),
          "positions": .string(result.pattern.policy.name),
        ]
        if case .list(let positions) = result.pattern.policy {
          entry["listed_positions"] = .array(positions.map(JSONValue.integer))
        }
        entry["reference"] = RunRecord.decided(result.drift.referenceCounts)
        return .object(entry)
      })
    object["measured"] = .object(measured)
    object["reference"] = .object([
      "logits": "correctly rounded to binary64, nearest even",
      "outputs": "certified: every element with a proven bound on its own error",
    ])
    return .object(object)
  }

  /// The record and the rows of all tables but that of tokens.
  public func json() throws -> JSONValue {
    .object([
      "run": record,
      "patterns": try AttributionReport.rows(PatternTable.description) {
        try PatternTable.forEachRow(results, $0)
      },
      "documents": try AttributionReport.rows(PatternDocumentTable.description) {
        try PatternDocumentTable.forEachRow(results, $0)
      },
      "layout": try AttributionReport.rows(PatternLayoutTable.description) {
        try PatternLayoutTable.forEachRow(layouts, $0)
      },
    ])
  }
}

extension AttentionPattern {
  /// The same documents in the causal mask over continuous positions.
  fileprivate var withoutPositions: AttentionPattern {
    guard let plain = try? AttentionPattern(documents: documents) else {
      preconditionFailure("continuous positions suit every mask")
    }
    return plain
  }
}
