// Error against the reference per key, per distance and in total, from rows of emulated and reference values.
// Built like DriftAccumulator; sums that are kept neither per key nor per distance are spread over lanes
// (RowBlocks.swift).

import FloatingPointFormats

/// What is kept of the error in one space.
private final class SpaceError {
  let keys: DifferenceTable
  let distances: DifferenceTable
  let relative = SumColumn(count: blockSize)
  let emulatedSquares = SumColumn(count: blockSize)
  let referenceSquares = SumColumn(count: blockSize)
  let products = SumColumn(count: blockSize)
  let ulps = SumColumn(count: blockSize)
  let ulpScale: UlpScale?
  var zeroReferenceCount = 0
  var aboveRangeCount = 0
  var worstRelative: WorstPair?
  var worstUlps: WorstPair?

  init(_ geometry: PairGeometry, ulpScale: UlpScale?) {
    keys = DifferenceTable(count: geometry.keyTokens, keeping: [.places])
    distances = DifferenceTable(count: geometry.slotCount, keeping: [.squares])
    self.ulpScale = ulpScale
  }

  private var lanes: [SumColumn] { [relative, emulatedSquares, referenceSquares, products, ulps] }

  func reset() {
    keys.reset()
    distances.reset()
    for column in lanes { column.reset() }
    (zeroReferenceCount, aboveRangeCount, worstRelative, worstUlps) = (0, 0, nil, nil)
  }

  func merge(_ later: SpaceError) {
    keys.merge(later.keys)
    distances.merge(later.distances)
    for (column, other) in zip(lanes, later.lanes) { column.merge(other) }
    zeroReferenceCount += later.zeroReferenceCount
    aboveRangeCount += later.aboveRangeCount
    worstRelative = Self.worse(worstRelative, later.worstRelative)
    worstUlps = Self.worse(worstUlps, later.worstUlps)
  }

  private static func worse(_ first: WorstPair?, _ later: WorstPair?) -> WorstPair? {
    guard let first, let later else { return first ?? later }
    return later.value > first.value ? later : first
  }

  /// Adds the lanes of a run of pairs with finite errors. `lane` is the run's start in its block, `key` its
  /// first key.
  func addLanes(
    errors: UnsafePointer<Double>, emulated: UnsafePointer<Double>, references: UnsafePointer<Double>,
    count n: Int, lane: Int, key: Int, _ place: RowPlace, scratch: UnsafeMutablePointer<Double>
  ) {
    emulatedSquares.addSquares(emulated, count: n, at: lane)
    referenceSquares.addSquares(references, count: n, at: lane)
    products.addProducts(emulated, references, count: n, at: lane)

    for k in 0..<n {
      let reference = abs(references[k])
      let quotient = abs(errors[k]) / reference
      scratch[k] = reference == 0 ? 0 : quotient
    }
    let zeros = zeroCount(references, count: n)
    zeroReferenceCount += zeros
    relative.add(scratch, count: n, at: lane)
    raise(&worstRelative, scratch, count: n, key: key, place, skipped: zeros) { references[$0] == 0 }

    guard let ulpScale else { return }
    let above = ulpScale.ulps(errors: errors, references: references, count: n, into: scratch)
    aboveRangeCount += above
    ulps.add(scratch, count: n, at: lane)
    raise(&worstUlps, scratch, count: n, key: key, place, skipped: above) {
      ulpScale.format.unitInLastPlace(at: references[$0]) == nil
    }
  }

  /// Raises a maximum to the first greatest of x. A pass that finds nothing greater is all that most rows
  /// cost.
  @inline(__always)
  private func raise(
    _ worst: inout WorstPair?, _ x: UnsafePointer<Double>, count n: Int, key: Int, _ place: RowPlace,
    skipped: Int, isMissing: (Int) -> Bool
  ) {
    var threshold = worst?.value ?? -1
    guard mayExceed(x, threshold, count: n) else { return }
    for k in 0..<n where x[k] > threshold && (skipped == 0 || !isMissing(k)) {
      threshold = x[k]
      worst = WorstPair(value: threshold, place: place.pair(withKey: key + k))
    }
  }

  func sums(keyCounts: [Int]) -> ErrorSums {
    var sums = ErrorSums()
    for key in keyCounts.indices {
      var row = keys.sums(at: key, visible: keyCounts[key])
      row.square = CompensatedSum()
      sums.absolute.merge(row)
    }
    // A key's squares are not kept; every pair stands at one distance too.
    sums.absolute.square = distances.squares?.total
    sums.zeroReferenceCount = zeroReferenceCount
    sums.aboveRangeCount = aboveRangeCount
    sums.ulpFormatSpelling = ulpScale?.format.spelling
    sums.worstRelative = worstRelative
    sums.worstUlps = worstUlps
    sums.relative = relative.total
    sums.ulps = ulps.total
    sums.emulatedSquares = emulatedSquares.total
    sums.referenceSquares = referenceSquares.total
    sums.products = products.total
    return sums
  }
}

/// Accumulates e = emulated − reference over the visible pairs of one geometry.
///
/// One thread at a time may use an accumulator; give each thread its own and hand it over when its tile is
/// done.
public final class ErrorAccumulator: PairAccumulator, @unchecked Sendable {
  /// Positions and distances of the pairs.
  public let geometry: PairGeometry
  /// The format whose ulps measure the error of logits.
  public let ulpFormat: FloatingPointFormat?
  private let logit: SpaceError
  private let probability: SpaceError
  private var keyCounts: VisibleCounts
  private var distanceCounts: VisibleCounts
  private var span = RowSpan()
  private let differences = BlockScratch()
  private let quotients = BlockScratch()

  /// An empty accumulator for queries 0..<0 of layer 0, head 0.
  public init(_ geometry: PairGeometry, ulpFormat: FloatingPointFormat?) {
    self.geometry = geometry
    self.ulpFormat = ulpFormat
    logit = SpaceError(geometry, ulpScale: ulpFormat.map(UlpScale.init))
    probability = SpaceError(geometry, ulpScale: nil)
    keyCounts = VisibleCounts(count: geometry.keyTokens)
    distanceCounts = VisibleCounts(count: geometry.slotCount)
  }

  convenience init(like other: ErrorAccumulator) { self.init(other.geometry, ulpFormat: other.ulpFormat) }

  /// Forgets everything and expects rows of `queries` of a head.
  public func reset(layer: Int, head: Int, queries: Range<Int>) {
    span = RowSpan(layer: layer, head: head, queries: queries)
    logit.reset()
    probability.reset()
    keyCounts.reset()
    distanceCounts.reset()
  }

  /// Adds one query's pairs with a contiguous range of visible keys; as
  /// ``DriftAccumulator/add(query:keys:logits:probabilities:)``, with the emulated values first and the
  /// reference's second, each [keys.count].
  public func add(
    query: Int, keys: Range<Int>,
    logits: (emulated: UnsafeBufferPointer<Double>, reference: UnsafeBufferPointer<Double>),
    probabilities: (emulated: UnsafeBufferPointer<Double>, reference: UnsafeBufferPointer<Double>)
  ) {
    precondition(span.queries.contains(query), "query \(query) is outside \(span.queries)")
    precondition(keys.lowerBound >= 0 && keys.upperBound <= geometry.keyTokens, "no such keys: \(keys)")
    precondition(logits.emulated.count == keys.count && logits.reference.count == keys.count)
    precondition(probabilities.emulated.count == keys.count && probabilities.reference.count == keys.count)
    guard !keys.isEmpty, let logitValues = logits.emulated.baseAddress,
      let logitReferences = logits.reference.baseAddress,
      let probabilityValues = probabilities.emulated.baseAddress,
      let probabilityReferences = probabilities.reference.baseAddress
    else { return }
    let place = RowPlace(layer: span.layer, head: span.head, query: query)
    keyCounts.add(keys)
    geometry.forEachRun(query: query, keys: keys) { _, count, slot in distanceCounts.add(slot..<slot + count)
    }
    forEachBlock(of: keys) { block, offset in
      add(logitValues + offset, logitReferences + offset, query: query, keys: block, to: logit, place)
      add(
        probabilityValues + offset, probabilityReferences + offset, query: query, keys: block,
        to: probability,
        place)
    }
  }

  private func add(
    _ emulated: UnsafePointer<Double>, _ references: UnsafePointer<Double>, query: Int, keys: Range<Int>,
    to space: SpaceError, _ place: RowPlace
  ) {
    let errors = differences.values
    let start = keys.lowerBound
    let allFinite = subtract(emulated, references, count: keys.count, into: errors)
    forEachFiniteRun(errors, count: keys.count, allFinite: allFinite) { run in
      let key = start + run.lowerBound
      space.keys.add(errors + run.lowerBound, count: run.count, at: key, place)
      geometry.forEachRun(query: query, keys: key..<key + run.count) { key, count, slot in
        space.distances.add(errors + (key - start), count: count, at: slot, place)
      }
      space.addLanes(
        errors: errors + run.lowerBound, emulated: emulated + run.lowerBound,
        references: references + run.lowerBound, count: run.count, lane: run.lowerBound, key: key, place,
        scratch: quotients.values)
    } nonfinite: { k in
      space.keys.addNonfinite(at: start + k)
      geometry.forEachRun(query: query, keys: start + k..<start + k + 1) { _, _, slot in
        space.distances.addNonfinite(at: slot)
      }
    }
  }

  /// Appends a tile of the same head; tiles come in ascending query order without gaps.
  public func append(_ tile: ErrorAccumulator) {
    span.append(tile.span)
    merge(tile)
  }

  func merge(_ later: ErrorAccumulator) {
    logit.merge(later.logit)
    probability.merge(later.probability)
    keyCounts.merge(later.keyCounts)
    distanceCounts.merge(later.distanceCounts)
  }

  /// Queries of the head that were appended so far.
  var appendedQueries: Int { span.queries.upperBound }

  /// The error over all pairs in one space; ulps only of logits.
  public func sums(in space: ValueSpace) -> ErrorSums {
    (space == .logit ? logit : probability).sums(keyCounts: keyCounts.values)
  }

  /// One row for each key, ascending.
  public var keyRows: [KeyError] {
    keyCounts.values.enumerated().map { key, count in
      KeyError(
        key: key, logit: logit.keys.sums(at: key, visible: count),
        probability: probability.keys.sums(at: key, visible: count))
    }
  }

  /// One row for each distance at which a pair is visible, ascending.
  public var distanceRows: [DistanceError] {
    let counts = distanceCounts.values
    return counts.indices.reversed().filter { counts[$0] > 0 }.map { slot in
      DistanceError(
        distance: geometry.distance(ofSlot: slot),
        logit: logit.distances.sums(at: slot, visible: counts[slot]),
        probability: probability.distances.sums(at: slot, visible: counts[slot]))
    }
  }
}
