// One row of statistics of a difference for each key or each distance, as columns that a kernel fills.

import ReferenceEngine
import RoundingKernels

/// Which statistics a table keeps besides Σ|δ| and max|δ|. Chosen once, outside the loops over pairs.
struct Statistics: OptionSet {
  let rawValue: Int
  /// Σδ.
  static let signed = Statistics(rawValue: 1)
  /// Σδ².
  static let squares = Statistics(rawValue: 2)
  /// Where |δ| is greatest.
  static let places = Statistics(rawValue: 4)
}

/// Statistics of finite differences per slot. Not safe to use from two threads at once.
final class DifferenceTable {
  let count: Int
  let magnitudes: SumColumn
  let signed: SumColumn?
  let squares: SumColumn?
  /// max|δ|, −1 before the first.
  private let maxima: UnsafeMutablePointer<Double>
  /// The word of the ``RowPlace`` of the first maximum.
  private let places: UnsafeMutablePointer<Int64>?
  private let nonfiniteCounts: UnsafeMutablePointer<Int>
  /// All slots that differ from an empty table's: a tile reaches the keys of its document, and early tiles few of them.
  private(set) var touched: TouchedSlots

  init(count: Int, keeping statistics: Statistics) {
    self.count = count
    touched = TouchedSlots(count: count)
    magnitudes = SumColumn(count: count)
    signed = statistics.contains(.signed) ? SumColumn(count: count) : nil
    squares = statistics.contains(.squares) ? SumColumn(count: count) : nil
    maxima = .allocate(capacity: max(count, 1))
    maxima.initialize(repeating: -1, count: count)
    places = statistics.contains(.places) ? .allocate(capacity: max(count, 1)) : nil
    places?.initialize(repeating: 0, count: count)
    nonfiniteCounts = .allocate(capacity: max(count, 1))
    nonfiniteCounts.initialize(repeating: 0, count: count)
  }

  deinit {
    maxima.deallocate()
    places?.deallocate()
    nonfiniteCounts.deallocate()
  }

  func reset() {
    for slots in touched.ranges {
      magnitudes.reset(slots)
      signed?.reset(slots)
      squares?.reset(slots)
      (maxima + slots.lowerBound).initialize(repeating: -1, count: slots.count)
      (nonfiniteCounts + slots.lowerBound).initialize(repeating: 0, count: slots.count)
    }
    touched.removeAll()
  }

  /// Adds the finite differences δ[k] of one query's row to slots first + k. Each slot's rows come in
  /// ascending order of place.
  func add(_ differences: UnsafePointer<Double>, count n: Int, at first: Int, _ place: RowPlace) {
    touched.add(first..<first + n)
    let maxima = maxima + first
    let mayRaise = ropedrift_add_differences(
      differences, n, magnitudes.kernelColumn(at: first, count: n),
      signed?.kernelColumn(at: first, count: n) ?? ropedrift_sum_column(),
      squares?.kernelColumn(at: first, count: n) ?? ropedrift_sum_column(), maxima, places == nil ? 1 : 0,
      KernelPath.ofProcess.allowsVectors)
    guard let places, mayRaise != 0 else { return }
    // A new maximum is rare after the first rows: about one in i pairs of row i. Strips keep the branching
    // loop short.
    var start = 0
    while start < n {
      let end = min(start + 128, n)
      if magnitudesMayExceed(differences + start, maxima + start, count: end - start) {
        for k in start..<end where abs(differences[k]) > maxima[k] {
          maxima[k] = abs(differences[k])
          places[first + k] = place.word
        }
      }
      start = end
    }
  }

  /// Counts a pair whose difference is not finite.
  func addNonfinite(at slot: Int) {
    touched.add(slot..<slot + 1)
    nonfiniteCounts[slot] += 1
  }

  /// Adds a table of pairs that come later in the order of places.
  func merge(_ other: DifferenceTable) {
    precondition(other.count == count)
    for slots in other.touched.ranges { merge(other, slots) }
  }

  private func merge(_ other: DifferenceTable, _ slots: Range<Int>) {
    touched.add(slots)
    magnitudes.merge(other.magnitudes, slots)
    if let signed, let others = other.signed { signed.merge(others, slots) }
    if let squares, let others = other.squares { squares.merge(others, slots) }
    for slot in slots {
      if other.maxima[slot] > maxima[slot] {
        maxima[slot] = other.maxima[slot]
        if let places, let others = other.places { places[slot] = others[slot] }
      }
      nonfiniteCounts[slot] += other.nonfiniteCounts[slot]
    }
  }

  /// The statistics of one slot, of which `visible` pairs were seen; where places are kept, the slot is the
  /// key.
  func sums(at slot: Int, visible: Int) -> DifferenceSums {
    let hasMaximum = maxima[slot] >= 0
    return DifferenceSums(
      count: visible, nonfiniteCount: nonfiniteCounts[slot], magnitude: magnitudes[slot],
      signed: signed?[slot],
      square: squares?[slot], maximum: hasMaximum ? maxima[slot] : nil,
      maximumPlace: hasMaximum ? places.map { RowPlace(word: $0[slot]).pair(withKey: slot) } : nil)
  }
}
