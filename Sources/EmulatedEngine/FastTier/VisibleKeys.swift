// The keys of one row as the fast tier walks over them: pieces of neighbours, with numbers of keys packed one after another.

import RotaryAttention

/// Keys that a query sees, or those of a tile or block among them.
struct VisibleKeys: Sendable {
  /// Neighbouring keys at neighbouring places.
  struct Piece: Sendable {
    /// Where the numbers of the first key stand among the packed ones.
    var start: Int
    /// The first key, counted from the matrices' first.
    var key: Int
    /// Its place.
    var place: Int
    /// How many keys; above 0.
    var count: Int
  }

  /// Places ascend.
  private(set) var pieces: [Piece] = []
  /// How many keys, and packed numbers.
  private(set) var count = 0

  /// The keys of a row.
  ///
  /// - Precondition: the places ascend.
  init(_ runs: [KeyRun]) {
    precondition(runs.haveAscendingPlaces, "places of a row's keys must ascend")
    for run in runs where !run.keys.isEmpty {
      if let last = pieces.last, last.key + last.count == run.keys.lowerBound,
        last.place + last.count == run.place
      {
        pieces[pieces.count - 1].count += run.keys.count
      } else {
        pieces.append(
          Piece(start: count, key: run.keys.lowerBound, place: run.place, count: run.keys.count))
      }
      count += run.keys.count
    }
  }

  private init(pieces: [Piece], count: Int) { (self.pieces, self.count) = (pieces, count) }

  /// The keys whose packed numbers stand in a range, packed anew from 0.
  func part(_ packed: Range<Int>) -> VisibleKeys {
    // Nearly every tile lies in one piece.
    var found: [Piece] = []
    for piece in pieces {
      let overlap = packed.clamped(to: piece.start..<piece.start + piece.count)
      if overlap.isEmpty { continue }
      let offset = overlap.lowerBound - piece.start
      found.append(
        Piece(
          start: overlap.lowerBound - packed.lowerBound, key: piece.key + offset,
          place: piece.place + offset, count: overlap.count))
    }
    return VisibleKeys(pieces: found, count: packed.count)
  }

  /// Ranges of packed numbers whose places share a multiple of `size`, ascending; none is empty.
  func groups(of size: Int, in packed: Range<Int>) -> [Range<Int>] {
    var result: [Range<Int>] = []
    var last = -1
    for piece in pieces {
      let overlap = packed.clamped(to: piece.start..<piece.start + piece.count)
      // Where this piece's key of packed number 0 would be.
      let base = piece.place - piece.start
      var start = overlap.lowerBound
      while start < overlap.upperBound {
        let group = (base + start) / size
        let end = min(overlap.upperBound, (group + 1) * size - base)
        if group == last {
          result[result.count - 1] = result[result.count - 1].lowerBound..<end
        } else {
          result.append(start..<end)
        }
        (last, start) = (group, end)
      }
    }
    return result
  }

  /// The ranges of packed numbers of the tiles that a softmax stage visits, in its order.
  func tiles(_ stage: Recipe.Softmax, headSize: Int) -> [Range<Int>] {
    guard count > 0 else { return [] }
    guard case .online(let tile, let order) = stage.algorithm else { return [0..<count] }
    let size = tile.size(headSize: headSize)
    switch order {
    case .ascending: return groups(of: size, in: 0..<count)
    case .descending: return groups(of: size, in: 0..<count).reversed()
    case .diagonalFirst(let block):
      let last = pieces[pieces.count - 1]
      let first = firstPacked(atOrAfter: (last.place + last.count - 1) / block * block)
      return groups(of: size, in: first..<count) + groups(of: size, in: 0..<first)
    }
  }

  /// Packed numbers added in pairs of the places 2i and 2i + 1, level by level; one without a partner moves up.
  func pairwise(_ terms: [Double], _ add: (Double, Double) -> Double) -> Double {
    var level = terms
    var places = [Int](repeating: 0, count: count)
    forEach { packed, _, place in places[packed] = place }
    while level.count > 1 {
      var (kept, index) = (0, 0)
      while index < level.count {
        let pair = places[index] >> 1
        if index + 1 < level.count, places[index + 1] >> 1 == pair {
          level[kept] = add(level[index], level[index + 1])
          index += 2
        } else {
          level[kept] = level[index]
          index += 1
        }
        places[kept] = pair
        kept += 1
      }
      level.removeLast(level.count - kept)
    }
    return level[0]
  }

  /// The first packed number whose place is not below `place`; some key's must not be.
  private func firstPacked(atOrAfter place: Int) -> Int {
    let piece = pieces.first { place < $0.place + $0.count }!
    return piece.start + max(0, place - piece.place)
  }

  /// Calls `body` with every packed number, its key and its place.
  @inline(__always) func forEach(_ body: (_ packed: Int, _ key: Int, _ place: Int) -> Void) {
    for piece in pieces {
      for offset in 0..<piece.count { body(piece.start + offset, piece.key + offset, piece.place + offset) }
    }
  }
}
