// What the tests of the analysis share: a seeded generator, and feeding of whole heads through tiles.

import FloatingPointFormats

@testable import DriftAnalysis

/// Uniform numbers from Philox; a failing test is replayed by its seed.
struct SeededNumbers {
  let seed: UInt64
  var counter: UInt32 = 0

  init(seed: UInt64) { self.seed = seed }

  /// Uniform in −1 ..< 1.
  mutating func next() -> Double {
    counter += 1
    let bits = Philox.bits(seed: seed, counter: RoundingCounter(counter))
    return Double(bits >> 11) * 0x1p-52 - 1
  }
}

/// A row-major matrix [queries, keys] of which only the pairs that `isVisible` admits are used.
typealias Matrix = [[Double]]

/// The four values of every pair of one head.
struct HeadValues {
  var layer = 0
  var head = 0
  var logits: (Matrix, Matrix)
  var probabilities: (Matrix, Matrix)
}

/// Query i sees key j, tokens aligned at the last one.
func causal(_ query: Int, _ key: Int, queries: Int, keys: Int) -> Bool { key <= query + keys - queries }

/// Calls `body` with each maximal range of keys that `query` sees.
func forEachVisibleRange(keys: Int, isVisible: (Int) -> Bool, _ body: (Range<Int>) -> Void) {
  var start = 0
  while start < keys {
    guard isVisible(start) else {
      start += 1
      continue
    }
    var end = start
    while end < keys, isVisible(end) { end += 1 }
    body(start..<end)
    start = end
  }
}

/// The same rows, as an accumulator takes them.
func withRows(
  _ values: HeadValues, _ query: Int, _ keys: Range<Int>,
  _ body: (
    (UnsafeBufferPointer<Double>, UnsafeBufferPointer<Double>),
    (UnsafeBufferPointer<Double>, UnsafeBufferPointer<Double>)
  ) -> Void
) {
  values.logits.0[query][keys].withUnsafeBufferPointer { a in
    values.logits.1[query][keys].withUnsafeBufferPointer { b in
      values.probabilities.0[query][keys].withUnsafeBufferPointer { p in
        values.probabilities.1[query][keys].withUnsafeBufferPointer { q in body((a, b), (p, q)) }
      }
    }
  }
}

/// One tile of drift.
func driftTile(
  _ geometry: PairGeometry, _ values: HeadValues, _ queries: Range<Int>, isVisible: (Int, Int) -> Bool
) -> DriftAccumulator {
  let tile = DriftAccumulator(geometry)
  tile.reset(layer: values.layer, head: values.head, queries: queries)
  for query in queries {
    forEachVisibleRange(keys: geometry.keyTokens, isVisible: { isVisible(query, $0) }) { keys in
      withRows(values, query, keys) { tile.add(query: query, keys: keys, logits: $0, probabilities: $1) }
    }
  }
  return tile
}

/// All heads of a comparison, tile by tile.
func collectDrift(
  _ geometry: PairGeometry, _ heads: [HeadValues], lengths: [Int] = [], scale: Double = 1, tileSize: Int = 4,
  isVisible: ((Int, Int) -> Bool)? = nil
) -> DriftCollector {
  let collector = DriftCollector(geometry, lengths: lengths, scale: scale)
  let (queries, keys) = (geometry.queryTokens, geometry.keyTokens)
  for values in heads {
    collector.beginHead(layer: values.layer, head: values.head)
    for tile in geometry.tiles(ofAtMost: tileSize, lengths: lengths) {
      collector.append(
        driftTile(geometry, values, tile) {
          isVisible?($0, $1) ?? causal($0, $1, queries: queries, keys: keys)
        })
    }
    collector.finishHead()
  }
  return collector
}

/// All heads against the reference: `logits` and `probabilities` are (emulated, reference).
func collectError(
  _ geometry: PairGeometry, _ heads: [HeadValues], ulpFormat: FloatingPointFormat?, tileSize: Int = 4
) -> ErrorCollector {
  let collector = ErrorCollector(geometry, ulpFormat: ulpFormat)
  let (queries, keys) = (geometry.queryTokens, geometry.keyTokens)
  for values in heads {
    collector.beginHead(layer: values.layer, head: values.head)
    for queriesOfTile in geometry.tiles(ofAtMost: tileSize) {
      let tile = ErrorAccumulator(geometry, ulpFormat: ulpFormat)
      tile.reset(layer: values.layer, head: values.head, queries: queriesOfTile)
      for query in queriesOfTile {
        forEachVisibleRange(keys: keys, isVisible: { causal(query, $0, queries: queries, keys: keys) }) {
          range in
          withRows(values, query, range) { logits, probabilities in
            tile.add(query: query, keys: range, logits: logits, probabilities: probabilities)
          }
        }
      }
      collector.append(tile)
    }
    collector.finishHead()
  }
  return collector
}

/// Random values of a head: logits, and rows of softmax of them over the visible keys, for two runs that
/// differ slightly.
func randomHead(
  layer: Int, head: Int, queries: Int, keys: Int, seed: UInt64, isVisible: (Int, Int) -> Bool
) -> HeadValues {
  var numbers = SeededNumbers(seed: seed)
  func matrix(_ element: (Int, Int) -> Double) -> Matrix {
    (0..<queries).map { query in (0..<keys).map { element(query, $0) } }
  }
  let first = matrix { _, _ in numbers.next() * 4 }
  let second = matrix { first[$0][$1] + numbers.next() * 0.01 }
  /// Rows proportional to (4 + s)², which sum to 1: any rows that do will serve.
  func rows(_ logits: Matrix) -> Matrix {
    logits.indices.map { query in
      let weights = logits[query].indices.map { key -> Double in
        let base = 4.5 + logits[query][key]
        return isVisible(query, key) ? base * base : 0
      }
      let sum = weights.reduce(0, +)
      return weights.map { sum > 0 ? $0 / sum : 0 }
    }
  }
  return HeadValues(
    layer: layer, head: head, logits: (first, second), probabilities: (rows(first), rows(second)))
}

func sequentialGeometry(queries: Int, keys: Int) -> PairGeometry {
  // Positions of a decoding or prefill chunk: the queries are the last tokens.
  try! PairGeometry(causalQueryPositions: Array(keys - queries..<keys), keyPositions: Array(0..<keys))
}
