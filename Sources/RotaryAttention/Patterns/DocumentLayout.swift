// Which document each token of a packed window belongs to.

/// The documents of a window as chunks of consecutive tokens, ascending and without gaps.
///
/// A document that is not interleaved is one chunk. The tokens of a document keep their order, however many chunks it has.
public struct DocumentLayout: Sendable, Hashable {
  /// Consecutive tokens of one document.
  public struct Chunk: Sendable, Hashable {
    /// The document's index.
    public let document: Int
    /// Its tokens in the window.
    public let tokens: Range<Int>
    /// How many tokens of the document come before the chunk.
    public let offset: Int
  }

  /// One document.
  public struct Document: Sendable, Hashable {
    /// Its tokens in the window, tags included.
    public let length: Int
    /// Where its text comes from; nil where nobody said.
    public let domain: String?
    /// How many tokens at its head are a tag that names the domain.
    public let tagTokens: Int
  }

  /// The documents in the order of their first tokens.
  public let documents: [Document]
  /// Ascending, covering 0..<``tokens``.
  public let chunks: [Chunk]
  /// For each document the indices of its chunks, ascending.
  public let chunksOfDocument: [[Int]]

  /// Tokens of the window.
  public var tokens: Int { chunks.last?.tokens.upperBound ?? 0 }

  /// One document of all tokens.
  public init(singleDocumentOf tokens: Int) {
    documents = [Document(length: tokens, domain: nil, tagTokens: 0)]
    chunks = [Chunk(document: 0, tokens: 0..<tokens, offset: 0)]
    chunksOfDocument = [[0]]
  }

  /// The documents that a description states, laid out over the tokens of a window.
  ///
  /// With tags every document has `tagTokens` more tokens at its head than the description says. With interleaving every document is
  /// cut into chunks of `interleaving.chunk` tokens (the last one shorter), and the window takes the next chunk of one document after the
  /// other: in turn, or with a seed of a document that is drawn with a probability in proportion to its remaining chunks, so that every
  /// order that keeps the order within documents is as likely as any other.
  ///
  /// - Throws: ``PatternError``.
  public init(
    _ description: DocumentDescription, tokens: Int, tagTokens: Int = 0, interleaving: Interleaving? = nil
  ) throws {
    guard tagTokens >= 0 else {
      throw PatternError.documents(reason: "\(tagTokens) tag tokens: a tag has no fewer than none")
    }
    let lengths = try description.lengths(tokens: tokens, tagTokens: tagTokens)
    documents = lengths.map { Document(length: $0.length, domain: $0.domain, tagTokens: tagTokens) }
    let order =
      interleaving?.order(lengths: lengths.map(\.length)) ?? lengths.enumerated().map { ($0, $1.length) }
    var chunks: [Chunk] = []
    var taken = Array(repeating: 0, count: lengths.count)
    var start = 0
    for (document, count) in order {
      if let last = chunks.last, last.document == document {
        // Neighbours in the window and in the document are one chunk.
        chunks[chunks.count - 1] = Chunk(
          document: document, tokens: last.tokens.lowerBound..<start + count, offset: last.offset)
      } else {
        chunks.append(Chunk(document: document, tokens: start..<start + count, offset: taken[document]))
      }
      taken[document] += count
      start += count
    }
    self.chunks = chunks
    var chunksOfDocument = Array(repeating: [Int](), count: lengths.count)
    for (index, chunk) in chunks.enumerated() { chunksOfDocument[chunk.document].append(index) }
    self.chunksOfDocument = chunksOfDocument
  }

  /// The index of the chunk that holds a token.
  public func chunk(ofToken token: Int) -> Int {
    var (low, high) = (0, chunks.count - 1)
    while low < high {
      let middle = (low + high + 1) / 2
      if chunks[middle].tokens.lowerBound <= token { low = middle } else { high = middle - 1 }
    }
    return low
  }

  /// The document that a token belongs to.
  public func document(ofToken token: Int) -> Int { chunks[chunk(ofToken: token)].document }

  /// The token's place in its document, counted from 0, tags included.
  public func index(ofToken token: Int) -> Int {
    let chunk = chunks[chunk(ofToken: token)]
    return chunk.offset + token - chunk.tokens.lowerBound
  }

  /// The first token of a document.
  public func firstToken(ofDocument document: Int) -> Int {
    chunks[chunksOfDocument[document][0]].tokens.lowerBound
  }

  /// How many tokens of a document come before a token of the window.
  public func count(ofDocument document: Int, before token: Int) -> Int {
    let indices = chunksOfDocument[document]
    var (low, high) = (0, indices.count)
    while low < high {
      let middle = (low + high) / 2
      if chunks[indices[middle]].tokens.lowerBound < token { low = middle + 1 } else { high = middle }
    }
    guard low > 0 else { return 0 }
    let chunk = chunks[indices[low - 1]]
    return chunk.offset + min(token, chunk.tokens.upperBound) - chunk.tokens.lowerBound
  }
}
