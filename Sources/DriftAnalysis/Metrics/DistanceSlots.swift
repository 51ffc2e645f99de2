// Which row of a table a distance has. Where positions follow each other every distance of the range has one; where they lie far apart
// only those that a pair stands at, so that tables grow with tokens and not with positions.

/// Rows of a table of distances, from the greatest distance to the least, so that they ascend with the keys.
struct DistanceSlots: Sendable {
  /// Number of rows.
  let count: Int
  /// The distance of row 0.
  private let greatest: Int
  /// Steps below ``greatest`` at which each run of distances without a gap begins, ascending; empty where there is no gap.
  private let starts: [Int]
  /// The row of each run's first distance.
  private let rows: [Int]

  /// A row for every distance.
  init(_ distances: ClosedRange<Int>) {
    (greatest, count) = (distances.upperBound, distances.count)
    (starts, rows) = ([], [])
  }

  /// A row for every distance of a union.
  init(greatest: Int, _ union: DistanceUnion) {
    self.greatest = greatest
    starts = union.runs.map(\.lowerBound)
    var rows: [Int] = []
    var count = 0
    for run in union.runs {
      rows.append(count)
      count += run.count
    }
    (self.rows, self.count) = (rows, count)
  }

  /// The row of a distance that has one.
  @inline(__always) func slot(ofDistance distance: Int) -> Int {
    let steps = greatest - distance
    if starts.isEmpty { return steps }
    let run = Self.last(of: starts, notAbove: steps)
    return rows[run] + steps - starts[run]
  }

  /// The distance of a row.
  func distance(ofSlot slot: Int) -> Int {
    if starts.isEmpty { return greatest - slot }
    let run = Self.last(of: rows, notAbove: slot)
    return greatest - (starts[run] + slot - rows[run])
  }

  private static func last(of ascending: [Int], notAbove value: Int) -> Int {
    var (low, high) = (0, ascending.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if ascending[middle] <= value { low = middle } else { high = middle }
    }
    return low
  }
}

/// A union of ranges that is built from very many of them in little room.
struct DistanceUnion {
  private static let room = 1 << 16

  /// Ascending ranges that do not touch, of all that was added before ``finish()``.
  private(set) var runs: [Range<Int>] = []
  /// How many numbers ``runs`` hold.
  private(set) var count = 0
  private var pending: [Range<Int>] = []

  /// Takes in a range.
  mutating func add(_ range: Range<Int>) {
    pending.append(range)
    if pending.count >= Self.room { finish() }
  }

  /// Merges what was added.
  mutating func finish() {
    guard !pending.isEmpty else { return }
    let all = (runs + pending).sorted { $0.lowerBound < $1.lowerBound }
    pending.removeAll(keepingCapacity: true)
    runs = []
    for range in all {
      if let last = runs.last, last.upperBound >= range.lowerBound {
        runs[runs.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
      } else {
        runs.append(range)
      }
    }
    count = runs.reduce(0) { $0 + $1.count }
  }
}
