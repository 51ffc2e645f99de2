// A mask, a position policy and the documents of a window together: what a kernel is asked to compute.

/// Which pairs of tokens are computed, at which positions, and in which sequences.
///
/// A pattern cuts its window into ``PackedSequence``s, each an ordinary causal problem with its own list of tokens. Every pair of a query
/// and a key that the mask lets it see is in exactly one of them, and the queries of all sequences together are the window's, ascending.
public struct AttentionPattern: Sendable, Hashable {
  /// Who sees whom.
  public let mask: AttentionMask
  /// Where tokens stand.
  public let policy: PositionPolicy
  /// Which document a token belongs to.
  public let documents: DocumentLayout
  /// The position of every token, without a shift.
  public let positions: [Int]

  /// Queries of a sequence with a window, at least: the keys before them are rotated again for each sequence.
  private static let windowedQueries = 4096

  /// Checks and makes a pattern.
  ///
  /// - Throws: ``PatternError``.
  public init(
    mask: AttentionMask = .full, policy: PositionPolicy = .continuous, documents: DocumentLayout
  ) throws {
    guard policy != .reset || mask.documents != .ignored || documents.documents.count == 1 else {
      throw PatternError.positions(
        reason:
          "positions 'reset' put a document's tokens before those of earlier documents, which mask '\(mask.spelling)' lets "
          + "them see; take intra or anchor, or continuous positions")
    }
    self.mask = mask
    self.policy = policy
    self.documents = documents
    positions = try policy.positions(mask, documents)
    try checkOrder()
  }

  /// The causal mask over continuous positions.
  public init(causalOver tokens: Int) {
    mask = .full
    policy = .continuous
    documents = DocumentLayout(singleDocumentOf: tokens)
    positions = Array(0..<tokens)
  }

  /// Whether the pattern is the causal mask over continuous positions.
  public var isCausal: Bool { mask == .full && policy == .continuous }

  /// Mask and policy: `anchor/reset`.
  public var name: String { "\(mask.spelling)/\(policy.name)" }

  /// Tokens of the window.
  public var tokens: Int { documents.tokens }

  /// Positions ascend within a document, or within the window where documents mean nothing; an anchor stands before all.
  private func checkOrder() throws {
    guard case .list = policy else { return }
    var last: [Int: Int] = [:]
    for chunk in documents.chunks {
      let group = mask.documents == .ignored ? 0 : chunk.document
      for token in chunk.tokens {
        if let before = last[group] ?? (mask.hasAnchor && token > 0 ? 0 : nil),
          positions[token] <= positions[before]
        {
          throw PatternError.positionsOutOfOrder(
            token: token, position: positions[token], before: before, previous: positions[before])
        }
        last[group] = token
      }
    }
  }

  /// Which document a query's sequence is of: all of them where documents mean nothing.
  private var chunks: [(document: Int?, queries: Range<Int>)] {
    guard mask.documents != .ignored else { return [(nil, 0..<tokens)] }
    return documents.chunks.map { ($0.document, $0.tokens) }
  }

  /// The sequences, in the order of their queries.
  ///
  /// - Parameter queryTokens: which tokens are queries: the last ones of the window; nil for all.
  public func sequences(queryTokens: Int? = nil) -> [PackedSequence] {
    let firstQuery = tokens - (queryTokens ?? tokens)
    var result: [PackedSequence] = []
    for (document, all) in chunks where all.upperBound > firstQuery {
      let queries = all.clamped(to: firstQuery..<tokens)
      guard !queries.isEmpty else { continue }
      // With a window only the keys near a few thousand queries are held at a time.
      let length = mask.window.map { max(4 * min($0, tokens), Self.windowedQueries) } ?? queries.count
      var start = queries.lowerBound
      while start < queries.upperBound {
        let end = min(start + length, queries.upperBound)
        result.append(sequence(document: document, queries: start..<end))
        start = end
      }
    }
    return result
  }

  private func sequence(document: Int?, queries: Range<Int>) -> PackedSequence {
    let first = mask.window.map { max(0, queries.lowerBound - min($0, tokens) + 1) } ?? 0
    var runs: [Range<Int>] = []
    if let document {
      for index in documents.chunksOfDocument[document] {
        let chunk = documents.chunks[index].tokens
        guard chunk.lowerBound < queries.upperBound else { break }
        let run = chunk.clamped(to: first..<queries.upperBound)
        if !run.isEmpty { runs.append(run) }
      }
    } else {
      runs = [first..<queries.upperBound]
    }
    let addsAnchor = mask.hasAnchor && runs[0].lowerBound > 0
    if addsAnchor {
      if runs[0].lowerBound == 1 { runs[0] = 0..<runs[0].upperBound } else { runs.insert(0..<1, at: 0) }
    }
    return PackedSequence(
      document: document, runs: runs, queries: queries, hasAnchor: mask.hasAnchor, window: mask.window,
      countsOwnPlaces: mask.documents == .anchorCopied)
  }

  /// The runs of tokens that a query token sees, ascending.
  public func visibleTokens(ofToken token: Int) -> [Range<Int>] {
    let document = mask.documents == .ignored ? nil : documents.document(ofToken: token)
    let sequence = sequence(document: document, queries: token..<token + 1)
    return sequence.visibleKeys(ofToken: token).flatMap(sequence.tokens(ofKeys:))
  }

  /// How many pairs of a query and a key the mask lets through.
  ///
  /// - Parameter queryTokens: which tokens are queries, as in ``sequences(queryTokens:)``.
  public func visiblePairs(queryTokens: Int? = nil) -> Int {
    sequences(queryTokens: queryTokens).reduce(0) { $0 + $1.visiblePairs }
  }
}
