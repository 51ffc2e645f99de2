// How many pairs fell on each key or distance. Rows are contiguous ranges, so that counting one costs two
// additions, not one for each pair.

/// Counts per slot, kept as their first differences.
struct VisibleCounts {
  private var steps: [Int]

  init(count: Int) { steps = Array(repeating: 0, count: count + 1) }

  mutating func reset() { steps.withUnsafeMutableBufferPointer { $0.update(repeating: 0) } }

  /// Counts each slot of `slots` once.
  mutating func add(_ slots: Range<Int>) {
    steps[slots.lowerBound] += 1
    steps[slots.upperBound] -= 1
  }

  mutating func merge(_ other: VisibleCounts) {
    precondition(other.steps.count == steps.count)
    steps.withUnsafeMutableBufferPointer { steps in
      other.steps.withUnsafeBufferPointer { theirs in
        for slot in steps.indices { steps[slot] &+= theirs[slot] }
      }
    }
  }

  /// The count of every slot.
  var values: [Int] {
    var running = 0
    return steps.dropLast().map { step in
      running += step
      return running
    }
  }
}
