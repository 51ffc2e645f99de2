// How far a pattern makes queries look: what a policy of positions is meant to change.

/// Positions and distances of a pattern's visible pairs, without a shift.
public struct PositionExtent: Sendable, Hashable {
  /// Those of some queries.
  public struct Part: Sendable, Hashable {
    /// Queries.
    public fileprivate(set) var queries = 0
    /// Pairs of a query and a key that it sees.
    public fileprivate(set) var visiblePairs = 0
    /// The greatest p_i − p_j over visible pairs; 0 without a query.
    public fileprivate(set) var greatestRange = 0
    /// The least position of a query; nil without one.
    public fileprivate(set) var leastPosition: Int?
    /// The greatest position of a query; nil without one.
    public fileprivate(set) var greatestPosition: Int?
    fileprivate var sumOfRanges: Int128 = 0

    /// Mean over the queries of the greatest p_i − p_j that each sees; nil without a query.
    public var meanRange: Double? { queries > 0 ? Double(sumOfRanges) / Double(queries) : nil }

    /// The greatest |position| of a query; nil without one.
    public var greatestMagnitude: Int? {
      leastPosition.map { Int(max($0.magnitude, greatestPosition!.magnitude)) }
    }

    fileprivate mutating func add(position: Int, range: Int, pairs: Int) {
      queries += 1
      visiblePairs += pairs
      greatestRange = max(greatestRange, range)
      sumOfRanges += Int128(range)
      leastPosition = min(leastPosition ?? position, position)
      greatestPosition = max(greatestPosition ?? position, position)
    }
  }

  /// Over all queries.
  public private(set) var all = Part()
  /// By the document that a query belongs to, whatever its mask lets it see.
  public private(set) var documents: [Part]

  /// The extent of a pattern.
  ///
  /// Positions ascend within what a query sees, so that it is farthest from the first key that it sees.
  ///
  /// - Parameter queryTokens: which tokens are queries: the last ones of the window; nil for all.
  public init(_ pattern: AttentionPattern, queryTokens: Int? = nil) {
    documents = pattern.documents.documents.map { _ in Part() }
    for sequence in pattern.sequences(queryTokens: queryTokens) {
      for token in sequence.queries {
        let visible = sequence.visibleKeys(ofToken: token)
        let position = pattern.positions[token]
        let first = pattern.positions[sequence.token(ofKey: visible[0].lowerBound)]
        let pairs = visible.reduce(0) { $0 + $1.count }
        let document = sequence.document ?? pattern.documents.document(ofToken: token)
        all.add(position: position, range: position - first, pairs: pairs)
        documents[document].add(position: position, range: position - first, pairs: pairs)
      }
    }
  }
}
