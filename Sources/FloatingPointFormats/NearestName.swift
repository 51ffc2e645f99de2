// Every list of names that a user types from (formats, roundings, recipes, …) answers a misspelling with the
// nearest name. One rule for all of them.

/// The candidate with the least edit distance (insertion, deletion, substitution, neighbouring transposition) to
/// `name`, if that distance is at most a third of the longer length, rounded up; ties go to the earlier candidate.
public func nearestName(to name: String, among candidates: [String]) -> String? {
  let scored = candidates.map { ($0, editDistance(name.lowercased(), $0.lowercased())) }
  guard let best = scored.min(by: { $0.1 < $1.1 }) else { return nil }
  let longest = max(name.count, best.0.count)
  return best.1 <= (longest + 2) / 3 ? best.0 : nil
}

/// " (did you mean 'x'?)", or nothing.
public func didYouMean(_ suggestion: String?) -> String {
  suggestion.map { " (did you mean '\($0)'?)" } ?? ""
}

/// Optimal string alignment distance.
func editDistance(_ first: String, _ second: String) -> Int {
  let a = Array(first.unicodeScalars)
  let b = Array(second.unicodeScalars)
  var beforePrevious: [Int] = []
  var previous = Array(0...b.count)
  for i in a.indices {
    var current = [i + 1]
    for j in b.indices {
      var cost = min(previous[j + 1] + 1, current[j] + 1, previous[j] + (a[i] == b[j] ? 0 : 1))
      if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, beforePrevious[j - 1] + 1) }
      current.append(cost)
    }
    beforePrevious = previous
    previous = current
  }
  return previous[b.count]
}
