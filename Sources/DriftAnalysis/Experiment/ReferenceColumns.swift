// Exact logits of a few keys for chunks of queries.

import EmulatedEngine
import ReferenceEngine

/// The reference problems of an experiment on columns, with its keys rotated.
struct ReferenceColumns: Sendable {
  /// For each recipe its problem.
  let indexOfRecipe: [Int]
  private let columns: ColumnExperiment
  // (layers and key heads)(problems and ranges of keys).
  private let heads: [KeyPlace: [ReferenceHead]]

  private struct KeyPlace: Hashable {
    let layer: Int
    let head: Int
  }

  /// Rotates the keys. Angles are kept for all positions: their memory grows with the square root of the number of queries.
  init(_ columns: ColumnExperiment, threads: Int) throws {
    self.columns = columns
    let experiment = columns.experiment
    let shape = experiment.shape
    let (problems, indexOfRecipe) = try ExperimentReferences.problems(of: experiment)
    self.indexOfRecipe = indexOfRecipe
    // The keys' rows, then the queries'.
    let positions = columns.keys + (0..<shape.queryTokens).map(shape.token(ofQuery:))
    let trigonometries = problems.map {
      ReferenceTrigonometry(
        angles: $0.angles, attentionFactor: $0.attentionFactor, positions: positions, threads: threads)
    }
    var heads: [KeyPlace: [ReferenceHead]] = [:]
    for layer in experiment.layers {
      for head in Set(experiment.heads.map(shape.keyValueHead(ofHead:))) {
        heads[KeyPlace(layer: layer, head: head)] = try zip(problems, trigonometries).flatMap {
          problem, trigonometry in
          var firstRow = 0
          return try columns.keyRanges.map { range in
            defer { firstRow += range.count }
            return ReferenceHead(
              problem: problem, trigonometry: trigonometry,
              keys: try experiment.input.read(.key, layer: layer, head: head, tokens: range),
              keyRows: Array(firstRow..<firstRow + range.count))
          }
        }
      }
    }
    self.heads = heads
  }

  /// The logits of some queries of one head, correctly rounded to binary64: for every problem and range of keys an array (queries, keys
  /// of the range). Keys that a query does not see have no meaning.
  ///
  /// - Throws: ``UndecidedRounding``.
  func logits(
    _ queries: Range<Int>, stored: [Double], layer: Int, keyHead: Int, counts: inout ReferenceHead.Counts
  ) throws -> [[Double]] {
    let ranges = columns.keyRanges
    return try heads[KeyPlace(layer: layer, head: keyHead)]!.enumerated().map { index, head in
      try logits(queries, of: head, keys: ranges[index % ranges.count], stored: stored, counts: &counts)
    }
  }

  private func logits(
    _ queries: Range<Int>, of head: ReferenceHead, keys: Range<Int>, stored: [Double],
    counts: inout ReferenceHead.Counts
  ) throws -> [Double] {
    let experiment = columns.experiment
    let size = experiment.shape.headSize
    var logits = [Double](repeating: .nan, count: queries.count * keys.count)
    try stored.withUnsafeBufferPointer { stored in
      try logits.withUnsafeMutableBufferPointer { logits in
        for first in stride(from: 0, to: queries.count, by: DriftExperiment.tileSize) {
          let rows = first..<min(first + DriftExperiment.tileSize, queries.count)
          let visible = rows.map { row -> Range<Int> in
            let query = queries.lowerBound + row
            let seen = experiment.shape.causalKeys(ofQuery: query).clamped(to: keys)
            guard experiment.measures(query: query), !seen.isEmpty else { return 0..<0 }
            // Causal: what is seen of a range begins at its first key.
            return 0..<seen.upperBound - keys.lowerBound
          }
          counts += try head.scores(
            queries: UnsafeBufferPointer(rebasing: stored[rows.lowerBound * size..<rows.upperBound * size]),
            queryRows: rows.map { columns.keys.count + queries.lowerBound + $0 }, keys: visible,
            into: UnsafeMutableBufferPointer(
              rebasing: logits[rows.lowerBound * keys.count..<rows.upperBound * keys.count]),
            stride: keys.count)
        }
      }
    }
    return logits
  }
}
