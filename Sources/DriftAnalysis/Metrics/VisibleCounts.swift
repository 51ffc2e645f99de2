// How many pairs fell on each key or distance. Rows are contiguous ranges, so that counting one costs two
// additions, not one for each pair.

/// Counts per slot, kept as their first differences.
struct VisibleCounts {
  private var steps: [Int]
  private var touched: TouchedSlots

  init(count: Int) {
    steps = Array(repeating: 0, count: count + 1)
    touched = TouchedSlots(count: count + 1)
  }

  mutating func reset() {
    steps.withUnsafeMutableBufferPointer { steps in
      for slots in touched.ranges {
        UnsafeMutableBufferPointer(rebasing: steps[slots]).update(repeating: 0)
      }
    }
    touched.removeAll()
  }

  /// Counts each slot of `slots` once.
  mutating func add(_ slots: Range<Int>) {
    touched.add(slots.lowerBound..<slots.lowerBound + 1)
    touched.add(slots.upperBound..<slots.upperBound + 1)
    steps[slots.lowerBound] += 1
    steps[slots.upperBound] -= 1
  }

  mutating func merge(_ other: VisibleCounts) {
    precondition(other.steps.count == steps.count)
    let ranges = other.touched.ranges
    for slots in ranges { touched.add(slots) }
    steps.withUnsafeMutableBufferPointer { steps in
      other.steps.withUnsafeBufferPointer { theirs in
        for slots in ranges { for slot in slots { steps[slot] &+= theirs[slot] } }
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
