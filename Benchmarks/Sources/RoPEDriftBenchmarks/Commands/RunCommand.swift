// `benchmarks run`: the rows.

import ArgumentParser
import BenchmarkHarness
import Foundation

struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Measure the rows and print them.")

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Which parts: \(BenchmarkPart.all.map(\.name).joined(separator: ", ")); all if left out.",
      valueName: "part"))
  var parts: [String] = []
  @Flag(help: "Small sizes and three rounds: seconds, to see that everything works.") var quick = false
  @Option(help: "Rounds of each comparison.") var rounds = 11
  @Option(help: ArgumentHelp("Scores that are compared with MPFR at 256 bits.", valueName: "n"))
  var checkedScores = 65536
  @Option(help: ArgumentHelp("The command ropedrift, for the rows about reports.", valueName: "path"))
  var ropedrift: String?
  @Option(help: ArgumentHelp("A Python with NumPy and, if it likes, PyTorch.", valueName: "path"))
  var python: String?
  @OptionGroup var record: RecordOptions

  func validate() throws {
    guard rounds >= 3 else {
      throw ValidationError("--rounds takes 3 or more: quartiles of fewer say nothing")
    }
    guard (1...100_000_000).contains(checkedScores) else {
      throw ValidationError("--checked-scores takes a number from 1 to 100000000")
    }
  }

  func run() throws {
    let chosen = try BenchmarkPart.named(parts)
    MatrixProduct.useOneThread()
    var context = BenchmarkContext(
      isQuick: quick, rounds: rounds, checkedScores: checkedScores, command: ropedrift)
    if let python {
      do { context.python = try PythonYardsticks(interpreter: python) } catch let error as HarnessError {
        BenchmarkContext.note(error.description)
      }
    }
    var session = BenchmarkSession(python: context.python)
    for part in chosen {
      BenchmarkContext.note("part \(part.name): \(part.summary)")
      let rows = try part.rows(context)
      session.rows += rows
      if rows.isEmpty { BenchmarkContext.note("part \(part.name) has no rows here") }
    }
    print(TableText.columns(session.rows), terminator: "")
    if quick { BenchmarkContext.note("a quick run: its figures say that things work, not how fast they are") }
    if let path = record.json {
      try BenchmarkRecord.write(try session.record().json(), to: path)
      BenchmarkContext.note("wrote \(path)")
    }
  }
}
