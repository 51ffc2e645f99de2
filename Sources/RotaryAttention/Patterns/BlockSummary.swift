// Which blocks of a mask a kernel has to visit, as FlexAttention's block mask counts them.

/// Blocks of `size` queries and `size` keys of a pattern: full, partial, empty.
///
/// Blocks of keys are cut from the window's first token, blocks of queries from the first query; for the copied form of an anchor both from
/// each sequence's first (the copies are queries too there, each seeing itself, unless the window's first tokens are no queries). A block is full where every one of its size² pairs is visible: one that the end of the tokens cuts is
/// partial, as FlexAttention pads its mask.
public struct BlockSummary: Sendable, Hashable {
  /// Queries and keys of a block.
  public let size: Int
  /// Blocks of which every pair is visible.
  public private(set) var full = 0
  /// Blocks of which some pairs are visible.
  public private(set) var partial = 0
  /// Blocks of which no pair is visible; a kernel skips them.
  public private(set) var empty = 0

  /// Blocks that a kernel computes.
  public var visited: Int { full + partial }

  /// FlexAttention's size.
  public static let defaultSize = 128

  /// Counts the blocks of a pattern.
  ///
  /// - Parameters:
  ///   - pattern: the pattern.
  ///   - size: queries and keys of a block.
  ///   - queryTokens: which tokens are queries: the last ones of the window; nil for all.
  /// - Throws: ``PatternError/documents(reason:)`` where `size` is below 1.
  public init(_ pattern: AttentionPattern, size: Int = defaultSize, queryTokens: Int? = nil) throws {
    guard size > 0 else {
      throw PatternError.documents(reason: "blocks of \(size) tokens: a block has one at least")
    }
    self.size = size
    let firstQuery = pattern.tokens - (queryTokens ?? pattern.tokens)
    if pattern.mask.documents == .anchorCopied {
      for sequence in pattern.sequences(queryTokens: queryTokens)
      where sequence.document.map({ pattern.isLastChunk(sequence, of: $0) }) ?? true {
        if firstQuery == 0 {
          // All its keys are queries, the copy of the anchor included.
          addCausal(keys: sequence.keyCount)
        } else {
          addCausal(
            queries: sequence.keyCount - sequence.firstKey(fromToken: firstQuery), keys: sequence.keyCount)
        }
      }
    } else {
      add(pattern, firstQuery: firstQuery)
    }
  }

  /// Blocks of the last queries of a causal sequence.
  private mutating func addCausal(queries: Int, keys: Int) {
    let keyBlocks = (keys + size - 1) / size
    for start in stride(from: 0, to: queries, by: size) {
      let end = min(start + size, queries)
      let visited = (keys - queries + end + size - 1) / size
      let whole = end - start == size ? (keys - queries + start + 1) / size : 0
      full += whole
      partial += visited - whole
      empty += keyBlocks - visited
    }
  }

  /// Blocks of a causal sequence.
  private mutating func addCausal(keys: Int) {
    let blocks = (keys + size - 1) / size
    let whole = keys / size
    full += whole * (whole - 1) / 2
    // A diagonal block of one pair has no pair that is not visible.
    let fullDiagonal = size == 1 ? blocks : 0
    full += fullDiagonal
    partial += blocks * (blocks + 1) / 2 - whole * (whole - 1) / 2 - fullDiagonal
    empty += blocks * blocks - blocks * (blocks + 1) / 2
  }

  private mutating func add(_ pattern: AttentionPattern, firstQuery: Int) {
    pattern.forEachRowOfBlocks(size: size, firstQuery: firstQuery) { _, blocks in
      for pairs in blocks {
        if pairs == 0 { empty += 1 } else if pairs == size * size { full += 1 } else { partial += 1 }
      }
    }
  }
}

extension AttentionPattern {
  /// Whether a sequence holds all tokens of its document: the one of its last chunk.
  func isLastChunk(_ sequence: PackedSequence, of document: Int) -> Bool {
    documents.chunksOfDocument[document].last.map {
      documents.chunks[$0].tokens.upperBound == sequence.queries.upperBound
    } ?? true
  }
}
