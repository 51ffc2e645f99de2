// Rank flips: how often the key with the greatest logit of a query is another one in a second run.

/// Counts over rows of logits.
public struct TopKeyFlips: Sendable, Hashable {
  /// Rows that were compared: at least two visible keys, all logits of both runs finite.
  public private(set) var rows = 0
  /// Rows in which the first run's top key (the first of the greatest logits) has a smaller logit than another key in the second run. A tie
  /// in the second run that includes it is no flip.
  public private(set) var flips = 0
  /// Rows that were not compared because a logit is NaN or infinite.
  public private(set) var nonfiniteRows = 0
  /// The greatest margin of a flipped row: the first run's top logit minus its next greatest. Nil without a flip.
  public private(set) var greatestMargin: Double?
  private var margins = CompensatedSum()

  /// No rows.
  public init() {}

  /// flips / rows; nil without a row.
  public var fraction: Double? { rows > 0 ? Double(flips) / Double(rows) : nil }

  /// Mean margin of flipped rows; nil without a flip.
  public var meanMargin: Double? { flips > 0 ? margins.value / Double(flips) : nil }

  /// Takes in one row: logits of the same visible keys in two runs.
  mutating func add(_ first: UnsafeBufferPointer<Double>, _ second: UnsafeBufferPointer<Double>) {
    guard first.count > 1 else { return }
    var (top, next) = (first[0], -Double.infinity)
    var place = 0
    var greatest = second[0]
    var isFinite = first[0].isFinite && second[0].isFinite
    for key in 1..<first.count {
      let (a, b) = (first[key], second[key])
      isFinite = isFinite && a.isFinite && b.isFinite
      if a > top {
        (top, next, place) = (a, top, key)
      } else if a > next {
        next = a
      }
      if b > greatest { greatest = b }
    }
    guard isFinite else {
      nonfiniteRows += 1
      return
    }
    rows += 1
    guard second[place] < greatest else { return }
    flips += 1
    margins.add(top - next)
    greatestMargin = max(greatestMargin ?? 0, top - next)
  }

  /// Takes in rows that come later in the order of layer, head and query: the order decides the last bits.
  mutating func merge(_ later: TopKeyFlips) {
    rows += later.rows
    flips += later.flips
    nonfiniteRows += later.nonfiniteRows
    margins.add(later.margins)
    if let theirs = later.greatestMargin { greatestMargin = max(greatestMargin ?? 0, theirs) }
  }
}
