// `ropedrift needles`: does the right key still win, among real keys, at long positions, in low precision?

import ArgumentParser
import RoPEDrift

/// Counts needles that emulated arithmetic loses.
struct NeedlesCommand: PrintingCommand {
  static let configuration = CommandConfiguration(
    commandName: "needles",
    abstract: "Count how often low precision loses a needle among real keys, by margin, length and pattern.",
    discussion: """
      Retrieval layouts after RULER's tasks: the last token of a window asks, needles stand at some depth among key vectors of the \
      input, scaled so that their exact logit is above all others by a margin on a ladder. A trial is a flip where a recipe's \
      logits no longer find the needle. This is the arithmetic's part in such tasks, each head by itself, and no score of a model. \
      Without --pattern: full, intra/reset, anchor, anchor/reset; without --documents: log-normal ones with a median of an eighth \
      of the window, of which the last one holds the query. A table goes to stdout; with -o a folder holds needles.csv, run.json and datapackage.json.

      Examples:
        ropedrift needles --lengths 4096,131072 --recipe hf-bf16
        ropedrift needles capture.safetensors --layers 7 --heads 0-3 --pattern full --pattern anchor/reset -o out
      """)

  @OptionGroup var input: InputArgument
  @Option(
    help: ArgumentHelp(
      "Tokens of the windows, as 4096,131072; powers of two from 4096 to 131072 if left out.",
      valueName: "list"))
  var lengths: String?
  @OptionGroup var patterns: PatternListOptions
  @OptionGroup var recipes: RecipeOptions
  @Option(
    name: .customLong("task"),
    help: ArgumentHelp("single, multi-key or multi-value; repeatable, all if left out.", valueName: "task"),
    completion: .list(NeedleTask.allCases.map(\.rawValue)))
  var tasks: [String] = []
  @Option(help: ArgumentHelp("Needles of a task with several (default: 4).", valueName: "n"))
  var needles = 4
  @Option(
    help: ArgumentHelp(
      "Depths of the needle among the keys that the query sees (default: 0,0.25,0.5,0.75,1).",
      valueName: "list"))
  var depths: String?
  @Option(
    help: ArgumentHelp(
      "Target margins in logits (default: 2^-8 to 2^2, as 0.00390625,…,4).", valueName: "list"))
  var margins: String?
  @Option(help: ArgumentHelp("Queries that are drawn a head and window (default: 2).", valueName: "n"))
  var queries = 2
  @Option(help: ArgumentHelp("Seed of all draws (default: 1).", valueName: "seed"))
  var seed: UInt64 = 1
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Shift of all positions in the emulated arithmetic (default: 0).", valueName: "shift"))
  var shift: String?
  @OptionGroup var selection: SelectionOptions
  @OptionGroup var problem: ProblemOptions
  @OptionGroup var output: FolderOptions
  @OptionGroup var threads: ThreadsOption
  @OptionGroup var printing: PrintingOptions

  private static let defaultLengths = (12...17).map { 1 << $0 }
  private static let defaultPatterns = [
    "full/continuous", "intra/reset", "anchor/continuous", "anchor/reset",
  ]
  /// Documents where none are named: they grow with the window, so that a longer one has longer documents too.
  private static func defaultDocuments(tokens: Int) -> String {
    "log-normal:median=\(max(64, tokens / 8)),sigma=0.5,seed=1"
  }
  private static let greatestLength = 1 << 24

  func run() throws {
    let console = Console.current
    let location = try output.location()
    let experiment = try experiment(console)
    let staged = try location.map { try StagedFolder(at: $0) }
    let report = try InterruptionGuard.protecting(cleanup: { staged?.discard() }) {
      let meter = console.progress("distractors", total: experiment.workload)
      let results = try experiment.run(threads: threads.count) { meter.advance(by: $0) }
      meter.finish()
      let report = try NeedleReport(
        command: canonicalCommand, toolVersion: RoPEDriftVersion.current, results: results)
      if let staged {
        try report.write(into: staged)
        try staged.commit(noting: console)
      }
      return report
    }
    if printing.json {
      try console.print(json: try report.json())
    } else {
      try console.write(report.text)
      if let folder = output.folder { try console.print("written to \(folder)") }
    }
  }

  private func experiment(_ console: Console) throws -> NeedleExperiment {
    let chosen = try recipes.resolve(
      default: try PatternsCommand.defaultRecipes.map { try RecipeRegistry.recipe(nameOrPath: $0) })
    let named = Set(try tasks.map(Self.task))
    let chosenTasks = NeedleTask.allCases.filter { named.isEmpty || named.contains($0) }
    let chosenLengths = try self.chosenLengths()
    let chosenDepths = try depths.map { try Self.numbers($0, "--depths") } ?? [0, 0.25, 0.5, 0.75, 1]
    let targets = try margins.map { try Self.numbers($0, "--margins") } ?? NeedleExperiment.defaultTargets
    let chosenShift = try shift.map(PositionLiteral.parse) ?? 0
    let attention = try input.open()
    let layers = try selection.resolveLayers(of: attention)
    let heads = try selection.resolveHeads(of: layers[0], in: attention)
    let resolved = try problem.resolve(for: attention, layers: layers, computesWindows: true)
    guard !resolved.usesStoredFrequencies else {
      throw CommandFailure(
        .wrongUsage, "needles are held to exact frequencies; leave out --stored-frequencies")
    }
    var windows: [NeedleExperiment.Window] = []
    for length in chosenLengths {
      windows += try self.windows(length: length)
    }
    do {
      let drift = try DriftExperiment(
        input: attention, embedding: try resolved.embedding(headSize: layers[0].headSize),
        scale: resolved.scale, softcap: resolved.softcap, recipes: chosen, layers: layers.map(\.index),
        heads: heads)
      return try NeedleExperiment(
        drift, windows: windows, tasks: chosenTasks, needles: needles, depths: chosenDepths, targets: targets,
        queries: queries, seed: seed, shift: chosenShift)
    } catch let error as ExperimentError {
      throw CommandFailure(.wrongUsage, error.description)
    } catch let error as NeedleError {
      throw CommandFailure(.wrongUsage, error.description)
    }
  }

  /// A length's patterns over its documents.
  private func windows(length: Int) throws -> [NeedleExperiment.Window] {
    var options = patterns
    if options.patterns.isEmpty { options.patterns = Self.defaultPatterns }
    if !options.documents.isGiven {
      options.documents.documents = Self.defaultDocuments(tokens: length)
    }
    do {
      return try options.resolve(try options.documents.layout(tokens: length)).map {
        NeedleExperiment.Window($0.name, $0.pattern)
      }
    } catch let failure as CommandFailure {
      throw CommandFailure(failure.exit, "length \(length): \(failure.message)")
    }
  }

  private func chosenLengths() throws -> [Int] {
    guard let lengths else { return Self.defaultLengths }
    let chosen = try lengths.split(separator: ",", omittingEmptySubsequences: false).map { item -> Int in
      guard let length = Int(item), (1...Self.greatestLength).contains(length) else {
        throw CommandFailure(
          .wrongUsage,
          "--lengths '\(lengths)': '\(item)' is no number of tokens from 1 to \(Self.greatestLength)")
      }
      return length
    }
    guard Set(chosen).count == chosen.count else {
      throw CommandFailure(.wrongUsage, "--lengths '\(lengths)' names a length twice; name each once")
    }
    return chosen
  }

  private static func task(_ typed: String) throws -> NeedleTask {
    let names = NeedleTask.allCases.map(\.rawValue)
    guard let task = NeedleTask(rawValue: typed) else {
      throw CommandFailure(
        .wrongUsage,
        "unknown task '\(typed)'\(didYouMean(nearestName(to: typed, among: names))); known are "
          + names.joined(separator: ", "))
    }
    return task
  }

  private static func numbers(_ typed: String, _ flag: String) throws -> [Double] {
    try typed.split(separator: ",", omittingEmptySubsequences: false).map {
      guard let value = Double($0), value.isFinite else {
        // 1e999 is one, but of no binary64 value.
        let reason = $0.contains(where: \.isNumber) && Double($0) != nil ? "out of range" : "no number"
        throw CommandFailure(.wrongUsage, "\(flag) '\(typed)': '\($0)' is \(reason)")
      }
      return value
    }
  }

  private var canonicalCommand: [String] {
    var command = CanonicalCommand("needles", input: input)
    command.add("--lengths", lengths)
    patterns.add(to: &command)
    command.add(recipes)
    for task in tasks { command.add("--task", task) }
    command.add("--needles", needles == 4 ? nil : String(needles))
    command.add("--depths", depths)
    command.add("--margins", margins)
    command.add("--queries", queries == 2 ? nil : String(queries))
    command.add("--seed", seed == 1 ? nil : String(seed))
    command.add("--shift", shift)
    command.add(selection)
    command.add(problem)
    return command.words
  }
}
