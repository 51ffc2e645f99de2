// The rows of one tile: which keys each of its queries sees, where its numbers stand in shared scores and in packed rows.

import EmulatedEngine
import RotaryAttention

/// One query of a tile with what it sees.
struct TileRow {
  /// The row in the tile.
  let index: Int
  /// The query's index in the file.
  let query: Int
  /// The query's key in its sequence, which is also its row in the sequence's table.
  let key: Int
  /// The visible keys with their places in an engine's order.
  let runs: [KeyRun]
  /// The same as one or two ranges of the sequence's keys.
  let keys: [Range<Int>]
  /// The same as ascending ranges of tokens.
  let tokens: [Range<Int>]
  /// How many there are.
  let count: Int
}

/// The measured rows of a tile.
struct TileRows {
  let rows: [TileRow]
  /// Ranges of keys that together hold what the rows see, ascending; a range of a row lies in one of them.
  let union: [Range<Int>]
  /// Places of a row of the union's scores.
  let width: Int

  /// The rows of queries of the file that belong to one sequence.
  init(_ queries: Range<Int>, sequence: PackedSequence, experiment: DriftExperiment) {
    let shape = experiment.shape
    rows = queries.enumerated().compactMap { index, query in
      guard experiment.measures(query: query) else { return nil }
      let token = shape.token(ofQuery: query)
      let keys = sequence.visibleKeys(ofToken: token)
      return TileRow(
        index: index, query: query, key: sequence.key(ofQueryToken: token),
        runs: sequence.keyRuns(ofToken: token), keys: keys,
        tokens: keys.flatMap(sequence.tokens(ofKeys:)), count: keys.reduce(0) { $0 + $1.count })
    }
    var union: [Range<Int>] = []
    for keys in rows.flatMap(\.keys).sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let last = union.last, keys.lowerBound <= last.upperBound {
        union[union.count - 1] = last.lowerBound..<max(last.upperBound, keys.upperBound)
      } else {
        union.append(keys)
      }
    }
    self.union = union
    width = union.reduce(0) { $0 + $1.count }
  }

  /// Room that the rows of any tile of a sequence need.
  static func width(_ sequence: PackedSequence) -> Int {
    guard let window = sequence.window else { return sequence.keyCount }
    return min(sequence.keyCount, min(window, sequence.keyCount) + DriftExperiment.tileSize + 1)
  }

  /// The parts of a row's scores in a row of the union, in the order of its keys.
  func places(_ row: TileRow) -> [Range<Int>] {
    row.keys.map { keys in
      var start = 0
      for part in union {
        if part.contains(keys.lowerBound) {
          return start + keys.lowerBound - part.lowerBound..<start + keys.upperBound - part.lowerBound
        }
        start += part.count
      }
      preconditionFailure("the union holds every row")
    }
  }
}
