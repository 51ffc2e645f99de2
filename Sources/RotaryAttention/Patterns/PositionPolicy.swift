// Which position each token of a window has, before the shift that is added to all.

/// A policy of positions.
public enum PositionPolicy: Sendable, Hashable {
  /// p = token.
  case continuous
  /// p = index in the document; with an anchor, which is at 0, 1 + that of the tokens that are not the anchor.
  case reset
  /// The anchor at 0 and all others as ``continuous``: with token 0 as anchor the same numbers, which is why the copied form, whose copies
  /// count for nothing, is equal to the shared one. For masks with an anchor only.
  case anchor
  /// As listed, one for each token.
  case list([Int])

  /// The policies with a name, in the order in which they are listed.
  public static let named: [(name: String, policy: PositionPolicy)] = [
    ("continuous", .continuous), ("reset", .reset), ("anchor", .anchor),
  ]

  /// The name; `list` for positions of one's own.
  public var name: String {
    switch self {
    case .continuous: "continuous"
    case .reset: "reset"
    case .anchor: "anchor"
    case .list: "list"
    }
  }

  /// The positions of all tokens.
  ///
  /// - Throws: ``PatternError``.
  func positions(_ mask: AttentionMask, _ documents: DocumentLayout) throws -> [Int] {
    let tokens = documents.tokens
    switch self {
    case .continuous: return Array(0..<tokens)
    case .anchor:
      guard mask.hasAnchor else {
        throw PatternError.positions(
          reason:
            "positions 'anchor' need a mask with an anchor, but the mask is '\(mask.spelling)'; take continuous"
        )
      }
      return Array(0..<tokens)
    case .reset:
      var positions: [Int] = []
      positions.reserveCapacity(tokens)
      for chunk in documents.chunks {
        // The anchor is token 0, whose document has one token less after it.
        let before = mask.hasAnchor ? (chunk.document == documents.chunks[0].document ? 0 : 1) : 0
        positions += (0..<chunk.tokens.count).map { chunk.offset + before + $0 }
      }
      return positions
    case .list(let positions):
      guard positions.count == tokens else {
        throw PatternError.positionCount(positions.count, tokens: tokens)
      }
      for (token, position) in positions.enumerated() where position.magnitude > TokenPositions.limit {
        throw PatternError.positions(
          reason: "token \(token) has position \(position), outside ±2^53 = ±\(TokenPositions.limit)")
      }
      return positions
    }
  }
}
