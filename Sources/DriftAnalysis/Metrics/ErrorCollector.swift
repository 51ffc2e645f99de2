// Error of a whole run against the reference: what the driver feeds with finished tiles, and what the tables
// are read from.

import FloatingPointFormats

/// Collects the tiles of one recipe's error into heads, layers and a total. Used as ``DriftCollector`` is.
public final class ErrorCollector {
  /// Positions and distances of the pairs.
  public let geometry: PairGeometry
  /// One row for each finished head.
  public private(set) var heads: [HeadError] = []
  private var finishedLayers: [LayerError] = []
  private let hierarchy: AccumulatorHierarchy<ErrorAccumulator>

  /// - Parameters:
  ///   - geometry: positions and distances.
  ///   - ulpFormat: the format whose ulps measure the error of logits; nil to leave them out.
  public init(_ geometry: PairGeometry, ulpFormat: FloatingPointFormat?) {
    self.geometry = geometry
    hierarchy = AccumulatorHierarchy(like: ErrorAccumulator(geometry, ulpFormat: ulpFormat))
  }

  /// The tables of the head begun last, complete after ``finishHead()`` and until the next begins.
  public var headTables: ErrorAccumulator { hierarchy.head }
  /// The tables of the layer begun last.
  public var layerTables: ErrorAccumulator { hierarchy.layer }
  /// The tables over all finished heads.
  public var totalTables: ErrorAccumulator { hierarchy.total }

  /// Starts a head; heads ascend by layer, then by head.
  public func beginHead(layer: Int, head: Int) {
    if let last = heads.last {
      precondition((last.layer, last.head) < (layer, head), "heads come in ascending order of layer and head")
    }
    if let current = currentLayerRow, current.layer != layer { finishedLayers.append(current) }
    hierarchy.begin(layer: layer, head: head)
  }

  /// Takes in the next tile of the head. The tile may be reset and used again afterwards.
  public func append(_ tile: ErrorAccumulator) { hierarchy.head.append(tile) }

  /// Ends the head and returns its row.
  @discardableResult
  public func finishHead() -> HeadError {
    guard let layer = hierarchy.currentLayer, let head = hierarchy.currentHead else {
      preconditionFailure("no head was begun")
    }
    precondition(
      hierarchy.head.appendedQueries == geometry.queryTokens,
      "head \(head) has \(hierarchy.head.appendedQueries) of \(geometry.queryTokens) queries")
    hierarchy.finish()
    let row = HeadError(
      layer: layer, head: head, logit: hierarchy.head.sums(in: .logit),
      probability: hierarchy.head.sums(in: .probability))
    heads.append(row)
    return row
  }

  /// One row for each layer with a finished head.
  public var layers: [LayerError] { finishedLayers + (currentLayerRow.map { [$0] } ?? []) }

  /// The error over all finished heads in one space.
  public func totals(in space: ValueSpace) -> ErrorSums { hierarchy.total.sums(in: space) }

  private var currentLayerRow: LayerError? {
    guard let last = heads.last, last.layer == hierarchy.currentLayer else { return nil }
    return LayerError(
      layer: last.layer, logit: hierarchy.layer.sums(in: .logit),
      probability: hierarchy.layer.sums(in: .probability))
  }
}
