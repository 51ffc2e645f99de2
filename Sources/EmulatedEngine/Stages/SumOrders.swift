// Orders in which the plain tier adds terms that stand at places: groups, pairs, lanes, and exactly.

import ArbitraryPrecision

/// Ranges of neighbouring indices whose places share a multiple of `size`, ascending.
func groupsOfPlaces(_ places: ArraySlice<Int>, sharing size: Int) -> [Range<Int>] {
  var result: [Range<Int>] = []
  for (index, place) in zip(places.indices, places) {
    if let open = result.last, places[open.lowerBound] / size == place / size {
      result[result.count - 1] = open.lowerBound..<index + 1
    } else {
      result.append(index..<index + 1)
    }
  }
  return result
}

/// Neighbours added level by level: terms at the indices 2i and 2i + 1 become one at index i, a term whose partner is not there moves up
/// unchanged, until one is left.
///
/// - Parameters:
///   - terms: at least one.
///   - places: the terms' indices, ascending.
func pairwiseSum(
  _ terms: [StageValue], places: [Int],
  _ add: (StageValue, StageValue, _ level: Int, _ index: Int) throws -> StageValue
) rethrows -> StageValue {
  var (level, places, depth) = (terms, places, 0)
  while level.count > 1 {
    var next: [StageValue] = []
    var nextPlaces: [Int] = []
    for (term, place) in zip(level, places) {
      if nextPlaces.last == place / 2 {
        next[next.count - 1] = try add(next[next.count - 1], term, depth, place / 2)
      } else {
        next.append(term)
        nextPlaces.append(place / 2)
      }
    }
    (level, places, depth) = (next, nextPlaces, depth + 1)
  }
  return level[0]
}

/// Lanes folded by halves until `neighbours` are left, from there neighbours added, as in the dot stage.
func foldedLanes(
  _ lanes: [StageValue], neighbours: Int,
  _ add: (StageValue, StageValue, _ level: Int, _ lane: Int) throws -> StageValue
) rethrows -> StageValue {
  var (lanes, level) = (lanes, 0)
  while lanes.count > 1 {
    let half = lanes.count / 2
    let folds = lanes.count > neighbours
    lanes = try (0..<half).map { lane in
      try folds
        ? add(lanes[lane], lanes[lane + half], level, lane)
        : add(lanes[2 * lane], lanes[2 * lane + 1], level, lane)
    }
    level += 1
  }
  return lanes[0]
}

/// Σ terms without rounding; NaN and infinities as IEEE 754 adds them, an exact zero is +0.
func exactSum(_ terms: [StageValue]) throws -> StageValue {
  let special = terms.compactMap { term -> Double? in
    if case .number(let x) = term, !x.isFinite { x } else { nil }
  }
  if let first = special.first { return .number(special.dropFirst().reduce(first, +)) }
  let total = ExactReal.sum(terms.compactMap(\.exactReal))
  return total.isZero ? .number(0) : .real(total)
}
