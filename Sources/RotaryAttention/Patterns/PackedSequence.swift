// One causal problem of a pattern: the tokens that are its keys, in order, and which of them are queries.

/// Keys in local order (0 ..< ``keyCount``), queries a contiguous part of the window.
public struct PackedSequence: Sendable, Hashable {
  /// The document whose queries these are; nil where documents mean nothing.
  public let document: Int?
  /// The keys' tokens, as ascending runs that do not touch.
  public let runs: [Range<Int>]
  /// The queries' tokens.
  public let queries: Range<Int>
  /// Whether local key 0 is the window's anchor, visible to every query.
  public let hasAnchor: Bool
  /// N of a sliding window.
  public let window: Int?
  /// Whether an engine counts its tiles from this sequence's first key, and not from the window's.
  public let countsOwnPlaces: Bool

  /// Number of keys.
  public let keyCount: Int
  /// The local index of the first key of each run.
  fileprivate let starts: [Int]

  init(
    document: Int?, runs: [Range<Int>], queries: Range<Int>, hasAnchor: Bool, window: Int?,
    countsOwnPlaces: Bool
  ) {
    self.document = document
    self.runs = runs
    self.queries = queries
    self.hasAnchor = hasAnchor
    self.window = window
    self.countsOwnPlaces = countsOwnPlaces
    var starts: [Int] = []
    var count = 0
    for run in runs {
      starts.append(count)
      count += run.count
    }
    self.starts = starts
    keyCount = count
  }

  private func run(ofKey key: Int) -> Int {
    var (low, high) = (0, starts.count - 1)
    while low < high {
      let middle = (low + high + 1) / 2
      if starts[middle] <= key { low = middle } else { high = middle - 1 }
    }
    return low
  }

  /// The token of a key.
  public func token(ofKey key: Int) -> Int {
    let run = run(ofKey: key)
    return runs[run].lowerBound + key - starts[run]
  }

  /// The tokens of all keys, in local order.
  public var keyTokens: [Int] { runs.flatMap { $0 } }

  /// The first key whose token is at least `token`; ``keyCount`` where there is none.
  public func firstKey(fromToken token: Int) -> Int {
    var (low, high) = (0, runs.count)
    while low < high {
      let middle = (low + high) / 2
      if runs[middle].upperBound <= token { low = middle + 1 } else { high = middle }
    }
    guard low < runs.count else { return keyCount }
    return starts[low] + max(0, token - runs[low].lowerBound)
  }

  /// The key that is a token of ``queries``.
  public func key(ofQueryToken token: Int) -> Int { firstKey(fromToken: token) }

  /// Where an engine puts a key: in the window, or in this sequence.
  public func place(ofKey key: Int) -> Int { countsOwnPlaces ? key : token(ofKey: key) }

  /// The keys that a query token sees: one run or, where an anchor stands apart from a window, two.
  public func visibleKeys(ofToken token: Int) -> [Range<Int>] {
    let end = key(ofQueryToken: token) + 1
    guard let window else { return [0..<end] }
    let first = window > token ? 0 : firstKey(fromToken: token - window + 1)
    guard hasAnchor, first > 1 else { return [(hasAnchor ? 0 : first)..<end] }
    return [0..<1, first..<end]
  }

  /// The tokens of a range of keys, as ascending runs.
  public func tokens(ofKeys keys: Range<Int>) -> [Range<Int>] {
    guard !keys.isEmpty else { return [] }
    var result: [Range<Int>] = []
    var run = run(ofKey: keys.lowerBound)
    while run < runs.count, starts[run] < keys.upperBound {
      let part = keys.clamped(to: starts[run]..<starts[run] + runs[run].count)
      let first = runs[run].lowerBound + part.lowerBound - starts[run]
      result.append(first..<first + part.count)
      run += 1
    }
    return result
  }

  /// How many pairs are visible.
  public var visiblePairs: Int {
    guard window != nil else {
      // Query k of the sequence sees k + 1 keys.
      let first = key(ofQueryToken: queries.lowerBound)
      return queries.count * (first + 1) + queries.count * (queries.count - 1) / 2
    }
    return queries.reduce(0) { sum, token in visibleKeys(ofToken: token).reduce(sum) { $0 + $1.count } }
  }
}

extension PackedSequence {
  /// What a query token sees, with the places of the keys in an engine's order. Runs whose places do not follow each other are apart.
  public func keyRuns(ofToken token: Int) -> [KeyRun] {
    let visible = visibleKeys(ofToken: token)
    guard !countsOwnPlaces else { return visible.map { KeyRun(keys: $0, place: $0.lowerBound) } }
    return visible.flatMap { keys -> [KeyRun] in
      var first = keys.lowerBound
      return tokens(ofKeys: keys).map { tokens in
        defer { first += tokens.count }
        return KeyRun(keys: first..<first + tokens.count, place: tokens.lowerBound)
      }
    }
  }

  /// A number for the first key such that most keys' tokens are that number plus their local index: what random words are drawn by.
  public var tokenOfFirstKey: Int { runs[runs.count - 1].lowerBound - starts[runs.count - 1] }
}
