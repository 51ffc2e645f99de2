// The fixed order in which partial results meet: tiles in ascending query order into a head, heads into a
// layer, layers into the total. Which thread worked on a tile, and when it finished, never shows in the
// result.

/// Accumulates statistics over the visible pairs of one geometry.
///
/// Use by one thread at a time: a tile's accumulator belongs to the thread that works on the tile, and is
/// then handed to the thread that merges.
protocol PairAccumulator: AnyObject {
  init(like other: Self)
  /// Forgets everything; the next rows are queries `queries` of a head.
  func reset(layer: Int, head: Int, queries: Range<Int>)
  /// Takes in the pairs of an accumulator that come later in the order of ``PairPlace``.
  func merge(_ later: Self)
}

/// Which rows an accumulator has taken in: of one head, the queries from `queries.lowerBound` up.
struct RowSpan {
  var layer = 0
  var head = 0
  var queries = 0..<0

  /// Appends the next rows of the same head.
  mutating func append(_ next: RowSpan) {
    precondition(
      next.layer == layer && next.head == head,
      "a tile of layer \(next.layer), head \(next.head) was merged into layer \(layer), head \(head)")
    precondition(
      next.queries.lowerBound == queries.upperBound,
      "the tile of queries \(next.queries) does not follow query \(queries.upperBound)")
    queries = queries.lowerBound..<next.queries.upperBound
  }
}

/// A head, its layer and the total, each with an accumulator.
final class AccumulatorHierarchy<Accumulator: PairAccumulator> {
  let head: Accumulator
  let layer: Accumulator
  let total: Accumulator
  private(set) var currentLayer: Int?
  private(set) var currentHead: Int?

  init(like prototype: Accumulator) {
    head = Accumulator(like: prototype)
    layer = Accumulator(like: prototype)
    total = Accumulator(like: prototype)
  }

  /// Starts the next head; heads ascend by layer, then by head.
  func begin(layer: Int, head: Int) {
    precondition(currentHead == nil, "the head before is not finished")
    precondition(layer >= currentLayer ?? 0, "layers come in ascending order")
    if layer != currentLayer { self.layer.reset(layer: layer, head: head, queries: 0..<0) }
    self.head.reset(layer: layer, head: head, queries: 0..<0)
    (currentLayer, currentHead) = (layer, head)
  }

  /// Ends the head: it becomes part of its layer and of the total.
  func finish() {
    precondition(currentHead != nil, "no head was begun")
    layer.merge(head)
    total.merge(head)
    currentHead = nil
  }
}
