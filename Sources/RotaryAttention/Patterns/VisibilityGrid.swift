// How much of each block of a window a pattern lets through: what block summaries count and what pictures of a mask show.

/// A window cut into blocks of tokens, with the visible pairs of each.
public struct VisibilityGrid: Sendable, Hashable {
  /// A block with a visible pair.
  public struct Block: Sendable, Hashable {
    /// Its queries' tokens.
    public let queries: Range<Int>
    /// Its keys' tokens.
    public let keys: Range<Int>
    /// Pairs that the pattern lets through.
    public let pairs: Int

    /// Pairs whose key is not after its query: what the full causal mask lets through.
    public var causalPairs: Int {
      // Query q sees min(q + 1, end) − start of the keys; where that is one or more it grows by one to the block's width.
      let (width, first) = (keys.count, max(queries.lowerBound, keys.lowerBound))
      guard first < queries.upperBound else { return 0 }
      let growing = max(0, min(queries.upperBound, keys.upperBound) - first)
      let least = min(first + 1 - keys.lowerBound, width)
      return growing * least + growing * (growing - 1) / 2 + (queries.upperBound - first - growing) * width
    }
  }

  /// Queries and keys of a block; those at the ends may have fewer.
  public let size: Int
  /// The blocks with a visible pair, by query, then by key.
  public let blocks: [Block]

  /// Cuts blocks of keys from the window's first token, blocks of queries from the first query.
  ///
  /// - Parameters:
  ///   - pattern: the pattern; the two forms of an anchor have the same pairs.
  ///   - size: tokens of a block, at least 1.
  ///   - queryTokens: which tokens are queries: the last ones of the window; nil for all.
  /// - Throws: ``PatternError/documents(reason:)`` where `size` is below 1.
  public init(_ pattern: AttentionPattern, size: Int, queryTokens: Int? = nil) throws {
    guard size > 0 else {
      throw PatternError.documents(reason: "blocks of \(size) tokens: a block has one at least")
    }
    self.size = size
    let tokens = pattern.tokens
    let firstQuery = tokens - (queryTokens ?? tokens)
    var blocks: [Block] = []
    pattern.forEachRowOfBlocks(size: size, firstQuery: firstQuery) { queries, pairs in
      for (index, count) in pairs.enumerated() where count > 0 {
        blocks.append(
          Block(queries: queries, keys: index * size..<min((index + 1) * size, tokens), pairs: count))
      }
    }
    self.blocks = blocks
  }
}

extension AttentionPattern {
  /// Calls `body` with each block of queries and, for every block of keys, how many pairs are visible.
  ///
  /// - Parameters:
  ///   - size: queries and keys of a block, at least 1; blocks of queries are cut from the first query.
  ///   - firstQuery: the first token that is a query.
  func forEachRowOfBlocks(size: Int, firstQuery: Int, _ body: (_ queries: Range<Int>, _ pairs: [Int]) -> Void)
  {
    let blocks = (tokens + size - 1) / size
    // Whole blocks of a run as differences, its two ends apart: a query costs its runs, not its keys.
    var steps = Array(repeating: 0, count: blocks + 1)
    var edges = Array(repeating: 0, count: blocks)
    var pairs = edges
    func count(_ run: Range<Int>) {
      let (first, last) = (run.lowerBound / size, (run.upperBound - 1) / size)
      if first == last {
        edges[first] += run.count
        return
      }
      edges[first] += (first + 1) * size - run.lowerBound
      edges[last] += run.upperBound - last * size
      steps[first + 1] += 1
      steps[last] -= 1
    }
    let sequences = sequences(queryTokens: tokens - firstQuery)
    var index = 0
    for start in stride(from: firstQuery, to: tokens, by: size) {
      for block in 0..<blocks { (steps[block], edges[block]) = (0, 0) }
      steps[blocks] = 0
      let queries = start..<min(start + size, tokens)
      for query in queries {
        while query >= sequences[index].queries.upperBound { index += 1 }
        let sequence = sequences[index]
        for keys in sequence.visibleKeys(ofToken: query) {
          for run in sequence.tokens(ofKeys: keys) { count(run) }
        }
      }
      var whole = 0
      for block in 0..<blocks {
        whole += steps[block]
        pairs[block] = whole * size + edges[block]
      }
      body(queries, pairs)
    }
  }
}
