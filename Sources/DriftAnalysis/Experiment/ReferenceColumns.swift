// Exact logits of a few keys for chunks of queries.

import EmulatedEngine
import ReferenceEngine

/// The reference problems of an experiment and the stored vectors of its keys.
struct ReferenceColumns: Sendable {
  /// For each recipe its problem.
  let indexOfRecipe: [Int]
  private let columns: ColumnExperiment
  private let problems: [ReferenceProblem]
  // (layers and key heads)(ranges of keys): as stored.
  private let keys: [KeyPlace: [[Double]]]

  private struct KeyPlace: Hashable {
    let layer: Int
    let head: Int
  }

  init(_ columns: ColumnExperiment) throws {
    self.columns = columns
    (problems, indexOfRecipe) = try ExperimentReferences.problems(of: columns.experiment)
    let experiment = columns.experiment
    var keys: [KeyPlace: [[Double]]] = [:]
    for layer in experiment.layers {
      for head in Set(experiment.heads.map(experiment.shape.keyValueHead(ofHead:))) {
        keys[KeyPlace(layer: layer, head: head)] = try columns.keyRanges.map {
          try experiment.input.read(.key, layer: layer, head: head, tokens: $0)
        }
      }
    }
    self.keys = keys
  }

  /// Exact cos and sin for the keys and a chunk of queries.
  struct Chunk {
    fileprivate let references: ReferenceColumns
    fileprivate let queries: Range<Int>
    fileprivate let trigonometries: [ReferenceTrigonometry]
  }

  /// Prepares a chunk of queries.
  func chunk(_ queries: Range<Int>) throws -> Chunk {
    let shape = columns.experiment.shape
    let positions = columns.keys + queries.map(shape.token(ofQuery:))
    return Chunk(
      references: self, queries: queries,
      trigonometries: problems.map {
        ReferenceTrigonometry(
          angles: $0.angles, attentionFactor: $0.attentionFactor, positions: positions, threads: 1)
      })
  }
}

extension ReferenceColumns.Chunk {
  /// The logits of one head's queries, correctly rounded to binary64: for every problem and range of keys an array
  /// (queries, keys of the range). Keys that a query does not see have no meaning.
  ///
  /// - Throws: ``UndecidedRounding``.
  func logits(
    queries stored: [Double], layer: Int, keyHead: Int, counts: inout ReferenceHead.Counts
  ) throws -> [[Double]] {
    let columns = references.columns
    let (shape, size) = (columns.experiment.shape, columns.experiment.shape.headSize)
    var result: [[Double]] = []
    for (problem, trigonometry) in zip(references.problems, trigonometries) {
      var firstRow = 0
      for (index, range) in columns.keyRanges.enumerated() {
        let head = ReferenceHead(
          problem: problem, trigonometry: trigonometry,
          keys: references.keys[ReferenceColumns.KeyPlace(layer: layer, head: keyHead)]![index],
          keyRows: Array(firstRow..<firstRow + range.count))
        var logits = [Double](repeating: .nan, count: queries.count * range.count)
        try stored.withUnsafeBufferPointer { stored in
          try logits.withUnsafeMutableBufferPointer { logits in
            for first in stride(from: 0, to: queries.count, by: DriftExperiment.tileSize) {
              let rows = first..<min(first + DriftExperiment.tileSize, queries.count)
              let ranges = rows.map { row -> Range<Int> in
                let query = queries.lowerBound + row
                let visible = columns.experiment.mask.visibleKeys(ofQuery: query, in: shape)
                  .clamped(to: range)
                guard columns.experiment.measures(query: query), !visible.isEmpty else { return 0..<0 }
                // Causal: what is seen of a range begins at its first key.
                return 0..<visible.upperBound - range.lowerBound
              }
              counts += try head.scores(
                queries: UnsafeBufferPointer(
                  rebasing: stored[rows.lowerBound * size..<rows.upperBound * size]),
                queryRows: rows.map { columns.keys.count + $0 }, keys: ranges,
                into: UnsafeMutableBufferPointer(
                  rebasing: logits[rows.lowerBound * range.count..<rows.upperBound * range.count]),
                stride: range.count)
            }
          }
        }
        result.append(logits)
        firstRow += range.count
      }
    }
    return result
  }
}
