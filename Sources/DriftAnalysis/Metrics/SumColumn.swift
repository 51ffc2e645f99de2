// Columns of compensated sums, one for each key (or distance, or lane), as two parallel arrays, so that adding a row of a tile is an
// elementwise loop with no dependency from pair to pair. The loops are kernels; CompensatedSum is their plain twin.

import ReferenceEngine
import RoundingKernels

/// `count` compensated sums, indexed by slot. Not safe to use from two threads at once.
final class SumColumn {
  let count: Int
  private let sums: UnsafeMutablePointer<Double>
  private let compensations: UnsafeMutablePointer<Double>

  /// Zero sums.
  init(count: Int) {
    self.count = count
    sums = .allocate(capacity: max(count, 1))
    compensations = .allocate(capacity: max(count, 1))
    reset()
  }

  deinit {
    sums.deallocate()
    compensations.deallocate()
  }

  func reset() { reset(0..<count) }

  /// Sets the sums of `slots` to zero.
  func reset(_ slots: Range<Int>) {
    precondition(slots.lowerBound >= 0 && slots.upperBound <= count)
    (sums + slots.lowerBound).initialize(repeating: 0, count: slots.count)
    (compensations + slots.lowerBound).initialize(repeating: 0, count: slots.count)
  }

  subscript(slot: Int) -> CompensatedSum {
    precondition(slot >= 0 && slot < count)
    return CompensatedSum(sum: sums[slot], compensation: compensations[slot])
  }

  /// The sum over all slots, in ascending order.
  var total: CompensatedSum {
    var total = CompensatedSum()
    for slot in 0..<count { total.add(self[slot]) }
    return total
  }

  /// Adds x[k] to slot first + k.
  func add(_ x: UnsafePointer<Double>, count n: Int, at first: Int) {
    addTerms(ROPEDRIFT_TERM_VALUE, x, x, count: n, at: first)
  }

  /// Adds x[k]², rounded, to slot first + k.
  func addSquares(_ x: UnsafePointer<Double>, count n: Int, at first: Int) {
    addTerms(ROPEDRIFT_TERM_SQUARE, x, x, count: n, at: first)
  }

  /// Adds x[k]·y[k], rounded, to slot first + k.
  func addProducts(_ x: UnsafePointer<Double>, _ y: UnsafePointer<Double>, count n: Int, at first: Int) {
    addTerms(ROPEDRIFT_TERM_PRODUCT, x, y, count: n, at: first)
  }

  /// Adds the sums of `slots` of another column, slot by slot.
  func merge(_ other: SumColumn, _ slots: Range<Int>) {
    precondition(other.count == count)
    add(other.sums + slots.lowerBound, count: slots.count, at: slots.lowerBound)
    let (ours, theirs) = (compensations, other.compensations)
    for slot in slots { ours[slot] += theirs[slot] }
  }

  /// Adds another column's sums, slot by slot.
  func merge(_ other: SumColumn) { merge(other, 0..<count) }

  private func addTerms(
    _ term: ropedrift_term, _ x: UnsafePointer<Double>, _ y: UnsafePointer<Double>, count n: Int,
    at first: Int
  ) {
    ropedrift_add_terms(kernelColumn(at: first, count: n), term, x, y, n, KernelPath.ofProcess.allowsVectors)
  }

  /// The slots from `first` on, as kernels take them.
  func kernelColumn(at first: Int, count n: Int) -> ropedrift_sum_column {
    precondition(first >= 0 && n >= 0 && first + n <= count)
    return ropedrift_sum_column(sums: sums + first, compensations: compensations + first)
  }
}
