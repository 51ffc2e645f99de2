// Sums that do not depend on how the work was cut into tiles: every sum of the analysis carries the rounding
// error that its additions made. One sum as a value here; columns of sums, one for each key or distance, in
// SumColumn.swift.

/// A running sum and what its roundings lost: Sum2 of [Ogita2005].
///
/// ``value`` of n terms has a relative error of about 2⁻⁵³ + n²·2⁻¹⁰⁶·Σ|x|/|Σx|. Terms are finite; where the
/// sum overflows, ``value`` is that infinity.
public struct CompensatedSum: Sendable, Hashable {
  /// The sum in binary64 arithmetic.
  var sum = 0.0
  /// The sum of the rounding errors of ``sum``.
  var compensation = 0.0

  /// An empty sum, zero.
  public init() {}

  init(sum: Double, compensation: Double) {
    self.sum = sum
    self.compensation = compensation
  }

  /// The sum, rounded once from sum + compensation.
  public var value: Double { sum.isFinite ? sum + compensation : sum }

  /// Adds one term.
  public mutating func add(_ term: Double) {
    let (total, error) = twoSum(sum, term)
    sum = total
    compensation += error
  }

  /// Adds another sum. The order of the calls is part of the result's last bits; the analysis fixes it.
  public mutating func add(_ other: CompensatedSum) {
    add(other.sum)
    compensation += other.compensation
  }
}

/// RN(a + b) and the exact rounding error of that sum [Knuth1997, §4.2.2, theorem B]; no condition on |a| and
/// |b|.
@inline(__always)
func twoSum(_ a: Double, _ b: Double) -> (sum: Double, error: Double) {
  let sum = a + b
  let partOfB = sum - a
  return (sum, (a - (sum - partOfB)) + (b - partOfB))
}
