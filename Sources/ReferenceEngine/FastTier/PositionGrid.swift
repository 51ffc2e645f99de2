// Which anchors a list of positions needs: every position is a coarse one plus a fine one, so that few angles need MPFR.

/// positions[row] = span·coarse[coarseOfRow[row]] + fineOfRow[row], 0 ≤ fine < span, span a power of two.
struct PositionGrid: Sendable {
  /// Fine steps: 1 (no fine step but 0) to 1024.
  let span: Int
  /// ⌊p/span⌋ of all positions, ascending, each once.
  let coarse: [Int]
  /// For each row, the index of its coarse position.
  let coarseOfRow: [Int32]
  /// For each row, its fine position.
  let fineOfRow: [Int16]

  /// The grid with the fewest anchors for a list of positions in any order.
  init(positions: [Int]) {
    let isAscending = zip(positions, positions.dropFirst()).allSatisfy { $0 <= $1 }
    let sorted = isAscending ? positions : positions.sorted()
    var best = (shift: 0, count: Int.max)
    for shift in 0...10 {
      var count = 0
      var last: Int?
      for position in sorted where last != position >> shift {
        last = position >> shift
        count += 1
      }
      if count + 1 << shift < best.count { best = (shift, count + 1 << shift) }
    }
    let shift = best.shift
    var coarse: [Int] = []
    for position in sorted where coarse.last != position >> shift { coarse.append(position >> shift) }
    span = 1 << shift
    self.coarse = coarse
    coarseOfRow = positions.map { position in
      var (low, high) = (0, coarse.count - 1)
      while low < high {
        let middle = (low + high) / 2
        if coarse[middle] < position >> shift { low = middle + 1 } else { high = middle }
      }
      return Int32(low)
    }
    fineOfRow = positions.map { Int16($0 & (1 << shift - 1)) }
  }

  /// A coarse position for every row, for angles that do not add.
  init(rows: Int) {
    span = 1
    coarse = Array(0..<rows)
    coarseOfRow = (0..<rows).map { Int32($0) }
    fineOfRow = Array(repeating: 0, count: rows)
  }
}
