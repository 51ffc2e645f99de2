// The run over columns: queries in chunks on several threads, merged in order.

import EmulatedEngine
import FloatingPointFormats
import ReferenceEngine
import RotaryAttention

extension ColumnExperiment {
  /// Measures everything.
  ///
  /// - Parameters:
  ///   - threads: how many chunks are worked on at a time; no byte of the result depends on it.
  ///   - progress: called with the number of pairs that were worked through since the last call.
  /// - Throws: ``TensorFileError``, ``UndecidedRounding``.
  public func run(threads: Int, progress: @Sendable (Int) -> Void = { _ in }) throws -> ColumnResults {
    let scale = FloatingPointFormat.fp64.rounded(
      try experiment.scale.exact(headSize: experiment.shape.headSize).exactValue())
    let shared = try SharedStages(experiment.emulations)
    let references = measuresError ? try ReferenceColumns(self, threads: threads) : nil
    var counts = ReferenceHead.Counts()
    var recipes = [[ColumnComparison]](repeating: [], count: experiment.emulations.count)
    for (index, shifts) in experiment.comparisons.enumerated() {
      let pass = try ColumnPass(self, shifts: shifts, shared: shared, references: references)
      var heads = pass.empty
      let queries = experiment.shape.queryTokens
      let chunks = (queries + chunkSize - 1) / chunkSize
      try concurrentMerge(count: chunks, threads: threads, window: max(1, 4 * min(threads, 1024))) { chunk in
        let start = chunk * chunkSize
        return try pass.chunk(start..<min(start + chunkSize, queries))
      } merge: { _, result in
        pass.merge(result, into: &heads)
        if index == 0 { counts += result.counts }
        progress(result.pairs)
      }
      for recipe in recipes.indices {
        recipes[recipe].append(ColumnComparison(shifts: shifts, heads: heads[recipe], scale: scale))
      }
    }
    return ColumnResults(experiment: self, recipes: recipes, referenceCounts: counts)
  }
}
