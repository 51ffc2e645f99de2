// One tile of queries of one head: every recipe's rows at both shifts and the reference's, into the tile's accumulators.

import EmulatedEngine
import ReferenceEngine
import RotaryAttention

/// One head at both shifts under every recipe.
struct HeadRuns: Sendable {
  /// (queries, d) as stored, for the reference.
  let stored: [Double]
  /// (recipes)(2).
  let runs: [[EmulatedHead]]
  /// One a reference problem; empty where no error is measured.
  let references: [ReferenceHead]
}

/// What a tile is worked on with.
struct TileWork: Sendable {
  let experiment: DriftExperiment
  let layer: Int
  let head: Int
  let heads: HeadRuns
  let referenceOfRecipe: [Int]
}

/// The accumulators and rows of one tile in flight; used by one thread at a time.
final class TileSlot {
  let drift: [DriftAccumulator]
  let error: [ErrorAccumulator]
  private var rows: [[Double]]
  private var referenceLogits: [Double] = []
  private var referenceProbabilities: [Double] = []

  init(_ geometry: PairGeometry, recipes: [Emulation], measuresError: Bool) {
    drift = recipes.map { _ in DriftAccumulator(geometry) }
    error = measuresError ? recipes.map { ErrorAccumulator(geometry, ulpFormat: $0.recipe.logitFormat) } : []
    rows = Array(repeating: Array(repeating: 0, count: geometry.keyTokens), count: 4)
  }

  func process(_ tile: Range<Int>, _ work: TileWork) throws -> ReferenceHead.Counts {
    for accumulator in drift { accumulator.reset(layer: work.layer, head: work.head, queries: tile) }
    for accumulator in error { accumulator.reset(layer: work.layer, head: work.head, queries: tile) }
    var counts = ReferenceHead.Counts()
    // (references, tile, keys): the reference's rows are needed by every recipe.
    let width = rows[0].count
    let referenceSize = work.heads.references.count * tile.count * width
    if referenceLogits.count < referenceSize {
      referenceLogits = Array(repeating: 0, count: referenceSize)
      referenceProbabilities = Array(repeating: 0, count: referenceSize)
    }
    for (index, reference) in work.heads.references.enumerated() {
      for (row, query) in tile.enumerated() {
        counts += try referenceRow(
          reference, at: (index * tile.count + row) * width, query: query, work)
      }
    }
    for recipe in drift.indices {
      for (row, query) in tile.enumerated() {
        let start = error.isEmpty ? nil : (work.referenceOfRecipe[recipe] * tile.count + row) * width
        try recipeRow(recipe, query: query, referenceStart: start, work)
      }
    }
    return counts
  }

  private func referenceRow(
    _ reference: ReferenceHead, at start: Int, query: Int, _ work: TileWork
  ) throws -> ReferenceHead.Counts {
    let shape = work.experiment.shape
    let keys = work.experiment.mask.visibleKeys(ofQuery: query, in: shape)
    let size = shape.headSize
    return try referenceLogits.withUnsafeMutableBufferPointer { logits in
      try referenceProbabilities.withUnsafeMutableBufferPointer { probabilities in
        let row = UnsafeMutableBufferPointer(rebasing: logits[start..<start + keys.count])
        let counts = try work.heads.stored.withUnsafeBufferPointer { stored in
          try reference.scores(
            query: UnsafeBufferPointer(rebasing: stored[query * size..<(query + 1) * size]),
            queryRow: shape.token(ofQuery: query), keys: keys, into: row)
        }
        defaultSoftmax(
          UnsafeBufferPointer(row),
          into: UnsafeMutableBufferPointer(rebasing: probabilities[start..<start + keys.count]))
        return counts
      }
    }
  }

  private func recipeRow(_ recipe: Int, query: Int, referenceStart: Int?, _ work: TileWork) throws {
    let keys = work.experiment.mask.visibleKeys(ofQuery: query, in: work.experiment.shape)
    let emulation = work.experiment.emulations[recipe]
    // Rows 0 and 1 are logits at Δ₁ and Δ₂, rows 2 and 3 their probabilities.
    for run in 0..<2 {
      try rows[run].withUnsafeMutableBufferPointer {
        try work.heads.runs[recipe][run].logits(query: query, keys: keys, into: $0)
      }
      rows[run].withUnsafeBufferPointer { logits in
        rows[run + 2].withUnsafeMutableBufferPointer { probabilities in
          emulation.probabilities(
            UnsafeBufferPointer(rebasing: logits[..<keys.count]), query: query, layer: work.layer,
            head: work.head,
            into: UnsafeMutableBufferPointer(rebasing: probabilities[..<keys.count]))
        }
      }
    }
    withRow(0, keys.count) { first in
      withRow(1, keys.count) { second in
        withRow(2, keys.count) { firstProbabilities in
          withRow(3, keys.count) { secondProbabilities in
            drift[recipe].add(
              query: query, keys: keys, logits: (first, second),
              probabilities: (firstProbabilities, secondProbabilities))
            guard let start = referenceStart else { return }
            referenceLogits.withUnsafeBufferPointer { logits in
              referenceProbabilities.withUnsafeBufferPointer { probabilities in
                let range = start..<start + keys.count
                error[recipe].add(
                  query: query, keys: keys,
                  logits: (first, UnsafeBufferPointer(rebasing: logits[range])),
                  probabilities: (firstProbabilities, UnsafeBufferPointer(rebasing: probabilities[range])))
              }
            }
          }
        }
      }
    }
  }

  private func withRow(_ index: Int, _ count: Int, _ body: (UnsafeBufferPointer<Double>) -> Void) {
    rows[index].withUnsafeBufferPointer { body(UnsafeBufferPointer(rebasing: $0[..<count])) }
  }
}
