// `benchmarks growth`: time and memory of a report by the number of tokens.

import ArgumentParser
import BenchmarkHarness
import Foundation

struct GrowthCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "growth",
    abstract: "Measure time and peak memory of a report at growing sizes, and fit them.")

  @Option(help: ArgumentHelp("The command ropedrift.", valueName: "path")) var ropedrift: String
  @Option(
    help: ArgumentHelp("Begin no size that is expected to end after this many seconds.", valueName: "s"))
  var budget = 600.0
  @Option(help: ArgumentHelp("The greatest number of tokens.", valueName: "n")) var tokens = 16384
  @Option(help: "Runs of each size up to 2048 tokens; the median counts.") var repeats = 3
  @OptionGroup var record: RecordOptions

  func validate() throws {
    guard tokens >= 1024 else {
      throw ValidationError("--tokens takes 1024 or more: a fit needs two sizes from 512 on")
    }
    guard repeats >= 1 else { throw ValidationError("--repeats takes 1 or more") }
  }

  func run() throws {
    var session = BenchmarkSession()
    session.growth = [try Growth(command: ropedrift, budget: budget, repeats: repeats).measure(upTo: tokens)]
    print(PerformanceDocument.section(session.growth[0]), terminator: "")
    if let path = record.json {
      try BenchmarkRecord.write(try session.record().json(), to: path)
      BenchmarkContext.note("wrote \(path)")
    }
  }
}
