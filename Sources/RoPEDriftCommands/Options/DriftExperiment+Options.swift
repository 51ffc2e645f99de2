// The experiment that options stand for: the same in every command that measures whole reports.

import RoPEDrift

extension DriftExperiment {
  /// The experiment of an input under options; all named recipes where none is chosen.
  ///
  /// Everything that can be wrong with what was typed is found before the input is opened, where that does not need it.
  ///
  /// - Throws: ``CommandFailure`` and the typed errors of what is read.
  init(
    input: InputArgument, recipes: RecipeOptions, shifts: ShiftOptions, selection: SelectionOptions,
    problem: ProblemOptions, pattern: PatternOptions
  ) throws {
    let chosen = try recipes.resolve(default: RecipeRegistry.all)
    let comparisons = try shifts.comparisons()
    let sweep = try shifts.sweepPairs()
    let lengths = try shifts.prefixLengths()
    let attention = try input.open()
    let layers = try selection.resolveLayers(of: attention)
    let heads = try selection.resolveHeads(of: layers[0], in: attention)
    let resolved = try problem.resolve(for: attention, layers: layers, computesWindows: true)
    let chosenPattern = try pattern.resolve(tokens: layers[0].keyTokens, window: resolved.window)
    do {
      try self.init(
        input: attention, embedding: try resolved.embedding(headSize: layers[0].headSize),
        scale: resolved.scale, softcap: resolved.softcap,
        recipes: chosen, layers: layers.map(\.index), heads: heads, comparisons: comparisons, sweep: sweep,
        lengths: lengths, usesStoredFrequencies: resolved.usesStoredFrequencies, pattern: chosenPattern)
    } catch let error as ExperimentError {
      throw CommandFailure(.wrongUsage, error.description)
    }
  }
}
