// Drift of a whole comparison: what the driver feeds with finished tiles, and what the tables are read from.

/// Collects the tiles of one comparison (a recipe and two shifts) into heads, layers and a total.
///
/// For each head in ascending order of layer and head: ``beginHead(layer:head:)``, ``append(_:)`` for each
/// tile in ascending query order, ``finishHead()``. Tiles come from ``PairGeometry/tiles(ofAtMost:lengths:)``
/// with the same lengths.
public final class DriftCollector {
  /// Positions and distances of the pairs.
  public let geometry: PairGeometry
  /// Prefix lengths, ascending.
  public let lengths: [Int]
  /// One row for each finished head.
  public private(set) var heads: [HeadDrift] = []
  /// One row for each layer with a finished head.
  public private(set) var layers: [LayerDrift] = []
  /// Totals over all finished heads.
  public private(set) var totals = DriftTotals()
  /// Totals over all finished heads for each of ``lengths``.
  public private(set) var lengthTotals: [LengthDrift]
  private let hierarchy: AccumulatorHierarchy<DriftAccumulator>
  private let scale: Double
  private var headLengths: [LengthDrift] = []

  /// - Parameters:
  ///   - geometry: positions and distances.
  ///   - lengths: prefix lengths, strictly ascending.
  ///   - scale: what the logits were multiplied by, for `d_logit_unscaled`.
  public init(_ geometry: PairGeometry, lengths: [Int], scale: Double) {
    precondition(zip(lengths, lengths.dropFirst()).allSatisfy(<), "prefix lengths ascend")
    self.geometry = geometry
    self.lengths = lengths
    self.scale = scale
    hierarchy = AccumulatorHierarchy(like: DriftAccumulator(geometry))
    lengthTotals = lengths.map { LengthDrift(length: $0, totals: DriftTotals()) }
  }

  /// The tables of the head begun last, complete after ``finishHead()`` and until the next begins.
  public var headTables: DriftAccumulator { hierarchy.head }
  /// The tables of the layer begun last.
  public var layerTables: DriftAccumulator { hierarchy.layer }
  /// The tables over all finished heads.
  public var totalTables: DriftAccumulator { hierarchy.total }

  /// Starts a head.
  public func beginHead(layer: Int, head: Int) {
    if let last = heads.last {
      precondition((last.layer, last.head) < (layer, head), "heads come in ascending order of layer and head")
    }
    hierarchy.begin(layer: layer, head: head)
    headLengths = []
    closePrefixes(at: 0)
  }

  /// Takes in the next tile of the head. The tile may be reset and used again afterwards.
  public func append(_ tile: DriftAccumulator) {
    hierarchy.head.append(tile)
    closePrefixes(at: hierarchy.head.appendedQueries)
  }

  /// Ends the head and returns its row.
  @discardableResult
  public func finishHead() -> HeadDrift {
    guard let layer = hierarchy.currentLayer, let head = hierarchy.currentHead else {
      preconditionFailure("no head was begun")
    }
    precondition(
      hierarchy.head.appendedQueries == geometry.queryTokens,
      "head \(head) has \(hierarchy.head.appendedQueries) of \(geometry.queryTokens) queries")
    hierarchy.finish()
    let row = HeadDrift(
      layer: layer, head: head, totals: hierarchy.head.totals(scale: scale), lengths: headLengths)
    heads.append(row)
    if layers.last?.layer != layer { layers.append(LayerDrift(layer: layer, totals: DriftTotals())) }
    layers[layers.count - 1].totals.merge(row.totals)
    totals.merge(row.totals)
    for (index, length) in headLengths.enumerated() { lengthTotals[index].totals.merge(length.totals) }
    return row
  }

  /// Closes every prefix that ends at the given number of queries. A tile that reached beyond the end of a
  /// prefix is refused.
  private func closePrefixes(at queries: Int) {
    while headLengths.count < lengths.count {
      let length = lengths[headLengths.count]
      guard geometry.queryCount(ofPrefix: length) <= queries else { return }
      headLengths.append(hierarchy.head.closePrefix(length: length, scale: scale))
    }
  }
}

extension DriftAccumulator {
  /// Queries of the head that were appended so far.
  var appendedQueries: Int { span.queries.upperBound }
}
