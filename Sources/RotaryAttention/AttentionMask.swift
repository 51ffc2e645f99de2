// Which keys a query sees.

/// A rule of visibility, as contiguous ranges of keys per query.
public enum AttentionMask: String, Sendable, Hashable, CaseIterable {
  /// Every key up to the query's own token.
  case causal = "full"

  /// The visible keys of a query.
  public func visibleKeys(ofQuery query: Int, in shape: AttentionShape) -> Range<Int> {
    switch self {
    case .causal: 0..<shape.token(ofQuery: query) + 1
    }
  }

  /// How many (query, key) pairs are visible.
  public func visiblePairs(in shape: AttentionShape) -> Int {
    (0..<shape.queryTokens).reduce(0) { $0 + visibleKeys(ofQuery: $1, in: shape).count }
  }
}
