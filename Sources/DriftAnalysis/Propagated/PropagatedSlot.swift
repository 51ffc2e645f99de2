// One tile of queries of one head: rows of every run, and the differences of every mode, into the tile's accumulators.

import EmulatedEngine
import ReferenceEngine
import RotaryAttention
import TensorIO

/// Where the rows of several runs come from, a head at a time.
protocol RunRows: Sendable {
  /// What gives the rows of a head.
  func head(layer: Int, head: Int, threads: Int) throws -> any HeadRows
}

/// The rows of one head in several runs.
protocol HeadRows: Sendable {
  /// How many runs there are.
  var runCount: Int { get }
  /// For each mode its runs: minuend and subtrahend.
  func runs(of mode: PropagatedMode) -> (Int, Int)
  /// Those queries of a tile that have rows.
  func queries(of tile: Range<Int>) -> [Int]
  /// Writes the logits and probabilities of these queries in one run, each at the place of its keys in a row of `stride`.
  func write(
    run: Int, queries: [Int], logits: UnsafeMutableBufferPointer<Double>,
    probabilities: UnsafeMutableBufferPointer<Double>, stride: Int
  ) throws
  /// How many keys a query sees: those from the first on.
  func visibleKeys(ofQuery query: Int) -> Int
}

/// The accumulators and rows of one tile in flight; used by one thread at a time.
final class PropagatedSlot {
  let drift: [DriftAccumulator]
  private(set) var flips: [TopKeyFlips]
  private let modes: [PropagatedMode]
  private let width: Int
  // (runs, tile, keys) each.
  private var logits: [Double] = []
  private var probabilities: [Double] = []

  init(_ geometry: PairGeometry, modes: [PropagatedMode]) {
    self.modes = modes
    drift = modes.map { _ in DriftAccumulator(geometry) }
    flips = modes.map { _ in TopKeyFlips() }
    width = geometry.keyTokens
  }

  func process(_ tile: Range<Int>, _ rows: any HeadRows, layer: Int, head: Int) throws {
    for accumulator in drift { accumulator.reset(layer: layer, head: head, queries: tile) }
    for mode in modes.indices { flips[mode] = TopKeyFlips() }
    let queries = rows.queries(of: tile)
    guard !queries.isEmpty else { return }
    let size = DriftExperiment.tileSize * width
    if logits.isEmpty {
      logits = Array(repeating: 0, count: rows.runCount * size)
      probabilities = logits
    }
    try logits.withUnsafeMutableBufferPointer { logits in
      try probabilities.withUnsafeMutableBufferPointer { probabilities in
        for run in 0..<rows.runCount {
          try rows.write(
            run: run, queries: queries,
            logits: UnsafeMutableBufferPointer(rebasing: logits[run * size..<(run + 1) * size]),
            probabilities: UnsafeMutableBufferPointer(rebasing: probabilities[run * size..<(run + 1) * size]),
            stride: width)
        }
      }
    }
    logits.withUnsafeBufferPointer { logits in
      probabilities.withUnsafeBufferPointer { probabilities in
        for (mode, name) in modes.enumerated() {
          let (first, second) = rows.runs(of: name)
          for (index, query) in queries.enumerated() {
            let keys = rows.visibleKeys(ofQuery: query)
            func row(_ values: UnsafeBufferPointer<Double>, _ run: Int) -> UnsafeBufferPointer<Double> {
              let start = run * size + index * width
              return UnsafeBufferPointer(rebasing: values[start..<start + keys])
            }
            let pair = (row(logits, first), row(logits, second))
            drift[mode].add(
              query: query, keys: 0..<keys, logits: pair,
              probabilities: (row(probabilities, first), row(probabilities, second)))
            flips[mode].add(pair.0, pair.1)
          }
        }
      }
    }
  }
}
