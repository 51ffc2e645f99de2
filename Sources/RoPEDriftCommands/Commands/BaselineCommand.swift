// `ropedrift baseline`: keep what was measured, and hold later runs to it.

import ArgumentParser
import Foundation
import RoPEDrift

/// Baselines of reports.
struct BaselineCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "baseline",
    abstract: "Record what a report measures, and compare later runs with it figure by figure.",
    discussion: """
      A baseline holds every figure of summary.csv with what decided it: the input's hash, the problem, shifts, layers and \
      heads, recipes in full, the tool's version. The same set-up gives the same figures to the bit on any machine, so every \
      difference is a change of code unless it is allowed for. A baseline of another set-up is incompatible (exit code 4), not changed (3).

      Examples:
        ropedrift baseline record --baseline base.json --recipe hf-bf16
        ropedrift baseline diff --baseline base.json --allow d_weighted=1%
        ropedrift baseline accept --baseline base.json --reason "frequencies are computed in fp64 now"
      """,
    subcommands: [Record.self, Diff.self, Accept.self])
}

/// What a baseline is measured of, and where it is kept.
struct BaselineOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("The baseline's file.", valueName: "file"), completion: .file(extensions: ["json"]))
  var baseline: String
  @OptionGroup var input: InputArgument
  @OptionGroup var recipes: RecipeOptions
  @OptionGroup var shifts: ShiftOptions
  @OptionGroup var selection: SelectionOptions
  @OptionGroup var problem: ProblemOptions
  @OptionGroup var pattern: PatternOptions

  /// The words of the report that is measured.
  var command: [String] {
    CanonicalCommand(report: input, recipes, shifts, selection, problem, pattern).words
  }

  /// Whether nothing but the input may have been typed, so that a recorded set-up is meant.
  var saysOnlyTheInput: Bool { command.count == 2 + (input.input == nil ? 0 : 1) }

  /// Measures the set-up that was typed.
  func measured(_ threads: ThreadsOption, _ console: Console) throws -> Baseline {
    let experiment = try DriftExperiment(
      input: input, recipes: recipes, shifts: shifts, selection: selection, problem: problem,
      pattern: pattern)
    let meter = console.progress("pairs", total: experiment.workload)
    let results = try experiment.run(threads: threads.count) { meter.advance(by: $0) }
    meter.finish()
    return try Baseline(
      RunRecord(command: command, toolVersion: RoPEDriftVersion.current, results: results))
  }

  /// Measures what a baseline was recorded of: as typed, or with the recorded options where none was typed, on the recorded input
  /// where none was named.
  func measured(like recorded: Baseline, _ threads: ThreadsOption, _ console: Console) throws -> Baseline {
    guard saysOnlyTheInput else { return try measured(threads, console) }
    var words = Array(recorded.command.dropFirst(2))
    if let name = input.input {
      // The recorded input is the first word that is no option.
      if let first = words.first, !first.hasPrefix("--") { words.removeFirst() }
      words.insert(name, at: 0)
    }
    let options: BaselineOptions
    do {
      options = try BaselineOptions.parse(["--baseline", baseline] + words)
    } catch {
      throw CommandFailure(
        .comparisonMissing,
        "baseline '\(baseline)' holds a command that this version does not read (\(BaselineOptions.message(for: error))); record it again"
      )
    }
    return try options.measured(threads, console)
  }

  /// The baseline in the file.
  func recorded() throws -> Baseline { try Baseline(path: baseline) }

  /// Writes a baseline, whole or not at all.
  func write(_ value: Baseline, replacing: Bool) throws {
    let location = try FileLocation(checking: baseline, replacing: replacing) { path in
      (try? Baseline(path: path)) == nil ? "what is there is not a baseline" : nil
    }
    let staged = try StagedFile(at: location)
    try InterruptionGuard.protecting(cleanup: { staged.discard() }) {
      try JSONText.write(value.json, creating: staged.stagingPath)
      try staged.commit()
    }
  }
}

extension BaselineCommand {
  /// `baseline record`.
  struct Record: PrintingCommand {
    static let configuration = CommandConfiguration(
      commandName: "record", abstract: "Measure, and keep the figures in a file.",
      discussion: """
        Examples:
          ropedrift baseline record --baseline base.json --recipe hf-bf16
          ropedrift baseline record capture.safetensors --baseline base.json --recipe mine.json --shifts 0,1024 --allow all=1%
        """)

    @OptionGroup var options: BaselineOptions
    @Option(
      help: ArgumentHelp(
        "How far a figure may move: metric=value, metric=percent%, or all=…; repeatable, the last that covers a metric counts. Kept in the file.",
        valueName: "metric=value"))
    var allow: [String] = []
    @Flag(help: "Replace a baseline that is there.")
    var force = false
    @OptionGroup var threads: ThreadsOption
    @OptionGroup var printing: PrintingOptions

    func run() throws {
      let console = Console.current
      let allowances = try allow.map(Allowance.init(spelling:))
      // Before any work: whether the file may be written.
      _ = try FileLocation(checking: options.baseline, replacing: force) { path in
        (try? Baseline(path: path)) == nil ? "what is there is not a baseline" : nil
      }
      let measured = try options.measured(threads, console)
      let baseline = Baseline(
        identity: measured.identity, command: measured.command, rows: measured.rows, allowances: allowances)
      // An allowance for no metric of the baseline is refused now, not when it is needed.
      _ = try BaselineDifference(from: baseline, to: measured)
      try options.write(baseline, replacing: force)
      if printing.json {
        try console.print(
          json: .object([
            "baseline": .string(options.baseline), "rows": .integer(baseline.rows.count),
            "figures": .integer(baseline.rows.reduce(0) { $0 + $1.figures.count }),
          ]))
      } else {
        try console.print("\(baseline.rows.count) rows written to \(options.baseline)")
      }
    }
  }

  /// `baseline diff`.
  struct Diff: PrintingCommand {
    static let configuration = CommandConfiguration(
      commandName: "diff", abstract: "Measure again, and say which figures are not what they were.",
      discussion: """
        Options that are left out altogether are those of the baseline. Exit code 3: a figure moved further than is allowed; \
        4: the baseline is missing, or of another input, recipe, version or selection, and the difference is said.

        Examples:
          ropedrift baseline diff --baseline base.json
          ropedrift baseline diff later.safetensors --baseline base.json --allow all=2% --json
        """)

    @OptionGroup var options: BaselineOptions
    @Option(
      help: ArgumentHelp(
        "How far a figure may move, instead of what the file says.", valueName: "metric=value"))
    var allow: [String] = []
    @OptionGroup var threads: ThreadsOption
    @OptionGroup var printing: PrintingOptions

    func run() throws {
      let console = Console.current
      let allowances = allow.isEmpty ? nil : try allow.map(Allowance.init(spelling:))
      let recorded = try options.recorded()
      let difference = try BaselineDifference(
        from: recorded, to: options.measured(like: recorded, threads, console), allowances: allowances)
      if printing.json {
        try console.print(json: difference.json)
      } else {
        try console.write(difference.text(of: options.baseline))
      }
      if !difference.isWithinAllowances { throw CommandFailure(.budgetExceeded, "") }
    }
  }

  /// `baseline accept`.
  struct Accept: PrintingCommand {
    static let configuration = CommandConfiguration(
      commandName: "accept", abstract: "Measure again, and keep the new figures with the reason.",
      discussion: """
        Examples:
          ropedrift baseline accept --baseline base.json --reason "frequencies are computed in fp64 now"
        """)

    @OptionGroup var options: BaselineOptions
    @Option(help: ArgumentHelp("Why the change is right; kept in the file.", valueName: "text"))
    var reason: String
    @OptionGroup var threads: ThreadsOption
    @OptionGroup var printing: PrintingOptions

    func validate() throws {
      if reason.allSatisfy(\.isWhitespace) {
        throw ValidationError("--reason is empty; say why the change is right")
      }
    }

    func run() throws {
      let console = Console.current
      let recorded = try options.recorded()
      let later = try options.measured(like: recorded, threads, console)
      let difference = try BaselineDifference(from: recorded, to: later)
      if difference.changedFigures > 0 {
        try options.write(try recorded.accepting(later, reason: reason), replacing: true)
      }
      if printing.json {
        try console.print(json: difference.json)
      } else if difference.changedFigures > 0 {
        try console.print(
          "\(difference.changedFigures) changed figures accepted in \(options.baseline): \(AlignedTextTable.visible(reason))"
        )
      } else {
        try console.print("nothing changed; \(options.baseline) is left as it was")
      }
    }
  }
}
