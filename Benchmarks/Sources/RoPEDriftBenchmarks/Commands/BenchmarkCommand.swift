// `benchmarks`: measure, measure growth, write the document.

import ArgumentParser
import BenchmarkHarness
import Foundation

@main
struct BenchmarkCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "benchmarks",
    abstract: "Ratios of RoPEDrift's kernels to yardsticks that run in the same rounds.",
    discussion:
      "The table goes to stdout, talk to stderr. `make bench` runs what Documentation/Performance.md shows.",
    subcommands: [RunCommand.self, GrowthCommand.self, RenderCommand.self, ChildCommand.self])
}

/// Where the JSON goes.
struct RecordOptions: ParsableArguments {
  @Option(
    name: [.customShort("o"), .customLong("json")],
    help: ArgumentHelp("Write the record of the run here.", valueName: "file"))
  var json: String?
}

/// Writes the document from records.
struct RenderCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "render", abstract: "Write the document from the records of one or more runs.",
    discussion: "A row of a later record replaces the row of that name of an earlier one.")

  @Argument(help: "Records that --json wrote.") var records: [String]
  @Option(help: ArgumentHelp("Where the document goes.", valueName: "file")) var markdown: String
  @Option(
    help: ArgumentHelp(
      "The folder with a text ROW.md for each row that misses its target.", valueName: "folder"))
  var explanations: String

  func run() throws {
    let document = PerformanceDocument(try records.map(BenchmarkRecord.init(path:))) { identifier in
      FileManager.default.contents(atPath: "\(explanations)/\(identifier).md").map {
        String(decoding: $0, as: UTF8.self)
      }
    }
    try BenchmarkRecord.write(Data(document.markdown().utf8), to: markdown)
    BenchmarkContext.note("wrote \(markdown)")
  }
}
