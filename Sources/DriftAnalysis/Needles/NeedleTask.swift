// Layouts of retrieval tasks over a window, after RULER's: which keys are needles, and what it takes to find them.

/// A kind of retrieval task [Hsieh2024], reduced to what attention's first step decides: which keys have the greatest logits.
public enum NeedleTask: String, Sendable, Hashable, CaseIterable {
  /// One needle; found where it is the query's top key.
  case single
  /// One needle among needles that resemble it: the others stand above the distractors too, and the needle has to be the top key.
  case multiKey = "multi-key"
  /// Several needles with one key each; found where all of them are above every other key.
  case multiValue = "multi-value"

  /// Keys that are placed, of which a single needle is one.
  func count(_ needles: Int) -> Int { self == .single ? 1 : needles }

  /// Keys that a query has to see: those that are replaced, and the two that never are, which are their rivals.
  func keysNeeded(_ needles: Int) -> Int { count(needles) + 2 }

  /// The visible keys that needles replace: distinct, neither the first (the window's first token, or the document's) nor the query's own.
  ///
  /// A single needle stands at `depth` of what may be replaced. So does the one that has to be found among several; the others, and
  /// those of several values after the first, follow at equal distances, from the beginning again after the end.
  ///
  /// - Parameters:
  ///   - visible: how many keys the query sees; at least ``keysNeeded(_:)``.
  ///   - depth: 0 … 1.
  ///   - needles: how many there are where there are several.
  func places(visible: Int, depth: Double, needles: Int) -> [Int] {
    let room = visible - 2
    let first = min(Int((depth * Double(room - 1)).rounded()), room - 1)
    var places: [Int] = []
    for index in 0..<count(needles) {
      var place = (first + index * room / count(needles)) % room
      while places.contains(place + 1) { place = (place + 1) % room }
      places.append(place + 1)
    }
    return places
  }
}

/// The greatest logits of a row with their keys; of equal ones the first key is the greater. NaNs have no rank and are kept apart.
struct RankedLogits: Sendable, Hashable {
  struct Entry: Sendable, Hashable {
    var value: Double
    var key: Int

    func outranks(_ other: Entry) -> Bool {
      value != other.value ? value > other.value : key < other.key
    }
  }

  private(set) var entries: [Entry] = []
  /// The first keys whose logit is NaN, as many as could be replaced and one more.
  private(set) var keysOfNaN: [Int] = []
  private let limit: Int

  /// - Parameter limit: how many are kept; more than are ever replaced.
  init(limit: Int) { self.limit = limit }

  /// Takes in the logits of keys from `first` on.
  mutating func add(_ row: UnsafeBufferPointer<Double>, first: Int) {
    for (offset, value) in row.enumerated() {
      if value.isNaN {
        if keysOfNaN.count < limit { keysOfNaN.append(first + offset) }
        continue
      }
      if entries.count == limit, let last = entries.last, !(value > last.value) { continue }
      let entry = Entry(value: value, key: first + offset)
      let place = entries.firstIndex { entry.outranks($0) } ?? entries.count
      entries.insert(entry, at: place)
      if entries.count > limit { entries.removeLast() }
    }
  }

  /// The greatest of the keys that are not `replaced`; nil where none is left.
  func best(without replaced: [Int]) -> Entry? { entries.first { !replaced.contains($0.key) } }

  /// Whether a logit of the keys that are not `replaced` is NaN.
  func hasNaN(without replaced: [Int]) -> Bool { keysOfNaN.contains { !replaced.contains($0) } }

  /// The exact logit that a needle has to be above by its margin: the greatest of the keys that are not `replaced`. Nil where there is no
  /// margin: one of them is NaN, or the greatest is infinite.
  func rival(without replaced: [Int]) -> Double? {
    guard !hasNaN(without: replaced), let best = best(without: replaced), best.value.isFinite else {
      return nil
    }
    return best.value
  }
}
