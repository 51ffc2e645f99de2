// One tile of queries of one head: every recipe's rows at both shifts and the reference's, into the tile's accumulators.

import EmulatedEngine
import ReferenceEngine
import RotaryAttention

/// One head at both shifts under every recipe.
struct HeadRuns: Sendable {
  /// (queries, d) as stored, for the reference.
  let stored: [Double]
  /// (score groups)(2).
  let runs: [[EmulatedHead]]
  /// One a reference problem; empty where no error is measured.
  let references: [ReferenceHead]
}

/// What a tile is worked on with.
struct TileWork: Sendable {
  let experiment: DriftExperiment
  let shared: SharedStages
  let layer: Int
  let head: Int
  let heads: HeadRuns
  let referenceOfRecipe: [Int]
}

/// The accumulators and rows of one tile in flight; used by one thread at a time.
final class TileSlot {
  let drift: [DriftAccumulator]
  let error: [ErrorAccumulator]
  private let width: Int
  // (2, tile, keys) each: a score group's rows, a logit group's logits and their softmax, at both shifts.
  private var scores: [Double]
  private var logits: [Double]
  private var softmax: [Double]
  // (2, keys): one recipe's rounded probabilities.
  private var rounded: [Double]
  private var referenceLogits: [Double] = []
  private var referenceProbabilities: [Double] = []

  init(_ geometry: PairGeometry, recipes: [Emulation], measuresError: Bool) {
    drift = recipes.map { _ in DriftAccumulator(geometry) }
    error = measuresError ? recipes.map { ErrorAccumulator(geometry, ulpFormat: $0.recipe.logitFormat) } : []
    width = geometry.keyTokens
    scores = Array(repeating: 0, count: 2 * DriftExperiment.tileSize * width)
    logits = scores
    softmax = scores
    rounded = Array(repeating: 0, count: 2 * width)
  }

  /// The rows of a query that the mask lets it see, or none of one that is not measured.
  private struct Row {
    let index: Int
    let query: Int
    let keys: Range<Int>
  }

  func process(_ tile: Range<Int>, _ work: TileWork) throws -> ReferenceHead.Counts {
    for accumulator in drift { accumulator.reset(layer: work.layer, head: work.head, queries: tile) }
    for accumulator in error { accumulator.reset(layer: work.layer, head: work.head, queries: tile) }
    let experiment = work.experiment
    let rows = tile.enumerated().compactMap { index, query -> Row? in
      guard experiment.measures(query: query) else { return nil }
      return Row(
        index: index, query: query, keys: experiment.mask.visibleKeys(ofQuery: query, in: experiment.shape))
    }
    var counts = ReferenceHead.Counts()
    // (references, tile, keys): the reference's rows are needed by every recipe.
    let referenceSize = work.heads.references.count * tile.count * width
    if referenceLogits.count < referenceSize {
      referenceLogits = Array(repeating: 0, count: referenceSize)
      referenceProbabilities = Array(repeating: 0, count: referenceSize)
    }
    for (index, reference) in work.heads.references.enumerated() {
      counts += try referenceRows(reference, at: index * tile.count * width, rows, work)
    }
    for (score, group) in work.shared.scores.enumerated() {
      for (run, head) in work.heads.runs[score].enumerated() {
        try writeScores(head, run: run, rows)
      }
      for logitGroup in group.logits {
        for run in 0..<2 {
          for row in rows { try finishLogits(run, row, group, logitGroup, work) }
        }
        for recipe in logitGroup.recipes {
          for row in rows { try measure(recipe, row, score, tile: tile.count, work) }
        }
      }
    }
    return counts
  }

  private func range(_ run: Int, _ row: Row) -> Range<Int> {
    let start = (run * DriftExperiment.tileSize + row.index) * width + row.keys.lowerBound
    return start..<start + row.keys.count
  }

  /// The scores of all rows. Neighbouring queries go through the kernels together, against all keys that one of them sees: what a
  /// query does not see is computed and not read.
  private func writeScores(_ head: EmulatedHead, run: Int, _ rows: [Row]) throws {
    var first = 0
    while first < rows.count {
      var end = first + 1
      while head.gainsFromBlocks, end < rows.count, rows[end].index == rows[end - 1].index + 1 { end += 1 }
      let block = rows[first..<end]
      let keys = block.map(\.keys.lowerBound).min()!..<block.map(\.keys.upperBound).max()!
      let start = (run * DriftExperiment.tileSize + rows[first].index) * width + keys.lowerBound
      try scores.withUnsafeMutableBufferPointer {
        try head.logits(
          queries: rows[first].query..<rows[first].query + block.count, keys: keys,
          into: UnsafeMutableBufferPointer(
            rebasing: $0[start..<start + (block.count - 1) * width + keys.count]),
          stride: width)
      }
      first = end
    }
  }

  /// The reference's logits and probabilities of the rows of a tile; row i from `start` + i·width on.
  private func referenceRows(
    _ reference: ReferenceHead, at start: Int, _ rows: [Row], _ work: TileWork
  ) throws -> ReferenceHead.Counts {
    let shape = work.experiment.shape
    let size = shape.headSize
    var counts = ReferenceHead.Counts()
    try referenceLogits.withUnsafeMutableBufferPointer { logits in
      try work.heads.stored.withUnsafeBufferPointer { stored in
        // Rows that are measured may have gaps between them: as many at a time as stand together.
        var first = rows.startIndex
        while first < rows.endIndex {
          var end = first + 1
          while end < rows.endIndex, rows[end].index == rows[end - 1].index + 1,
            rows[end].query == rows[end - 1].query + 1
          { end += 1 }
          let part = rows[first..<end]
          let queries = part.first!.query..<part.last!.query + 1
          counts += try reference.scores(
            queries: UnsafeBufferPointer(
              rebasing: stored[queries.lowerBound * size..<queries.upperBound * size]),
            queryRows: queries.map(shape.token(ofQuery:)), keys: part.map(\.keys),
            into: UnsafeMutableBufferPointer(
              rebasing: logits[start + part.first!.index * width..<start + (part.last!.index + 1) * width]),
            stride: width)
          first = end
        }
      }
      referenceProbabilities.withUnsafeMutableBufferPointer { probabilities in
        for row in rows {
          let places = start + row.index * width..<start + row.index * width + row.keys.count
          defaultSoftmax(
            UnsafeBufferPointer(rebasing: logits[places]),
            into: UnsafeMutableBufferPointer(rebasing: probabilities[places]))
        }
      }
    }
    return counts
  }

  /// The logits of a group from its scores, and their softmax.
  private func finishLogits(
    _ run: Int, _ row: Row, _ group: SharedStages.ScoreGroup, _ logitGroup: SharedStages.LogitGroup,
    _ work: TileWork
  ) throws {
    let range = range(run, row)
    try logits.withUnsafeMutableBufferPointer { logits in
      let values = UnsafeMutableBufferPointer(rebasing: logits[range])
      scores.withUnsafeBufferPointer {
        _ = values.update(fromContentsOf: UnsafeBufferPointer(rebasing: $0[range]))
      }
      if group.givesAccumulators {
        try logitGroup.stages.scale(
          values, query: row.query, keys: row.keys, layer: work.layer, head: work.head)
      }
      // Recipes with a softmax stage of their own do without the default one.
      guard logitGroup.recipes.contains(where: { work.shared.softmaxStages[$0] == nil }) else { return }
      softmax.withUnsafeMutableBufferPointer {
        defaultSoftmax(UnsafeBufferPointer(values), into: UnsafeMutableBufferPointer(rebasing: $0[range]))
      }
    }
  }

  /// One row of probabilities by a recipe's own softmax stage, into `rounded`.
  private func writeProbabilities(
    _ stages: SharedStages.SoftmaxStages, _ run: Int, _ row: Row, _ score: Int, _ work: TileWork
  ) throws {
    let place = ScorePlace(query: row.query, key: 0, layer: work.layer, head: work.head)
    let head = work.heads.runs[score][run]
    try withUnsafeTemporaryAllocation(of: Double.self, capacity: row.keys.count) { inputs in
      if stages.inputs != nil, !work.shared.scores[score].givesAccumulators {
        try head.softmaxInputs(
          queries: row.query..<row.query + 1, keys: row.keys, into: inputs, stride: row.keys.count)
      } else {
        let source = stages.inputs == nil ? logits : scores
        source.withUnsafeBufferPointer {
          _ = inputs.initialize(from: UnsafeBufferPointer(rebasing: $0[range(run, row)]))
        }
        try stages.inputs?.write(
          inputs, query: row.query, keys: row.keys, layer: work.layer, head: work.head)
      }
      try rounded.withUnsafeMutableBufferPointer { rounded in
        try stages.row.row(
          UnsafeBufferPointer(inputs), keys: row.keys, values: nil, place: place,
          probabilities: UnsafeMutableBufferPointer(
            rebasing: rounded[run * width..<run * width + row.keys.count]),
          output: nil)
      }
    }
  }

  /// Adds one recipe's row at both shifts to its accumulators.
  private func measure(
    _ recipe: Int, _ row: Row, _ score: Int, tile: Int, _ work: TileWork
  ) throws {
    let count = row.keys.count
    var isRounded = false
    for run in 0..<2 {
      if let stages = work.shared.softmaxStages[recipe] {
        try writeProbabilities(stages, run, row, score, work)
        isRounded = true
        continue
      }
      isRounded = softmax.withUnsafeBufferPointer { softmax in
        rounded.withUnsafeMutableBufferPointer { rounded in
          work.shared.rowStages[recipe].round(
            UnsafeBufferPointer(rebasing: softmax[range(run, row)]), query: row.query, layer: work.layer,
            head: work.head,
            into: UnsafeMutableBufferPointer(rebasing: rounded[run * width..<run * width + count]))
        }
      }
    }
    let (first, second) = (range(0, row), range(1, row))
    logits.withUnsafeBufferPointer { logits in
      (isRounded ? rounded : softmax).withUnsafeBufferPointer { values in
        let firstLogits = UnsafeBufferPointer(rebasing: logits[first])
        let firstProbabilities = UnsafeBufferPointer(rebasing: values[isRounded ? 0..<count : first])
        drift[recipe].add(
          query: row.query, keys: row.keys,
          logits: (firstLogits, UnsafeBufferPointer(rebasing: logits[second])),
          probabilities: (
            firstProbabilities,
            UnsafeBufferPointer(rebasing: values[isRounded ? width..<width + count : second])
          ))
        guard !error.isEmpty else { return }
        let start = (work.referenceOfRecipe[recipe] * tile + row.index) * width
        referenceLogits.withUnsafeBufferPointer { references in
          referenceProbabilities.withUnsafeBufferPointer { probabilities in
            let range = start..<start + count
            error[recipe].add(
              query: row.query, keys: row.keys,
              logits: (firstLogits, UnsafeBufferPointer(rebasing: references[range])),
              probabilities: (
                firstProbabilities, UnsafeBufferPointer(rebasing: probabilities[range])
              ))
          }
        }
      }
    }
  }
}
