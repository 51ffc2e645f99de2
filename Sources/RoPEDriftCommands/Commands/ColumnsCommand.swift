// `ropedrift columns`: drift and error of a few keys over all queries, at the cost of those keys.

import ArgumentParser
import RoPEDrift

/// Measures single keys.
struct ColumnsCommand: PrintingCommand {
  static let configuration = CommandConfiguration(
    commandName: "columns",
    abstract: "Measure the logits of a few keys over all queries, without the rest of the rows.",
    discussion: """
      The figures are those of the keys' rows in tokens.csv of 'report', in logits; probabilities need whole rows and are not \
      given. Time grows with the queries times the keys, memory stays that of a few hundred queries, so that the first \
      token can be followed over a million positions. d_logit is Eq. 5 of Wang et al. 2024; with --keys 0,1,2,8,64 the five-key fraction is printed too.

      Examples:
        ropedrift columns
        ropedrift columns capture.safetensors --keys 0,1,2,8,64 --recipe hf-bf16 --shifts 0,1024
        ropedrift columns synthetic:sink,tokens=65536,heads=1,kv_heads=1,layers=1 --recipe fa2-bf16 --drift-only
      """)

  @OptionGroup var input: InputArgument
  @OptionGroup var recipes: RecipeOptions
  @Option(
    help: ArgumentHelp("Keys, as 0,1,2,8,64 or 0-15 (default: 0).", valueName: "list"),
    transform: IndexSelection.init)
  var keys: IndexSelection?
  @Option(
    help: ArgumentHelp(
      "Two shifts to compare, as 0,16 (the default); repeatable. Write --shifts=-16,0 for negative ones.",
      valueName: "a,b"))
  var shifts: [String] = []
  @OptionGroup var selection: SelectionOptions
  @OptionGroup var problem: ProblemOptions
  @Flag(help: "Leave the exact reference out: no error, only drift.")
  var driftOnly = false
  @OptionGroup var threads: ThreadsOption
  @OptionGroup var printing: PrintingOptions

  func run() throws {
    let console = Console.current
    let chosen = try recipes.resolve(default: RecipeRegistry.all)
    let attention = try input.open()
    let results = try measure(attention, chosen)
    if printing.json {
      try console.print(json: results.json(command: canonicalCommand, toolVersion: RoPEDriftVersion.current))
    } else {
      try console.write(results.text)
    }
  }

  private func measure(_ attention: AttentionInput, _ chosen: [Recipe]) throws -> ColumnResults {
    do {
      let layers = try selection.resolveLayers(of: attention)
      let resolved = try problem.resolve(for: attention)
      guard !driftOnly || !resolved.usesStoredFrequencies else {
        throw CommandFailure(
          .wrongUsage,
          "--stored-frequencies is about the reference, which --drift-only leaves out; leave one out")
      }
      let heads = try selection.resolveHeads(of: layers[0], in: attention)
      let tokens = layers[0].tokens(of: .key)
      let experiment = try DriftExperiment(
        input: attention, embedding: try resolved.embedding(headSize: layers[0].headSize),
        scale: resolved.scale,
        softcap: resolved.softcap, recipes: chosen, layers: layers.map(\.index), heads: heads,
        comparisons: try ShiftOptions.pairs(shifts), lengths: [tokens],
        usesStoredFrequencies: resolved.usesStoredFrequencies)
      let wanted =
        try keys?.resolve(among: 0..<tokens, what: "key", owner: attention.spelling) ?? [0]
      let columns = try ColumnExperiment(experiment, keys: wanted, measuresError: !driftOnly)
      let meter = Console.current.progress("pairs", total: columns.workload)
      let results = try columns.run(threads: threads.count) { meter.advance(by: $0) }
      meter.finish()
      return results
    } catch let error as ExperimentError {
      throw CommandFailure(.wrongUsage, error.description)
    }
  }

  /// The command that gives the same figures: without `--threads` and `--json`.
  private var canonicalCommand: [String] {
    var command = CanonicalCommand("columns", input: input)
    command.add(recipes)
    command.add("--keys", keys?.description)
    command.add(shifts: shifts)
    command.add(selection)
    command.add(problem)
    command.add("--drift-only", if: driftOnly)
    return command.words
  }
}
