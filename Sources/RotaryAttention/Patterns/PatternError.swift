// What can be wrong with masks, documents and positions.

/// A pattern that cannot be meant, with the numbers that say why.
public enum PatternError: Error, Equatable, CustomStringConvertible {
  /// A spelling of a mask.
  case mask(String, reason: String)
  /// A spelling of a position policy, or positions that do not fit it.
  case positions(reason: String)
  /// Positions of tokens out of order within what a query sees.
  case positionsOutOfOrder(token: Int, position: Int, before: Int, previous: Int)
  /// A list of positions of another length.
  case positionCount(Int, tokens: Int)
  /// Documents whose lengths do not add up.
  case lengthsDoNotAddUp(sum: Int, documents: Int, tags: Int, tokens: Int)
  /// A document without tokens, or with a negative length.
  case emptyDocument(index: Int, length: Int)
  /// An interval that begins before the one before it ends.
  case overlappingDocuments(index: Int, start: Int, previousEnd: Int)
  /// Tokens that no document holds.
  case uncoveredTokens(first: Int, end: Int)
  /// An anchor, but token 0 is in no document.
  case anchorWithoutFirstToken(start: Int)
  /// A description of documents that cannot be meant.
  case documents(reason: String)

  /// One sentence with the mend.
  public var description: String {
    switch self {
    case .mask(let spelling, let reason): "mask '\(spelling)' \(reason)"
    case .positions(let reason): reason
    case .positionsOutOfOrder(let token, let position, let before, let previous):
      "token \(token) has position \(position), not above position \(previous) of token \(before), which comes before it in what "
        + "its query sees; positions ascend within a document, and an anchor comes before every token that sees it"
    case .positionCount(let count, let tokens):
      "\(count) positions for \(tokens) tokens; give every token one position"
    case .lengthsDoNotAddUp(let sum, let documents, let tags, let tokens):
      "\(documents) documents\(tags > 0 ? " with \(tags) tag tokens each" : "") have \(sum) tokens together, but the window has "
        + "\(tokens); lengths have to add up to the tokens of the input"
    case .emptyDocument(let index, let length):
      "document \(index) has \(length) tokens; every document has one at least"
    case .overlappingDocuments(let index, let start, let previousEnd):
      "document \(index) begins at token \(start), before document \(index - 1) ends at token \(previousEnd); intervals come in "
        + "ascending order and share no token"
    case .uncoveredTokens(let first, let end):
      "tokens \(first)..<\(end) are in no document; documents cover all tokens of the window"
    case .anchorWithoutFirstToken(let start):
      "the first document begins at token \(start): there is no token 0 to be the anchor; documents begin at token 0"
    case .documents(let reason): reason
    }
  }
}
