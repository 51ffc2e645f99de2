// One tile of queries of one head: every recipe's rows at both shifts and the reference's, into the tile's accumulators.

import EmulatedEngine
import ReferenceEngine
import RotaryAttention

/// One head at both shifts under every recipe.
struct HeadRuns: Sendable {
  /// The first query's index in the file.
  let firstQuery: Int
  /// (queries, d) as stored, for the reference.
  let stored: [Double]
  /// (score groups)(2).
  let runs: [[EmulatedHead]]
  /// One a reference problem; empty where no error is measured.
  let references: [ReferenceHead]
  /// The values of the keys; nil where rows are not measured or the input has none.
  let values: SequenceValues?
}

/// What a tile is worked on with.
struct TileWork: Sendable {
  let experiment: DriftExperiment
  let shared: SharedStages
  let layer: Int
  let head: Int
  /// The sequence whose keys and queries the heads hold.
  let sequence: PackedSequence
  let heads: HeadRuns
  let referenceOfRecipe: [Int]
  /// What is measured of whole rows; nil where that is nothing.
  let measuring: RowMeasurement?
}

/// The accumulators and rows of one tile in flight; used by one thread at a time.
final class TileSlot {
  let drift: [DriftAccumulator]
  let error: [ErrorAccumulator]
  /// One a recipe where rows are measured.
  var rows: [RowSums]
  let width: Int
  // (2, tile, width): a score group's rows at both shifts, over the union of the tile's keys.
  private var scores: [Double]
  // (2, tile, width) each: a logit group's logits and their softmax at both shifts, a row's visible keys one after another.
  var logits: [Double]
  private var softmax: [Double]
  // (2, width): one recipe's rounded probabilities.
  private var rounded: [Double]
  var referenceLogits: [Double] = []
  var referenceProbabilities: [Double] = []
  /// Numbers of whole rows, where those are measured.
  var details = RowDetails()

  /// - Parameters:
  ///   - width: places of the longest row of scores.
  ///   - measuring: what is measured of whole rows; nil for nothing.
  init(
    _ geometry: PairGeometry, width: Int, recipes: [Emulation], measuresError: Bool,
    measuring: RowMeasurement? = nil
  ) {
    rows =
      measuring.map { plan in recipes.map { _ in RowSums(documents: plan.layout.documents.count) } } ?? []
    drift = recipes.map { _ in DriftAccumulator(geometry) }
    error = measuresError ? recipes.map { ErrorAccumulator(geometry, ulpFormat: $0.recipe.logitFormat) } : []
    self.width = width
    scores = Array(repeating: 0, count: 2 * DriftExperiment.tileSize * width)
    logits = scores
    softmax = scores
    rounded = Array(repeating: 0, count: 2 * width)
  }

  func process(_ tile: Range<Int>, _ work: TileWork) throws -> ReferenceHead.Counts {
    for accumulator in drift { accumulator.reset(layer: work.layer, head: work.head, queries: tile) }
    for accumulator in error { accumulator.reset(layer: work.layer, head: work.head, queries: tile) }
    for index in self.rows.indices { self.rows[index].reset() }
    let tileRows = TileRows(tile, sequence: work.sequence, experiment: work.experiment)
    let rows = tileRows.rows
    var counts = ReferenceHead.Counts()
    // (references, tile, width): the reference's rows are needed by every recipe.
    let referenceSize = work.heads.references.count * tile.count * width
    if referenceLogits.count < referenceSize {
      referenceLogits = Array(repeating: 0, count: referenceSize)
      referenceProbabilities = Array(repeating: 0, count: referenceSize)
    }
    if work.measuring != nil { details.prepare(tile: tile.count, width: width, work) }
    for (index, reference) in work.heads.references.enumerated() {
      counts += try referenceRows(reference, at: index * tile.count * width, rows, work)
    }
    for (score, group) in work.shared.scores.enumerated() {
      for (run, head) in work.heads.runs[score].enumerated() {
        try writeScores(head, run: run, tileRows, work)
      }
      for logitGroup in group.logits {
        for run in 0..<2 {
          for row in rows { try finishLogits(run, row, tileRows, group, logitGroup, work) }
        }
        for recipe in logitGroup.recipes {
          for row in rows { try measure(recipe, row, tileRows, score, tile: tile.count, work) }
        }
      }
    }
    return counts
  }

  /// The places of a row's visible keys.
  func range(_ run: Int, _ row: TileRow) -> Range<Int> {
    let start = (run * DriftExperiment.tileSize + row.index) * width
    return start..<start + row.count
  }

  /// The scores of all rows. Neighbouring queries go through the kernels together, against all keys that one of them sees: what a
  /// query does not see is computed and not read.
  private func writeScores(_ head: EmulatedHead, run: Int, _ tile: TileRows, _ work: TileWork) throws {
    let rows = tile.rows
    var first = 0
    while first < rows.count {
      var end = first + 1
      while head.gainsFromBlocks, end < rows.count, rows[end].index == rows[end - 1].index + 1 { end += 1 }
      let local = rows[first].query - work.heads.firstQuery
      var place = (run * DriftExperiment.tileSize + rows[first].index) * width
      for part in tile.union {
        // A row by itself reads its own keys only.
        let seen = rows[first..<end].flatMap(\.keys).filter(part.overlaps)
        if let lower = seen.map(\.lowerBound).min(), let upper = seen.map(\.upperBound).max() {
          let start = place + lower - part.lowerBound
          try scores.withUnsafeMutableBufferPointer {
            try head.logits(
              queries: local..<local + end - first, keys: lower..<upper,
              into: UnsafeMutableBufferPointer(
                rebasing: $0[start..<start + (end - first - 1) * width + upper - lower]),
              stride: width)
          }
        }
        place += part.count
      }
      first = end
    }
  }

  /// A row's scores, packed.
  private func gatherScores(
    _ run: Int, _ row: TileRow, _ tile: TileRows, into packed: UnsafeMutableBufferPointer<Double>
  ) {
    let start = (run * DriftExperiment.tileSize + row.index) * width
    var written = 0
    scores.withUnsafeBufferPointer { scores in
      for part in tile.places(row) {
        let source = UnsafeBufferPointer(rebasing: scores[start + part.lowerBound..<start + part.upperBound])
        _ = UnsafeMutableBufferPointer(rebasing: packed[written..<written + part.count]).update(
          fromContentsOf: source)
        written += part.count
      }
    }
  }

  /// The reference's logits and probabilities of the rows of a tile; row i from `start` + i·width on.
  private func referenceRows(
    _ reference: ReferenceHead, at start: Int, _ rows: [TileRow], _ work: TileWork
  ) throws -> ReferenceHead.Counts {
    let shape = work.experiment.shape
    let size = shape.headSize
    var counts = ReferenceHead.Counts()
    try referenceLogits.withUnsafeMutableBufferPointer { logits in
      try work.heads.stored.withUnsafeBufferPointer { stored in
        // Rows that are measured may have gaps between them: as many at a time as stand together and see an equal number of ranges.
        var first = rows.startIndex
        while first < rows.endIndex {
          var end = first + 1
          while end < rows.endIndex, rows[end].index == rows[end - 1].index + 1,
            rows[end].keys.count == rows[first].keys.count
          { end += 1 }
          let part = rows[first..<end]
          let local = part.first!.query - work.heads.firstQuery
          var offset = 0
          for range in part.first!.keys.indices {
            let place = start + part.first!.index * width + offset
            let last = place + (part.count - 1) * width + part.last!.keys[range].count
            counts += try reference.scores(
              queries: UnsafeBufferPointer(
                rebasing: stored[local * size..<(local + part.count) * size]),
              queryRows: part.map { shape.token(ofQuery: $0.query) }, keys: part.map { $0.keys[range] },
              into: UnsafeMutableBufferPointer(rebasing: logits[place..<last]), stride: width)
            // Ranges before the last are the same for all rows: an anchor.
            offset += part.first!.keys[range].count
          }
          first = end
        }
      }
      referenceProbabilities.withUnsafeMutableBufferPointer { probabilities in
        for tileRow in rows {
          let places = start + tileRow.index * width..<start + tileRow.index * width + tileRow.count
          let logits = UnsafeBufferPointer(rebasing: logits[places])
          let row = UnsafeMutableBufferPointer(rebasing: probabilities[places])
          guard work.measuring != nil else {
            defaultSoftmax(logits, into: row)
            continue
          }
          details.certify(logits, probabilities: row, at: start / width + tileRow.index, tileRow.runs, work)
        }
      }
    }
    return counts
  }

  /// The logits of a group from its scores, and their softmax.
  private func finishLogits(
    _ run: Int, _ row: TileRow, _ tile: TileRows, _ group: SharedStages.ScoreGroup,
    _ logitGroup: SharedStages.LogitGroup, _ work: TileWork
  ) throws {
    let range = range(run, row)
    try logits.withUnsafeMutableBufferPointer { logits in
      let values = UnsafeMutableBufferPointer(rebasing: logits[range])
      gatherScores(run, row, tile, into: values)
      if group.givesAccumulators {
        try forEachRange(of: row, in: values) { part, keys in
          try logitGroup.stages.scale(
            part, query: row.query, keys: keys, layer: work.layer, head: work.head)
        }
      }
      // Recipes with a softmax stage of their own do without the default one.
      guard logitGroup.recipes.contains(where: { work.shared.softmaxStages[$0] == nil }) else { return }
      softmax.withUnsafeMutableBufferPointer {
        defaultSoftmax(UnsafeBufferPointer(values), into: UnsafeMutableBufferPointer(rebasing: $0[range]))
      }
    }
  }

  /// One row of probabilities by a recipe's own softmax stage, into `rounded`, with its output where rows are measured.
  private func writeProbabilities(
    _ stages: SharedStages.SoftmaxStages, _ recipe: Int, _ run: Int, _ row: TileRow, _ tile: TileRows,
    _ score: Int, _ work: TileWork
  ) throws {
    let place = ScorePlace(query: row.query, key: 0, layer: work.layer, head: work.head)
    let head = work.heads.runs[score][run]
    try withUnsafeTemporaryAllocation(of: Double.self, capacity: row.count) { inputs in
      inputs.initialize(repeating: 0)
      if stages.inputs != nil, !work.shared.scores[score].givesAccumulators {
        let local = row.query - work.heads.firstQuery
        try forEachRange(of: row, in: inputs) { part, keys in
          try head.softmaxInputs(queries: local..<local + 1, keys: keys, into: part, stride: keys.count)
        }
      } else if let inputStage = stages.inputs {
        gatherScores(run, row, tile, into: inputs)
        try forEachRange(of: row, in: inputs) { part, keys in
          try inputStage.write(part, query: row.query, keys: keys, layer: work.layer, head: work.head)
        }
      } else {
        logits.withUnsafeBufferPointer {
          _ = inputs.update(fromContentsOf: UnsafeBufferPointer(rebasing: $0[range(run, row)]))
        }
      }
      try rounded.withUnsafeMutableBufferPointer { rounded in
        let probabilities = UnsafeMutableBufferPointer(
          rebasing: rounded[run * width..<run * width + row.count])
        try details.row(
          stages.row, UnsafeBufferPointer(inputs), run, row, place, recipe, work, probabilities: probabilities
        )
      }
    }
  }

  /// The parts of a packed row that hold neighbouring keys.
  private func forEachRange(
    of row: TileRow, in packed: UnsafeMutableBufferPointer<Double>,
    _ body: (UnsafeMutableBufferPointer<Double>, Range<Int>) throws -> Void
  ) rethrows {
    var start = 0
    for keys in row.keys {
      try body(UnsafeMutableBufferPointer(rebasing: packed[start..<start + keys.count]), keys)
      start += keys.count
    }
  }

  /// Adds one recipe's row at both shifts to its accumulators.
  private func measure(
    _ recipe: Int, _ row: TileRow, _ tileRows: TileRows, _ score: Int, tile: Int, _ work: TileWork
  ) throws {
    let count = row.count
    var isRounded = false
    for run in 0..<2 {
      if let stages = work.shared.softmaxStages[recipe] {
        try writeProbabilities(stages, recipe, run, row, tileRows, score, work)
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
    let probabilities =
      isRounded ? (0, width) : (range(0, row).lowerBound, range(1, row).lowerBound)
    if let measuring = work.measuring {
      try (isRounded ? rounded : softmax).withUnsafeBufferPointer { values in
        try measureRow(
          recipe, row, tile: tile, measuring, work,
          probabilities: (
            UnsafeBufferPointer(rebasing: values[probabilities.0..<probabilities.0 + count]),
            UnsafeBufferPointer(rebasing: values[probabilities.1..<probabilities.1 + count])
          ))
      }
    }
    let reference = error.isEmpty ? 0 : (work.referenceOfRecipe[recipe] * tile + row.index) * width
    logits.withUnsafeBufferPointer { logits in
      (isRounded ? rounded : softmax).withUnsafeBufferPointer { values in
        referenceLogits.withUnsafeBufferPointer { referenceLogits in
          referenceProbabilities.withUnsafeBufferPointer { referenceProbabilities in
            var offset = 0
            for tokens in row.tokens {
              func part(_ numbers: UnsafeBufferPointer<Double>, _ start: Int) -> UnsafeBufferPointer<Double> {
                UnsafeBufferPointer(rebasing: numbers[start + offset..<start + offset + tokens.count])
              }
              let first = (
                logits: part(logits, range(0, row).lowerBound), probabilities: part(values, probabilities.0)
              )
              drift[recipe].add(
                query: row.query, keys: tokens,
                logits: (first.logits, part(logits, range(1, row).lowerBound)),
                probabilities: (first.probabilities, part(values, probabilities.1)))
              if !error.isEmpty {
                error[recipe].add(
                  query: row.query, keys: tokens, logits: (first.logits, part(referenceLogits, reference)),
                  probabilities: (first.probabilities, part(referenceProbabilities, reference)))
              }
              offset += tokens.count
            }
          }
        }
      }
    }
  }
}
