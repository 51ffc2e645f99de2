// Which slots of a table a tile has reached, so that emptying and merging cost what the tile reached: a document's keys and its
// anchor's, not the window.

/// A set of slots, kept in pages.
struct TouchedSlots {
  private static let pageSize = 1024

  private let count: Int
  private var isTouched: [Bool]
  private var pages: [Int] = []

  init(count: Int) {
    self.count = count
    isTouched = Array(repeating: false, count: (count + Self.pageSize - 1) / Self.pageSize)
  }

  /// Takes in the pages of some slots.
  mutating func add(_ slots: Range<Int>) {
    precondition(slots.lowerBound >= 0 && slots.upperBound <= count)
    if slots.isEmpty { return }
    for page in slots.lowerBound / Self.pageSize...(slots.upperBound - 1) / Self.pageSize
    where !isTouched[page] {
      isTouched[page] = true
      pages.append(page)
    }
  }

  mutating func removeAll() {
    for page in pages { isTouched[page] = false }
    pages.removeAll(keepingCapacity: true)
  }

  /// The slots of all touched pages: ascending ranges that do not touch.
  var ranges: [Range<Int>] {
    var result: [Range<Int>] = []
    for page in pages.sorted() {
      let slots = page * Self.pageSize..<min((page + 1) * Self.pageSize, count)
      if let last = result.last, last.upperBound == slots.lowerBound {
        result[result.count - 1] = last.lowerBound..<slots.upperBound
      } else {
        result.append(slots)
      }
    }
    return result
  }
}
