// The tiles of some rows of an online softmax, one after another: scores are asked for as tiles come, and nothing is kept but sums.

import FloatingPointFormats
import RotaryAttention
import RoundingKernels

extension OnlineRows {
  /// Where the results of some rows go.
  struct Results {
    /// Normalized probabilities of row r from r·stride on, packed over its keys; nil for none.
    var probabilities: UnsafeMutablePointer<Double>?
    var stride: Int
    /// (rows, d); nil for none.
    var outputs: UnsafeMutablePointer<Double>?
    /// One a row; nil for none.
    var statistics: UnsafeMutablePointer<RowStatistics>?
  }

  /// Keys whose scores are asked for at a time, as long as a tile has no more.
  private static let batchLength = 512

  /// Computes rows that ``canShareTiles(_:_:)``, all with keys.
  ///
  /// - Parameters:
  ///   - keys: of each row.
  ///   - values: with ``EmulatedValues/singles``; nil for probabilities alone.
  ///   - results: where they go.
  ///   - scores: writes what the softmax stage reads of all rows for some keys, a row `stride` after the one before.
  func rows(
    _ keys: [VisibleKeys], values: EmulatedValues?, _ results: Results,
    scores: (_ keys: Range<Int>, _ room: UnsafeMutableBufferPointer<Double>, _ stride: Int) throws -> Void
  ) throws {
    let longest = keys.max { $0.count < $1.count }!
    let tiles = longest.tiles(stage, headSize: headSize)
    let width = max(Self.batchLength, tiles.map(\.count).max()!)
    let state = OnlineState(
      self, rows: keys.count, tiles: results.probabilities == nil ? 0 : tiles.count, width: width)
    let limit = values.flatMap { $0.singleRange.flatMap(exactProductLimit) }
    var next = 0
    while next < tiles.count {
      // Neighbouring tiles, in the order in which they are visited.
      let first = next
      var batch = tiles[first]
      next += 1
      while next < tiles.count {
        let tile = tiles[next]
        guard batch.count + tile.count <= width,
          tile.lowerBound == batch.upperBound || tile.upperBound == batch.lowerBound
        else { break }
        batch =
          min(batch.lowerBound, tile.lowerBound)..<max(batch.upperBound, tile.upperBound)
        next += 1
      }
      for piece in longest.part(batch).pieces {
        try scores(
          piece.key..<piece.key + piece.count,
          UnsafeMutableBufferPointer(rebasing: state.scores[piece.start...]), batch.count)
      }
      for row in keys.indices {
        let count = min(max(keys[row].count - batch.lowerBound, 0), batch.count)
        let isSpecial = ropedrift_scores32(
          state.scores.baseAddress! + row * batch.count, count, allowsVectors,
          state.inputs + row * batch.count)
        if isSpecial != 0 { state.isSpecial[row] = true }
      }
      for index in first..<next {
        let tile = tiles[index]
        for row in keys.indices {
          state.counts[row] = min(max(keys[row].count - tile.lowerBound, 0), tile.count)
        }
        let hasSmall = weights(
          state.inputs + (tile.lowerBound - batch.lowerBound), stride: batch.count, rows: keys.count,
          counts: state.counts, small: limit ?? 0, maxima: state.maxima, rescalings: state.rescalings,
          weightStride: tile.count, into: state.weights)
        let part = longest.part(tile)
        addWeights(state, part)
        roundProbabilities(state, tile.count)
        if results.probabilities != nil { keep(state, index, tile, results) }
        if let values, results.outputs != nil {
          let isFused = output.order == .sequentialFused || limit != nil && !hasSmall
          addProducts(state, part, values, isFused: isFused)
        }
        for row in keys.indices where state.counts[row] > 0 { state.hasBegun[row] = true }
      }
    }
    for row in keys.indices { finish(state, row, keys[row].count, tiles, results) }
  }

  /// The tile's weights into the sums of their rows.
  private func addWeights(_ state: OnlineState, _ part: VisibleKeys) {
    let rows = state.rows
    let isRunning = stage.sum.tiles == .running
    if isRunning {
      for row in 0..<rows where state.hasBegun[row] && state.counts[row] > 0 && state.rescalings[row] != 1 {
        for lane in 0..<lanes.count { state.sums[row * lanes.count + lane] *= state.rescalings[row] }
      }
    } else {
      state.tileSums.update(repeating: 0, count: rows * lanes.count)
    }
    for piece in part.pieces {
      for row in 0..<rows {
        state.pieceCounts[row] = min(max(state.counts[row] - piece.start, 0), piece.count)
      }
      ropedrift_lane_sums32(
        state.weights + piece.start, rows, part.count, state.pieceCounts, piece.place, lanes.count,
        stage.sum.laneWidth, allowsVectors, isRunning ? state.sums : state.tileSums)
    }
    if isRunning { return }
    for row in 0..<rows where state.counts[row] > 0 {
      let tile = folded(state.tileSums + row * lanes.count)
      let (total, factor) = (state.sums[row * lanes.count], state.rescalings[row])
      state.sums[row * lanes.count] =
        !state.hasBegun[row]
        ? tile : stage.sum.tiles == .fused ? tile.addingProduct(total, factor) : total * factor + tile
    }
  }

  private func roundProbabilities(_ state: OnlineState, _ width: Int) {
    if probability.isEmpty { return }
    for row in 0..<state.rows {
      round(
        probability,
        UnsafeMutableBufferPointer(start: state.weights + row * width, count: state.counts[row]))
    }
  }

  /// P of the tile and its factors, to be normalized at the end.
  private func keep(_ state: OnlineState, _ index: Int, _ tile: Range<Int>, _ results: Results) {
    for row in 0..<state.rows where state.counts[row] > 0 {
      let target = results.probabilities! + row * results.stride + tile.lowerBound
      for place in 0..<state.counts[row] { target[place] = Double(state.weights[row * tile.count + place]) }
      if state.hasBegun[row] { state.factors[index * state.rows + row] = state.rescalings[row] }
    }
  }

  /// The tile's products with the values into the outputs of their rows.
  private func addProducts(
    _ state: OnlineState, _ part: VisibleKeys, _ values: EmulatedValues, isFused: Bool
  ) {
    let rows = state.rows
    for row in 0..<rows where state.hasBegun[row] && state.counts[row] > 0 && state.rescalings[row] != 1 {
      let (sums, factor) = (state.outputs + row * headSize, state.rescalings[row])
      for channel in 0..<headSize { sums[channel] *= factor }
    }
    values.singles!.withUnsafeBufferPointer { singles in
      for piece in part.pieces {
        let value = singles.baseAddress! + piece.key * headSize
        func add(_ rows: Range<Int>, _ keys: Range<Int>) {
          if keys.isEmpty { return }
          ropedrift_weighted_sums32(
            state.weights + rows.lowerBound * part.count + piece.start + keys.lowerBound, rows.count,
            part.count, value + keys.lowerBound * headSize, keys.count, headSize, isFused ? 1 : 0,
            allowsVectors, state.outputs + rows.lowerBound * headSize)
        }
        func count(_ row: Int) -> Int { min(max(state.counts[row] - piece.start, 0), piece.count) }
        // What all rows have they take together; behind it four at a time, then each on its own.
        let common = (0..<rows).map(count).min()!
        add(0..<rows, 0..<common)
        for start in stride(from: 0, to: rows, by: 4) {
          let four = start..<min(start + 4, rows)
          let shared = max(common, four.map(count).min()!)
          if four.count == 4 { add(four, common..<shared) }
          for row in four {
            add(row..<row + 1, (four.count == 4 ? shared : common)..<max(count(row), common))
          }
        }
      }
    }
  }

  /// Normalizes and stores a row.
  private func finish(
    _ state: OnlineState, _ row: Int, _ count: Int, _ tiles: [Range<Int>], _ results: Results
  ) {
    let probabilities = results.probabilities.map {
      UnsafeMutableBufferPointer(start: $0 + row * results.stride, count: count)
    }
    let outputs = results.outputs.map {
      UnsafeMutableBufferPointer(start: $0 + row * headSize, count: headSize)
    }
    if state.isSpecial[row] {
      probabilities?.update(repeating: .nan)
      outputs?.update(repeating: .nan)
      results.statistics?[row] = RowStatistics(maximum: .nan, sum: .nan)
      return
    }
    let l =
      stage.sum.tiles == .running ? folded(state.sums + row * lanes.count) : state.sums[row * lanes.count]
    let total = l == 0 ? 1 : l
    results.statistics?[row] = RowStatistics(maximum: Double(state.maxima[row]), sum: Double(l))
    if let outputs {
      let sums = UnsafeMutableBufferPointer(start: state.outputs + row * headSize, count: headSize)
      if output.normalization!.algorithm == .divide {
        for channel in sums.indices { sums[channel] /= total }
      } else {
        let reciprocal = 1 / total
        for channel in sums.indices { sums[channel] *= reciprocal }
      }
      round(storing, sums)
      for channel in sums.indices { outputs[channel] = Double(sums[channel]) }
    }
    if let probabilities {
      var product = 1.0
      for (index, tile) in tiles.enumerated().reversed() {
        for place in tile.clamped(to: 0..<count) {
          probabilities[place] = probabilities[place] * product / Double(total)
        }
        product *= Double(state.factors[index * state.rows + row])
      }
    }
  }
}

/// The rows' numbers while tiles go by.
final class OnlineState {
  let rows: Int
  /// (rows, batch): what the softmax stage reads, in binary64 and in binary32.
  let scores: UnsafeMutableBufferPointer<Double>
  let inputs: UnsafeMutablePointer<Float>
  /// (rows, tile).
  let weights: UnsafeMutablePointer<Float>
  /// (rows, lanes).
  let sums: UnsafeMutablePointer<Float>
  let tileSums: UnsafeMutablePointer<Float>
  /// (rows, d).
  let outputs: UnsafeMutablePointer<Float>
  let maxima: UnsafeMutablePointer<Float>
  let rescalings: UnsafeMutablePointer<Float>
  /// (tiles, rows): 1 where a row does not rescale.
  var factors: [Float]
  /// Visible keys of each row in the tile, and in a piece of it.
  let counts: UnsafeMutablePointer<Int>
  let pieceCounts: UnsafeMutablePointer<Int>
  var hasBegun: [Bool]
  var isSpecial: [Bool]

  init(_ online: OnlineRows, rows: Int, tiles: Int, width: Int) {
    func zeros(_ count: Int) -> UnsafeMutablePointer<Float> {
      let pointer = UnsafeMutablePointer<Float>.allocate(capacity: count)
      pointer.initialize(repeating: 0, count: count)
      return pointer
    }
    self.rows = rows
    scores = .allocate(capacity: rows * width)
    scores.initialize(repeating: 0)
    inputs = zeros(rows * width)
    weights = zeros(rows * width)
    sums = zeros(rows * online.lanes.count)
    tileSums = zeros(rows * online.lanes.count)
    outputs = zeros(rows * online.headSize)
    maxima = zeros(rows)
    maxima.update(repeating: -.infinity, count: rows)
    rescalings = zeros(rows)
    factors = Array(repeating: 1, count: tiles * rows)
    counts = .allocate(capacity: rows)
    counts.initialize(repeating: 0, count: rows)
    pieceCounts = .allocate(capacity: rows)
    pieceCounts.initialize(repeating: 0, count: rows)
    hasBegun = Array(repeating: false, count: rows)
    isSpecial = Array(repeating: false, count: rows)
  }

  deinit {
    scores.deallocate()
    for pointer in [inputs, weights, sums, tileSums, outputs, maxima, rescalings] { pointer.deallocate() }
    counts.deallocate()
    pieceCounts.deallocate()
  }
}
