// `ropedrift report`: the main job. Measures drift and error of recipes on an input and writes the tables.

import ArgumentParser
import RoPEDrift

/// Measures drift and writes a report folder.
struct ReportCommand: PrintingCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Measure how far each token's relative position drifts, and write the tables.",
    discussion: """
      For every recipe the attention logits and probabilities are emulated bit by bit at two shifts of all positions, and \
      compared with each other (drift, zero in exact arithmetic) and with the exact reference (error). The folder holds \
      summary.csv, tokens.csv, distances.csv, shifts.csv, lengths.csv, frequencies.csv, run.json and datapackage.json; it \
      appears whole or not at all. A short table goes to stdout. --html adds a page to read, which takes some seconds more: \
      a recipe is taken apart on one head, and errors of angles are measured up to position 131071.

      Examples:
        ropedrift report -o out
        ropedrift report capture.safetensors -o out --recipe hf-bf16 --recipe fp32 --shifts 0,16 --shifts 0,4096
        ropedrift report -o out --html --figure-renderer .venv-figures/bin/python
        ropedrift report -o out --force --layers 7 --heads 0-3 --sweep 0,2,4,8,15,17,100 --against-shift 16
        ropedrift report shift-0.safetensors --against shift-16.safetensors --null null.safetensors -o runs

      With --against, INPUT and FILE are captures of whole model runs at two shifts. The folder then holds propagated.csv, \
      propagated_tokens.csv, propagated_distances.csv and propagated_lengths.csv: the whole difference, its isolated part \
      (INPUT's q and k at both shifts) and the null control, side by side.
      """)

  @OptionGroup var input: InputArgument
  @Option(
    name: [.customShort("o"), .customLong("output")],
    help: ArgumentHelp("The folder to write; it must not exist without --force.", valueName: "dir"))
  var output: String
  @Flag(help: "Replace an earlier report at the output path.")
  var force = false
  @OptionGroup var recipes: RecipeOptions
  @OptionGroup var shifts: ShiftOptions
  @OptionGroup var against: AgainstOptions
  @OptionGroup var selection: SelectionOptions
  @OptionGroup var problem: ProblemOptions
  @OptionGroup var pattern: PatternOptions
  @OptionGroup var pictures: PictureOptions
  @OptionGroup var page: PageOptions
  @OptionGroup var threads: ThreadsOption
  @OptionGroup var printing: PrintingOptions

  func run() throws {
    let console = Console.current
    guard output != "-" else {
      throw CommandFailure(.wrongUsage, "-o - would be standard output, which holds no folder; name a folder")
    }
    let location = try OutputLocation(checking: output, replacing: force)
    if try against.comparesRuns(input, shifts, problem, pattern, pictures) {
      return try compareRuns(location)
    }
    let experiment = try DriftExperiment(
      input: input, recipes: recipes, shifts: shifts, selection: selection, problem: problem,
      pattern: pattern)
    let request = try page.resolve(pictures, recipes: experiment.emulations.map(\.recipe))

    let folder = try StagedFolder(at: location)
    let results = try InterruptionGuard.protecting(cleanup: { folder.discard() }) {
      let meter = console.progress("pairs", total: experiment.workload)
      let results = try experiment.run(threads: threads.count) { meter.advance(by: $0) }
      meter.finish()
      let record = try RunRecord(
        command: CanonicalCommand(report: input, recipes, shifts, selection, problem, pattern).words
          + self.page.canonicalWords(pictures),
        toolVersion: RoPEDriftVersion.current, results: results)
      let page = try request?.page(of: results, threads: threads.count) { console.note($0) }
      let failure = try DriftReport.write(record, page: page, into: folder)
      try folder.commit(noting: console)
      return (results, record, failure)
    }
    if printing.json {
      try console.print(json: try Self.json(results.0, results.1))
    } else {
      try console.write(results.0.summaryText)
      try console.print("written to \(output)")
    }
    if let failure = results.2 { throw CommandFailure(withoutPictures: failure, folder: output) }
  }

  /// With `--against`: whole runs.
  private func compareRuns(_ location: OutputLocation) throws {
    let console = Console.current
    let experiment = try against.experiment(
      input, recipes: recipes, shifts: shifts, selection: selection, problem: problem)
    var command = CanonicalCommand(report: input, recipes, shifts, selection, problem, pattern)
    command.add(against)
    let report = PropagatedReport(command: command.words, toolVersion: RoPEDriftVersion.current)
    let folder = try StagedFolder(at: location)
    let results = try InterruptionGuard.protecting(cleanup: { folder.discard() }) {
      let meter = console.progress("pairs", total: experiment.workload)
      let results = try report.run(experiment, into: folder, threads: threads.count) { meter.advance(by: $0) }
      meter.finish()
      try folder.commit(noting: console)
      return results
    }
    if printing.json {
      try console.print(json: try report.json(results))
    } else {
      try console.write(results.text)
      try console.print("written to \(output)")
    }
  }

  /// The record of the run and the rows of summary.csv.
  private static func json(_ results: DriftResults, _ record: RunRecord) throws -> JSONValue {
    let names = ReportTable.summary.description.schema.columns.map(\.name)
    var rows: [JSONValue] = []
    try ReportTable.summary.forEachRow(results) { cells in
      var row: JSONObject = [:]
      for (name, cell) in zip(names, cells) { row[name] = JSONValue(cell) }
      rows.append(.object(row))
    }
    return .object(["run": record.json, "summary": .array(rows)])
  }
}
