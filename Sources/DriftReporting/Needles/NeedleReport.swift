// The results of a needle experiment: text for a person, the folder, the record of the run.

import ArbitraryPrecision
import DriftAnalysis
import EmulatedEngine

/// Writes the results of a needle experiment.
public struct NeedleReport: Sendable {
  /// The words of the command that makes the same bytes again, without output path and threads.
  public let command: [String]
  /// The tool's version.
  public let toolVersion: String
  /// What was found.
  public let results: NeedleResults
  /// SHA-256 of the input, hexadecimal.
  public let inputIdentity: String

  /// A report of results.
  ///
  /// - Throws: ``TensorIO/TensorFileError`` where the input cannot be read any more.
  public init(command: [String], toolVersion: String, results: NeedleResults) throws {
    self.command = command
    self.toolVersion = toolVersion
    self.results = results
    inputIdentity = try results.experiment.input.identity()
  }

  /// The description of the folder.
  public static let package = DataPackage(
    name: "ropedrift-needles", title: "RoPEDrift needles", summary: NeedleTable.description.summary,
    tables: [NeedleTable.description])

  /// Writes every file into a staged folder.
  ///
  /// - Throws: ``OutputError``, ``TableError``.
  public func write(into folder: StagedFolder) throws {
    var writer = try CSVWriter(
      NeedleTable.description, creating: folder.path(of: NeedleTable.description.fileName))
    try NeedleTable.forEachRow(results) { try writer.append($0) }
    try writer.finish()
    try JSONText.write(record, creating: folder.path(of: RunRecord.fileName))
    try Self.package.write(into: folder.stagingPath)
  }

  /// The record and the rows.
  public func json() throws -> JSONValue {
    .object([
      "run": record,
      "needles": try AttributionReport.rows(NeedleTable.description) {
        try NeedleTable.forEachRow(results, $0)
      },
    ])
  }

  /// What `run.json` holds.
  public var record: JSONValue {
    let experiment = results.experiment
    let embedding = experiment.embedding
    return .object([
      "command": .string(ShellCommand.text(command)),
      "versions": .object([
        "ropedrift": .string(toolVersion), "mpfr": .string(LibraryVersions.mpfr),
        "gmp": .string(LibraryVersions.gmp),
      ]),
      "input": .object([
        "name": .string(experiment.input.spelling), "sha256": .string(inputIdentity),
        "nonfinite": .object(results.nonFinite.jsonObject),
      ]),
      "problem": .object([
        "head_size": .integer(embedding.headSize), "rotary_size": .integer(embedding.rotarySize),
        "layout": .string(embedding.layout.rawValue), "base": .string(embedding.base.text),
        "scaling": embedding.scaling.isDefault ? "none" : .string(embedding.scaling.spelling),
      ]),
      "measured": .object([
        "layers": .array(experiment.layers.map(JSONValue.integer)),
        "heads": .array(experiment.heads.map(JSONValue.integer)),
        "shift": .integer(experiment.shift), "queries": .integer(experiment.queries),
        "needles": .integer(experiment.needles),
        "depths": .array(experiment.depths.map(JSONValue.number)),
        "margins": .array(experiment.targets.map(JSONValue.number)),
        "windows": .array(
          experiment.windows.map {
            .object([
              "length": .integer($0.length), "pattern": .string($0.pattern),
              "visible_keys": .integer($0.visible), "query_position": .integer($0.queryPosition),
            ])
          }),
      ]),
      "seed": .string(String(experiment.seed)),
      "recipes": .array(experiment.emulations.map { $0.recipe.jsonValue }),
    ])
  }

  /// Flip rates by binade of the margin, and the notes.
  public var text: String {
    let binades = Set(results.windows.flatMap { $0.tasks.flatMap { $0.bins.flatMap(\.keys) } }).sorted()
    var table = AlignedTextTable(
      header: ["length", "pattern", "task", "recipe", "keys"] + binades.map { "2^\($0)" } + [
        "all", "change: mean", "greatest",
      ], keyColumns: 4)
    for found in results.windows {
      for task in found.tasks {
        for (recipe, emulation) in results.experiment.emulations.enumerated() {
          let total = task.total(ofRecipe: recipe)
          table.append(
            [
              .integer(found.window.length), .string(found.window.pattern), .string(task.task.rawValue),
              .string(emulation.recipe.name), .integer(found.window.visible),
            ] + binades.map { Self.rate(task.bins[recipe][$0]) } + [
              Self.rate(total), Cell(total.meanChange), Cell(total.greatestChange),
            ])
        }
      }
    }
    return table.text + "\n" + notes
  }

  private static func rate(_ bin: NeedleBin?) -> Cell {
    bin.map { .string("\($0.flips)/\($0.trials)") } ?? .missing
  }

  /// What a trial of a task asks.
  private func meaning(_ task: NeedleTask) -> String {
    let needles = results.experiment.needles
    return switch task {
    case .single: "single: the needle has to be the top key"
    case .multiKey: "multi-key: the one asked for among \(needles) needles has to be the top key"
    case .multiValue: "multi-value: \(needles) needles have to be above all others"
    }
  }

  private var notes: String {
    let tasks = results.windows.flatMap(\.tasks)
    let (skipped, notWon) = (tasks.reduce(0) { $0 + $1.skipped }, tasks.reduce(0) { $0 + $1.notWon })
    let withoutMargin = tasks.reduce(0) { $0 + $1.withoutMargin }
    let notFinite = tasks.reduce(0) { sum, task in
      sum + task.bins.indices.reduce(0) { $0 + task.total(ofRecipe: $1).nonfiniteCount }
    }
    var lines = [
      "flips/trials by the exact margin of the needle in logits (from 2^k to below 2^(k+1)); change: emulated margin minus exact margin.",
      "keys: what the window's last token, the query, sees. Distractors and queries are vectors of the input.",
      results.experiment.tasks.map(meaning).joined(separator: "; ") + ".",
      "This is the arithmetic's part in such tasks: the logits of one head, each head by itself. It is no score of a model.",
    ]
    if skipped + notWon > 0 {
      lines.append(
        "left out: \(skipped) trials without a direction that could be scaled to the margin, \(notWon) whose stored needles do not win exactly"
      )
    }
    if withoutMargin > 0 {
      lines.append(
        "left out: \(withoutMargin) trials without an exact margin: a logit of their row is NaN, or the greatest beside the needles infinite"
      )
    }
    if notFinite > 0 {
      lines.append(
        "warning: \(notFinite) emulated margins are NaN or infinite and enter no change; a trial with a NaN logit is a flip"
      )
    }
    lines += results.nonFinite.inWords.map {
      "warning: \($0); rows whose exact logits they leave without a margin are no trials"
    }
    return lines.map { $0 + "\n" }.joined()
  }
}
