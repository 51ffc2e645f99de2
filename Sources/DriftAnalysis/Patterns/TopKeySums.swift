// Whether the key with a query's greatest logit stays the same: against the reference, and between two shifts.

/// The greatest logit of a row.
struct TopKey: Sendable, Hashable {
  /// Its index in the row; of equal logits the first.
  let index: Int
  /// The greatest logit minus the greatest of the others.
  let margin: Double

  /// Nil where the row has fewer than two logits or a NaN.
  init?(_ row: UnsafeBufferPointer<Double>) {
    guard row.count > 1 else { return nil }
    var (best, second) = (-Double.infinity, -Double.infinity)
    var index = 0
    var hasNaN = false
    for (place, value) in row.enumerated() {
      hasNaN = hasNaN || value.isNaN
      if value > best {
        second = best
        best = value
        index = place
      } else if value > second {
        second = value
      }
    }
    guard !hasNaN else { return nil }
    self.index = index
    margin = best - second
  }
}

/// Rank flips of the top key over a set of queries.
///
/// A query's top key is the first one with its greatest logit. Its margin is the reference's: greatest logit minus the greatest of the other
/// visible keys. Queries with one visible key have no rank to lose and do not count. Queries with a NaN logit, or whose margin is not finite,
/// are counted apart.
public struct TopKeySums: Sendable, Hashable {
  /// Queries with two visible keys or more and a top key in the reference and at both shifts.
  public internal(set) var queries = 0
  /// Queries with two visible keys or more that have none.
  public internal(set) var nonfiniteCount = 0
  /// Queries whose top key at Δ₁ is not the reference's.
  public internal(set) var flipsFromReference = 0
  /// Queries whose top key at Δ₁ is not that at Δ₂.
  public internal(set) var flipsBetweenShifts = 0
  /// The least margin of a query whose top key at Δ₁ is the reference's; nil without one.
  public internal(set) var leastMarginKept: Double?
  /// The greatest margin of a query whose top key at Δ₁ is not the reference's; nil without one.
  public internal(set) var greatestMarginFlipped: Double?
  /// The greatest margin of a query whose top keys at Δ₁ and Δ₂ differ; nil without one.
  public internal(set) var greatestMarginFlippedBetweenShifts: Double?

  /// The sums over no query.
  public init() {}

  /// Takes in a query.
  ///
  /// - Parameters:
  ///   - count: its visible keys.
  ///   - reference: its top key in the reference.
  ///   - first: at Δ₁.
  ///   - second: at Δ₂.
  mutating func add(count: Int, reference: TopKey?, first: TopKey?, second: TopKey?) {
    guard count > 1 else { return }
    guard let reference, let first, let second, reference.margin.isFinite else {
      nonfiniteCount += 1
      return
    }
    queries += 1
    let margin = reference.margin
    if first.index == reference.index {
      leastMarginKept = min(leastMarginKept ?? margin, margin)
    } else {
      flipsFromReference += 1
      greatestMarginFlipped = max(greatestMarginFlipped ?? margin, margin)
    }
    if first.index != second.index {
      flipsBetweenShifts += 1
      greatestMarginFlippedBetweenShifts = max(greatestMarginFlippedBetweenShifts ?? margin, margin)
    }
  }

  mutating func merge(_ other: TopKeySums) {
    queries += other.queries
    nonfiniteCount += other.nonfiniteCount
    flipsFromReference += other.flipsFromReference
    flipsBetweenShifts += other.flipsBetweenShifts
    leastMarginKept = [leastMarginKept, other.leastMarginKept].compactMap { $0 }.min()
    greatestMarginFlipped = [greatestMarginFlipped, other.greatestMarginFlipped].compactMap { $0 }.max()
    greatestMarginFlippedBetweenShifts = [
      greatestMarginFlippedBetweenShifts, other.greatestMarginFlippedBetweenShifts,
    ].compactMap { $0 }.max()
  }
}
