// The greatest of many numbers that are known to within bounds: screened first, decided exactly.

import ArbitraryPrecision

/// Keeps the entries that may be the greatest.
struct MaximumSearch {
  /// An entry of a table.
  struct Place: Equatable {
    var position: Int
    var pair: Int
  }

  private var candidates: [(number: BoundedNumber, place: Place)] = []
  private var floor = -Double.infinity
  /// The greatest value that is known exactly: an equal one later need not be kept.
  private var exactMaximum = -Double.infinity

  /// Takes an entry in. Call in the order in which the first of equal ones is to win.
  mutating func add(_ number: BoundedNumber, _ place: Place) {
    guard number.value + number.bound >= floor else { return }
    if number.bound == 0 {
      if number.value <= exactMaximum { return }
      exactMaximum = number.value
    }
    candidates.append((number, place))
    if number.value - number.bound > floor {
      floor = number.value - number.bound
      if candidates.count > 64 { prune() }
    }
  }

  private mutating func prune() { candidates.removeAll { $0.number.value + $0.number.bound < floor } }

  /// The greatest by exact evaluation, the first of equal rational ones; nil without entries.
  ///
  /// - Throws: ``UndecidedRounding`` where two irrational candidates cannot be told apart.
  mutating func maximum(_ exact: (Place) throws -> ExactReal) throws -> (value: ExactReal, place: Place)? {
    prune()
    var best: (value: ExactReal, place: Place)?
    for candidate in candidates {
      let value = try exact(candidate.place)
      guard let known = best else {
        best = (value, candidate.place)
        continue
      }
      if try ExactReal.isLess(known.value, value) { best = (value, candidate.place) }
    }
    return best
  }
}
