// The figures of sequence parallelism on disk, on the terminal and as JSON.

import ArbitraryPrecision
import DriftAnalysis
import EmulatedEngine
import TensorIO

/// Writes the folder of a comparison and makes its text and JSON.
public struct ParallelismReport: Sendable {
  /// The words of the command that makes the same bytes again, without output path and threads.
  public let command: [String]
  /// The tool's version.
  public let toolVersion: String
  /// One a recipe and layer, recipes in their order, layers ascending.
  public let layers: [LayerParallelism]

  /// A report of at least one layer.
  public init(command: [String], toolVersion: String, layers: [LayerParallelism]) {
    precondition(!layers.isEmpty)
    self.command = command
    self.toolVersion = toolVersion
    self.layers = layers
  }

  /// Writes every file into a staged folder. Nothing stands at the destination until the folder is committed.
  ///
  /// - Throws: ``OutputError``, ``TensorFileError``.
  public func write(into folder: StagedFolder) throws {
    for table in ParallelismTable.all {
      var writer = try CSVWriter(table.description, creating: folder.path(of: table.description.fileName))
      for layer in layers { try table.rows(layer) { try writer.append($0) } }
      try writer.finish()
    }
    try JSONText.write(try record(), creating: folder.path(of: RunRecord.fileName))
    try Self.package.write(into: folder.stagingPath)
  }

  /// The description of the folder.
  public static let package = DataPackage(
    name: "ropedrift-parallelism", title: "RoPEDrift sequence parallelism",
    summary:
      "Outputs of attention with the sequence shared among ranks, against one device and against exact arithmetic. run.json says what was run; "
      + "NaN, INF and -INF are written as such, and an empty cell is a figure that was not asked for or that no finite output defines.",
    tables: ParallelismTable.all.map(\.description))

  /// What `run.json` holds.
  ///
  /// - Throws: ``TensorFileError`` where the input cannot be read any more.
  public func record() throws -> JSONValue {
    let first = layers[0].comparison
    var recipes: [Recipe] = []
    for layer in layers where recipes.last != layer.comparison.emulation.recipe {
      recipes.append(layer.comparison.emulation.recipe)
    }
    let embedding = first.emulation.embedding
    return .object([
      "command": .string(ShellCommand.text(command)),
      "versions": .object([
        "ropedrift": .string(toolVersion), "mpfr": .string(LibraryVersions.mpfr),
        "gmp": .string(LibraryVersions.gmp),
      ]),
      "input": .object([
        "name": .string(first.input.spelling), "sha256": .string(try first.input.identity()),
      ]),
      "problem": .object([
        "head_size": .integer(embedding.headSize), "rotary_size": .integer(embedding.rotarySize),
        "layout": .string(embedding.layout.rawValue), "base": .string(embedding.base.text),
        "scaling": embedding.scaling.isDefault ? "none" : .string(embedding.scaling.spelling),
        "tokens": .integer(first.layer.keyTokens), "shift": .integer(first.positions.shift),
        "mask": "full",
      ]),
      "heads": .array(first.heads.map(JSONValue.integer)),
      "merge": .object([
        "out": .string("out - sigmoid(block_lse - lse)*(out - block_out)"),
        "lse": .string("lse - logsigmoid(lse - block_lse)"),
        "format": .string(first.merge.output.formats.map(\.spelling).joined(separator: " ")),
        "source": .string(first.merge.source),
      ]),
      "recipes": .array(recipes.map(\.jsonValue)),
    ])
  }

  /// The record and the rows of parallelism.csv.
  ///
  /// - Throws: ``TensorFileError``.
  public func json() throws -> JSONValue {
    let names = ParallelismTable.ways.description.schema.columns.map(\.name)
    var rows: [JSONValue] = []
    for layer in layers {
      try ParallelismTable.ways.rows(layer) { cells in
        rows.append(.object(JSONObject(zip(names, cells).map { ($0, JSONValue($1)) })))
      }
    }
    return .object(["run": try record(), "parallelism": .array(rows)])
  }

  /// A line a recipe, layer and way, and what the figures say.
  public var text: String {
    var table = AlignedTextTable(
      header: [
        "recipe", "layer", "parallelism", "ranks", "other bits", "max |difference|", "token",
        "mean |difference|",
        "max |error| shared", "one device",
      ], keyColumns: 4)
    for layer in layers {
      for result in layer.results {
        table.append([
          .string(layer.comparison.emulation.recipe.name), .integer(layer.comparison.layer.index),
          .string(result.way.kind.rawValue), .integer(result.way.ranks),
          .string(Self.percentage(result.differing, of: result.outputs)), Cell(result.difference?.value),
          Cell(result.difference?.token), Cell(result.meanDifference), Cell(result.sharedError?.value),
          Cell(result.oneDeviceError?.value),
        ])
      }
    }
    let left = layers.flatMap(\.results).reduce(0) { $0 + $1.nonFinite }
    return table.text
      + (left > 0
        ? "warning: \(left) outputs are NaN or infinite on either side and enter no figure but the bits\n"
        : "") + """
        other bits: outputs whose stored bits are not those of one device. difference: shared minus one device; error: minus the
        exact output. One layer's attention on given q, k and v: what a whole model makes of such differences is not in it.

        """
  }

  /// Per cent to three digits; the count itself where it is small.
  private static func percentage(_ count: Int, of all: Int) -> String {
    guard count > 0, all > 0 else { return "0" }
    return "\(count) (\(AlignedTextTable.text(100 * Double(count) / Double(all))) %)"
  }
}
