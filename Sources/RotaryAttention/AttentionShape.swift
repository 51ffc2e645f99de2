// Sizes of one attention layer and the grouping of query heads over key heads.

/// Sizes of one attention layer with grouped-query heads [Ainslie2023].
public struct AttentionShape: Sendable, Hashable {
  /// Number of query heads.
  public let heads: Int
  /// Number of key and value heads; divides `heads`.
  public let keyValueHeads: Int
  /// Number of queries.
  public let queryTokens: Int
  /// Number of keys, at least `queryTokens`: query i is token i + keyTokens − queryTokens.
  public let keyTokens: Int
  /// Channels of a head.
  public let headSize: Int

  /// Checks and makes a shape.
  ///
  /// - Throws: ``ProblemError``.
  public init(heads: Int, keyValueHeads: Int, queryTokens: Int, keyTokens: Int, headSize: Int) throws {
    guard heads > 0, keyValueHeads > 0, heads.isMultiple(of: keyValueHeads) else {
      throw ProblemError.headCounts(heads: heads, keyValueHeads: keyValueHeads)
    }
    guard queryTokens <= keyTokens else {
      throw ProblemError.moreQueriesThanKeys(queries: queryTokens, keys: keyTokens)
    }
    self.heads = heads
    self.keyValueHeads = keyValueHeads
    self.queryTokens = queryTokens
    self.keyTokens = keyTokens
    self.headSize = headSize
  }

  /// The key head that a query head uses: ⌊h / (heads/kv_heads)⌋.
  public func keyValueHead(ofHead head: Int) -> Int { head / (heads / keyValueHeads) }

  /// The keys that a query sees under the causal mask: every one up to its own token.
  public func causalKeys(ofQuery query: Int) -> Range<Int> { 0..<token(ofQuery: query) + 1 }

  /// The token of a query: queries are the last tokens (decoding, chunked prefill).
  public func token(ofQuery query: Int) -> Int { query + keyTokens - queryTokens }
}
