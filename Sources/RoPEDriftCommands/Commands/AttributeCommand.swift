// `ropedrift attribute`: which stage's rounding causes how much of drift and error, and the cheapest mend.

import ArgumentParser
import RoPEDrift

/// Attributes drift and error to stages.
struct AttributeCommand: PrintingCommand {
  static let configuration = CommandConfiguration(
    commandName: "attribute",
    abstract: "Say which stage's rounding causes how much of drift and error, and what mending it costs.",
    discussion: """
      Every stage that a recipe rounds is rounded alone, left out, and reached step by step; each variant is measured as \
      'report' measures a recipe. Stages that are not rounded are carried in fp64, whose own drift and error are the floor; \
      --exact keeps them exact, for small inputs. With --mends or --budget sets of stages are widened and measured: the frontier \
      of cost and drift, and the smallest set within the budget. The exit code is 3 where a budget is given and no mend within \
      it was found, whatever the recipe itself does.

      Examples:
        ropedrift attribute
        ropedrift attribute --layers 7 --heads 0 --mends
        ropedrift attribute capture.safetensors --recipe hf-bf16 --budget d_logit=0.001 -o out
      """)

  @OptionGroup var input: InputArgument
  @OptionGroup var recipes: RecipeOptions
  @Option(
    help: ArgumentHelp(
      "Two shifts to compare, as 0,16 (the default); repeatable. Write --shifts=-16,0 for negative ones.",
      valueName: "a,b"))
  var shifts: [String] = []
  @OptionGroup var selection: SelectionOptions
  @OptionGroup var problem: ProblemOptions
  @OptionGroup var pattern: PatternOptions
  @Flag(help: "Keep unrounded stages exact instead of carrying them in fp64; slow, for small inputs.")
  var exact = false
  @Flag(help: "Measure sets of widened stages and print the frontier of cost and d_logit.")
  var mends = false
  @Option(
    help: ArgumentHelp(
      "Look for the smallest set of stages to widen so that a drift metric is at most a value; metrics: "
        + DriftMetric.all.map(\.name).joined(separator: ", ") + ".",
      valueName: "metric=value"))
  var budget: [String] = []
  @Option(
    help: ArgumentHelp("Seed of the queries that many mends are screened on (default: 1).", valueName: "n"))
  var seed: UInt64?
  @Option(
    name: [.customShort("o"), .customLong("output")],
    help: ArgumentHelp("A folder to write; it must not exist without --force.", valueName: "dir"))
  var output: String?
  @Flag(help: "Replace an earlier folder at the output path.")
  var force = false
  @OptionGroup var threads: ThreadsOption
  @OptionGroup var printing: PrintingOptions

  func run() throws {
    let console = Console.current
    let chosen = try recipes.resolve(default: [RecipeRegistry.named("hf-bf16")])
    let budget = try parsedBudget()
    let searches = mends || budget != nil
    guard searches || seed == nil else {
      throw CommandFailure(
        .wrongUsage, "--seed draws the queries that mends are screened on; add --mends or --budget")
    }
    guard !force || output != nil else {
      throw CommandFailure(.wrongUsage, "--force replaces a folder; name it with -o")
    }
    if output == "-" {
      throw CommandFailure(.wrongUsage, "-o - would be standard output, which holds no folder; name a folder")
    }
    let location = try output.map { try OutputLocation(checking: $0, replacing: force) }
    let attention = try input.open()
    do {
      let problem = try resolvedProblem(attention)
      let attribution = try StageAttribution(problem, recipes: chosen, carrier: exact ? .exact : .binary64)
      let mendSearches =
        searches
        ? try chosen.map {
          try MendSearch(
            $0, problem: problem, metric: DriftMetric.named("d_logit"), budget: budget, seed: seed ?? 1)
        } : []
      try measure(attribution, mendSearches, location, console)
    } catch let error as ExperimentError {
      throw CommandFailure(.wrongUsage, error.description)
    } catch let error as AttributionError {
      throw CommandFailure(.wrongUsage, error.description)
    }
  }

  private func measure(
    _ attribution: StageAttribution, _ searches: [MendSearch], _ location: OutputLocation?, _ console: Console
  ) throws {
    let folder = try location.map { try StagedFolder(at: $0) }
    let (results, found, record) = try InterruptionGuard.protecting(cleanup: { folder?.discard() }) {
      let meter = console.progress("pairs", total: attribution.workload)
      let results = try attribution.run(threads: threads.count) { meter.advance(by: $0) }
      meter.finish()
      let found = try searches.map { try $0.run(threads: threads.count) { console.note($0) } }
      let record = try RunRecord(
        command: canonicalCommand, toolVersion: RoPEDriftVersion.current, results: results.report)
      if let folder {
        try AttributionReport.write(record, results, found, into: folder)
        if let left = try folder.commit() {
          console.note("the folder that was replaced could not be removed and is now at \(left)")
        }
      }
      return (results, found, record)
    }
    if printing.json {
      try console.print(
        json: .object([
          "run": AttributionReport.json(record, results, found),
          "attribution": try AttributionReport.rows(AttributionTable.description) {
            try AttributionTable.forEachRow(results, $0)
          },
          "mends": try AttributionReport.rows(MendTable.description) { try MendTable.forEachRow(found, $0) },
        ]))
    } else {
      try console.write(results.text)
      for result in found { try console.write("\n" + result.text) }
      if let output { try console.print("written to \(output)") }
    }
    if found.contains(where: \.exceedsBudget) { throw CommandFailure(.budgetExceeded, "") }
  }

  private func resolvedProblem(_ attention: AttentionInput) throws -> StageAttribution.Problem {
    let layers = try selection.resolveLayers(of: attention)
    let resolved = try problem.resolve(for: attention, layers: layers, computesWindows: true)
    return StageAttribution.Problem(
      input: attention, embedding: try resolved.embedding(headSize: layers[0].headSize),
      scale: resolved.scale, softcap: resolved.softcap,
      layers: layers.map(\.index), heads: try selection.resolveHeads(of: layers[0], in: attention),
      comparisons: try ShiftOptions.pairs(shifts), usesStoredFrequencies: resolved.usesStoredFrequencies,
      pattern: try pattern.resolve(tokens: layers[0].keyTokens, window: resolved.window))
  }

  /// `METRIC=VALUE`.
  private func parsedBudget() throws -> DriftBudget? {
    guard let typed = budget.first else { return nil }
    guard budget.count == 1 else {
      throw CommandFailure(.wrongUsage, "--budget is given \(budget.count) times; a search has one")
    }
    let parts = typed.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2 else {
      throw CommandFailure(.wrongUsage, "--budget takes metric=value, as d_logit=0.001; found '\(typed)'")
    }
    let metric: DriftMetric
    do {
      metric = try DriftMetric.named(parts[0])
    } catch let error as AttributionError {
      throw CommandFailure(.wrongUsage, "--budget: \(error.description)")
    }
    guard let limit = try? NumberLiteral(parts[1]), let budget = DriftBudget(metric: metric, limit: limit)
    else {
      throw CommandFailure(
        .wrongUsage, "--budget \(parts[0]): expected a number that is not negative, found '\(parts[1])'")
    }
    return budget
  }

  /// The command that makes the same bytes: without the output path, `--force`, `--threads` and `--json`.
  private var canonicalCommand: [String] {
    var command = CanonicalCommand("attribute", input: input)
    command.add(recipes)
    command.add(shifts: shifts)
    command.add(selection)
    command.add(problem)
    pattern.add(to: &command)
    command.add("--exact", if: exact)
    command.add("--mends", if: mends)
    for budget in budget { command.add("--budget", budget) }
    command.add("--seed", seed.map(String.init))
    return command.words
  }
}
