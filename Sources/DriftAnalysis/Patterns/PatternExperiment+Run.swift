// The run over patterns: one after the other, each streamed, so that memory is one pattern's and never that of all.

import RotaryAttention

extension PatternExperiment {
  /// Measures everything.
  ///
  /// - Parameters:
  ///   - threads: how many tiles are worked on at a time; no byte of the result depends on it.
  ///   - tables: is called once a pattern, in order, with all that was found in pairs, rows by key and distance included, which are let go
  ///     of afterwards.
  ///   - progress: called with the number of pairs that were worked through since the last call.
  /// - Throws: as ``DriftExperiment/run(threads:progress:)``, and what `tables` throws.
  public func run(
    threads: Int, tables: (_ name: String, DriftResults) throws -> Void = { _, _ in },
    progress: @Sendable (Int) -> Void = { _ in }
  ) throws -> [PatternResults] {
    try entries.map { entry in
      let experiment = entry.experiment
      let pattern = experiment.pattern
      let (results, rows) = try experiment.run(
        threads: threads,
        measuring: try RowMeasurement(experiment, comparesPlacement: hasCounterpart(pattern)),
        progress: progress)
      try tables(entry.name, results)
      let layout = pattern.documents
      let firstTokens = layout.documents.indices.map(layout.firstToken(ofDocument:))
      return PatternResults(
        name: entry.name, drift: results.withoutTables, rows: rows,
        firstTokens: results.recipes.map { recipe in
          firstTokens.map { recipe.comparisons[0].keys[$0] }
        },
        extent: PositionExtent(pattern, queryTokens: experiment.shape.queryTokens),
        blocks: try BlockSummary(pattern, size: blockSize, queryTokens: experiment.shape.queryTokens))
    }
  }
}

extension DriftResults {
  /// The totals, by layer and by head, alone.
  var withoutTables: DriftResults {
    DriftResults(
      experiment: experiment,
      recipes: recipes.map { recipe in
        RecipeResults(
          emulation: recipe.emulation, inputRounding: recipe.inputRounding,
          comparisons: recipe.comparisons.map { comparison in
            let error = comparison.error
            return ComparisonResults(
              shifts: comparison.shifts, totals: comparison.totals, layers: comparison.layers,
              heads: comparison.heads, lengths: [], keys: [], distances: [],
              error: ErrorResults(
                shift: error.shift, logit: error.logit, probability: error.probability, layers: error.layers,
                heads: error.heads, keys: [], distances: []))
          }, sweep: recipe.sweep)
      }, nonFinite: nonFinite, referenceCounts: referenceCounts)
  }
}
