// Drift per key and per distance, from rows of logits and probabilities at two shifts. The same class serves
// a tile, a head, a layer and the total; memory grows with tokens, never with their square.

/// Accumulates δ = value(Δ₁) − value(Δ₂) over the visible pairs of one geometry.
///
/// One thread at a time may use an accumulator; give each thread its own and hand it over when its tile is
/// done.
public final class DriftAccumulator: PairAccumulator, @unchecked Sendable {
  /// Positions and distances of the pairs.
  public let geometry: PairGeometry
  private let logitKeys: DifferenceTable
  private let probabilityKeys: DifferenceTable
  private let attentionKeys: SumColumn
  private let logitDistances: DifferenceTable
  private let probabilityDistances: DifferenceTable
  private var keyCounts: VisibleCounts
  private var distanceCounts: VisibleCounts
  private(set) var span = RowSpan()
  private let scratch = BlockScratch()

  /// An empty accumulator for queries 0..<0 of layer 0, head 0.
  public init(_ geometry: PairGeometry) {
    self.geometry = geometry
    let keys = geometry.keyTokens
    let slots = geometry.slotCount
    logitKeys = DifferenceTable(count: keys, keeping: [.signed, .squares, .places])
    probabilityKeys = DifferenceTable(count: keys, keeping: [.signed, .squares, .places])
    attentionKeys = SumColumn(count: keys)
    logitDistances = DifferenceTable(count: slots, keeping: [.signed, .squares])
    probabilityDistances = DifferenceTable(count: slots, keeping: [.signed, .squares])
    keyCounts = VisibleCounts(count: keys)
    distanceCounts = VisibleCounts(count: slots)
  }

  convenience init(like other: DriftAccumulator) { self.init(other.geometry) }

  /// Forgets everything and expects rows of `queries` of a head.
  public func reset(layer: Int, head: Int, queries: Range<Int>) {
    span = RowSpan(layer: layer, head: head, queries: queries)
    for slots in probabilityKeys.touched.ranges { attentionKeys.reset(slots) }
    for table in [logitKeys, probabilityKeys, logitDistances, probabilityDistances] { table.reset() }
    keyCounts.reset()
    distanceCounts.reset()
  }

  /// Adds one query's pairs with a contiguous range of visible keys. A query whose mask leaves several ranges
  /// takes several calls; a pair is added once. Queries come in ascending order.
  ///
  /// - Parameters:
  ///   - query: index in the file, within the queries of ``reset(layer:head:queries:)``.
  ///   - keys: indices in the file.
  ///   - logits: logits at Δ₁ and at Δ₂, each [keys.count].
  ///   - probabilities: probabilities at Δ₁ and at Δ₂, each [keys.count].
  public func add(
    query: Int, keys: Range<Int>, logits: (UnsafeBufferPointer<Double>, UnsafeBufferPointer<Double>),
    probabilities: (UnsafeBufferPointer<Double>, UnsafeBufferPointer<Double>)
  ) {
    precondition(span.queries.contains(query), "query \(query) is outside \(span.queries)")
    precondition(keys.lowerBound >= 0 && keys.upperBound <= geometry.keyTokens, "no such keys: \(keys)")
    precondition(logits.0.count == keys.count && logits.1.count == keys.count)
    precondition(probabilities.0.count == keys.count && probabilities.1.count == keys.count)
    guard !keys.isEmpty, let firstLogits = logits.0.baseAddress, let secondLogits = logits.1.baseAddress,
      let firstProbabilities = probabilities.0.baseAddress,
      let secondProbabilities = probabilities.1.baseAddress
    else { return }
    let place = RowPlace(layer: span.layer, head: span.head, query: query)
    keyCounts.add(keys)
    geometry.forEachRun(query: query, keys: keys) { _, count, slot in distanceCounts.add(slot..<slot + count)
    }
    forEachBlock(of: keys) { block, offset in
      add(
        firstLogits + offset, secondLogits + offset, query: query, keys: block, to: logitKeys, logitDistances,
        place)
      add(
        firstProbabilities + offset, secondProbabilities + offset, query: query, keys: block,
        to: probabilityKeys, probabilityDistances, place, attention: attentionKeys)
    }
  }

  private func add(
    _ first: UnsafePointer<Double>, _ second: UnsafePointer<Double>, query: Int, keys: Range<Int>,
    to keyTable: DifferenceTable, _ distanceTable: DifferenceTable, _ place: RowPlace,
    attention: SumColumn? = nil
  ) {
    let differences = scratch.values
    let start = keys.lowerBound
    let allFinite = subtract(first, second, count: keys.count, into: differences)
    forEachFiniteRun(differences, count: keys.count, allFinite: allFinite) { run in
      let key = start + run.lowerBound
      keyTable.add(differences + run.lowerBound, count: run.count, at: key, place)
      attention?.add(first + run.lowerBound, count: run.count, at: key)
      geometry.forEachRun(query: query, keys: key..<key + run.count) { key, count, slot in
        distanceTable.add(differences + (key - start), count: count, at: slot, place)
      }
    } nonfinite: { k in
      keyTable.addNonfinite(at: start + k)
      geometry.forEachRun(query: query, keys: start + k..<start + k + 1) { _, _, slot in
        distanceTable.addNonfinite(at: slot)
      }
    }
  }

  /// Appends a tile of the same head; tiles come in ascending query order without gaps.
  public func append(_ tile: DriftAccumulator) {
    span.append(tile.span)
    merge(tile)
  }

  func merge(_ later: DriftAccumulator) {
    logitKeys.merge(later.logitKeys)
    probabilityKeys.merge(later.probabilityKeys)
    for slots in later.probabilityKeys.touched.ranges {
      attentionKeys.merge(later.attentionKeys, slots)
    }
    logitDistances.merge(later.logitDistances)
    probabilityDistances.merge(later.probabilityDistances)
    keyCounts.merge(later.keyCounts)
    distanceCounts.merge(later.distanceCounts)
  }

  /// The totals of a head over the tokens below `length`.
  ///
  /// - Precondition: exactly the queries of that prefix were appended (``PairGeometry/queryCount(ofPrefix:)``), and they all
  ///   belong to one head.
  /// - Parameters:
  ///   - length: L.
  ///   - scale: what the logits were multiplied by, for `d_logit_unscaled`.
  public func closePrefix(length: Int, scale: Double) -> LengthDrift {
    precondition(
      span.queries.upperBound == geometry.queryCount(ofPrefix: length),
      "the prefix of \(length) tokens ends at query \(geometry.queryCount(ofPrefix: length)), not at "
        + "\(span.queries.upperBound); cut the tiles there")
    return LengthDrift(
      length: length, totals: totals(keys: min(max(length, 0), geometry.keyTokens), scale: scale))
  }

  /// The totals of a head over all that was appended. Layers and totals of several heads come from
  /// ``DriftTotals/merge(_:)``, because n_j is a weight within a head.
  public func totals(scale: Double) -> DriftTotals { totals(keys: geometry.keyTokens, scale: scale) }

  private func totals(keys: Int, scale: Double) -> DriftTotals {
    var totals = DriftTotals()
    let counts = keyCounts.values
    totals.trackedKeys = DriftTotals.fiveKeys.filter { $0 < keys }.map {
      TrackedKey(
        key: $0, logit: logitKeys.sums(at: $0, visible: counts[$0]),
        probability: probabilityKeys.sums(at: $0, visible: counts[$0]), attention: attentionKeys[$0])
    }
    for key in 0..<keys where counts[key] > 0 {
      let logit = logitKeys.sums(at: key, visible: counts[key])
      let probability = probabilityKeys.sums(at: key, visible: counts[key])
      totals.logit.merge(logit)
      totals.probability.merge(probability)
      for index in totals.trackedKeys.indices where totals.trackedKeys[index].key != key {
        totals.trackedKeys[index].logitOthers.add(logit.magnitude)
        totals.trackedKeys[index].probabilityOthers.add(probability.magnitude)
      }
      let queries = Double(counts[key])
      if let sum = probability.sumOfMagnitudes { totals.weighted.add(sum / queries) }
      if let sum = probability.signedSum { totals.weightedSigned.add(abs(sum) / queries) }
      if key == 0, let sum = logit.sumOfMagnitudes {
        totals.firstKeyLogit.add(sum / queries)
        totals.firstKeyLogitUnscaled.add(sum / queries / scale)
      }
    }
    return totals
  }

  /// One row for each key, ascending, with shares of this accumulator's sums.
  public var keyRows: [KeyDrift] {
    let counts = keyCounts.values
    let logits = counts.indices.map { logitKeys.sums(at: $0, visible: counts[$0]) }
    let probabilities = counts.indices.map { probabilityKeys.sums(at: $0, visible: counts[$0]) }
    let (logitTotal, logitOthers) = Self.totalAndOthers(logits)
    let (probabilityTotal, probabilityOthers) = Self.totalAndOthers(probabilities)
    return counts.indices.map { key in
      let attention = attentionKeys[key]
      return KeyDrift(
        key: key, logit: logits[key], probability: probabilities[key],
        attention: probabilities[key].finiteCount > 0 ? attention.value : nil,
        logitConcentration: Concentration(
          of: logits[key], among: logitTotal, others: logitOthers[key], attention: nil),
        probabilityConcentration: Concentration(
          of: probabilities[key], among: probabilityTotal, others: probabilityOthers[key],
          attention: attention))
    }
  }

  /// The sums over all keys, and for each key Σ|δ| over the others: those before it and those after it.
  private static func totalAndOthers(_ keys: [DifferenceSums]) -> (DifferenceSums, [CompensatedSum]) {
    var total = DifferenceSums()
    var others: [CompensatedSum] = []
    var before = CompensatedSum()
    for key in keys {
      total.merge(key)
      others.append(before)
      before.add(key.magnitude)
    }
    var after = CompensatedSum()
    for key in keys.indices.reversed() {
      others[key].add(after)
      after.add(keys[key].magnitude)
    }
    return (total, others)
  }

  /// One row for each distance at which a pair is visible, ascending.
  public var distanceRows: [DistanceDrift] {
    let counts = distanceCounts.values
    return counts.indices.reversed().filter { counts[$0] > 0 }.map { slot in
      DistanceDrift(
        distance: geometry.distance(ofSlot: slot),
        logit: logitDistances.sums(at: slot, visible: counts[slot]),
        probability: probabilityDistances.sums(at: slot, visible: counts[slot]))
    }
  }
}
