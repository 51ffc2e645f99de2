// Ways of sharing one sequence among several devices, and what can be wrong with asking for one.

/// How the tokens of a sequence are shared among the ranks of a sequence-parallel run.
public enum SequenceParallelism: String, Sendable, Hashable, CaseIterable {
  /// Every rank has a share of the heads and all tokens while attention is computed [Jacobs2023]: the arithmetic of a head is that of
  /// one device.
  case ulysses
  /// Rank r has the r-th share of the tokens; keys and values go round, and partial results are merged [Liu2023].
  case ring
  /// The same with shares that cost the same under a causal mask: of 2n chunks, rank r has chunks r and 2n − 1 − r.
  case zigzagRing = "zigzag-ring"

  /// Chunks of tokens for n ranks.
  public func chunkCount(ranks: Int) -> Int { self == .zigzagRing ? 2 * ranks : ranks }
}

/// A sequence-parallel run that cannot be meant.
public enum SequenceParallelismError: Error, Equatable, CustomStringConvertible {
  /// Fewer ranks than one.
  case ranks(Int)
  /// More chunks than tokens.
  case moreChunksThanTokens(SequenceParallelism, ranks: Int, tokens: Int)
  /// Tokens that do not make equal chunks.
  case tokensDoNotDivide(SequenceParallelism, ranks: Int, tokens: Int)
  /// Heads that do not make equal shares.
  case headsDoNotDivide(ranks: Int, heads: Int)
  /// Queries that are not those of all tokens.
  case queriesAreNotAllTokens(queries: Int, tokens: Int)
  /// A recipe whose softmax gives no partial results.
  case needsOnlineSoftmax(recipe: String)

  /// One sentence with the mend.
  public var description: String {
    switch self {
    case .ranks(let count): return "\(count) ranks: a sequence is shared among 1 rank or more"
    case .moreChunksThanTokens(let kind, let ranks, let tokens):
      // Twice any number of ranks is a UInt.
      let chunks = UInt(ranks) * (kind == .zigzagRing ? 2 : 1)
      return
        "\(kind.rawValue) over \(ranks) ranks needs \(chunks) chunks of tokens, and there are \(tokens) tokens; ask for fewer ranks"
    case .tokensDoNotDivide(let kind, let ranks, let tokens):
      let chunks = kind.chunkCount(ranks: ranks)
      let below = tokens / chunks * chunks
      return
        "\(tokens) tokens do not make the \(chunks) equal chunks of \(kind.rawValue) over \(ranks) ranks; \(below) or \(below + chunks) tokens do, and nothing is padded"
    case .headsDoNotDivide(let ranks, let heads):
      return
        "\(heads) query heads do not make equal shares for the \(ranks) ranks of ulysses; ask for a number of ranks that divides \(heads)"
    case .queriesAreNotAllTokens(let queries, let tokens):
      return
        "\(queries) queries for \(tokens) tokens: a sequence is shared with its queries, so every token needs one"
    case .needsOnlineSoftmax(let recipe):
      return
        "recipe \(recipe) normalizes whole rows, and a ring merges partial results of an online softmax; choose a recipe with one, as those with the attention half flash-attn-2, flash-attn-3, sdpa-flash or flex"
    }
  }
}
