import Testing

@testable import DriftAnalysis

/// Drift of random heads against plain arrays and plain loops over all pairs, and what must not depend on the
/// tiling.
@Suite struct DriftPropertyTests {
  static let queries = 40
  static let keys = 70
  /// Two ranges of keys for late queries: the first four keys and a window.
  static func isVisible(_ query: Int, _ key: Int) -> Bool {
    let token = query + keys - queries
    return key <= token && (key < 4 || token - key < 37)
  }

  static let heads = [(0, 0), (0, 1), (2, 0)].enumerated().map { index, place in
    randomHead(
      layer: place.0, head: place.1, queries: queries, keys: keys, seed: UInt64(index + 1),
      isVisible: isVisible)
  }
  static let lengths = [16, 32, 64, 70]

  static func collected(tileSize: Int, _ positions: [Int] = Array(0..<keys)) throws -> DriftCollector {
    let geometry = try PairGeometry(
      causalQueryPositions: Array(positions.suffix(queries)), keyPositions: positions)
    return collectDrift(
      geometry, heads, lengths: lengths, scale: 0.125, tileSize: tileSize, isVisible: isVisible)
  }

  /// A sum from the smallest magnitude to the greatest.
  static func sum(_ terms: [Double]) -> Double { terms.sorted { abs($0) < abs($1) }.reduce(0, +) }

  static func isClose(_ a: Double?, _ b: Double?) -> Bool {
    guard let a, let b else { return a == nil && b == nil }
    return abs(a - b) <= 1e-14 * max(abs(a), abs(b)) + 1e-16
  }

  @Test func totalsOfEveryPrefixEqualPlainLoops() throws {
    let collector = try Self.collected(tileSize: 7)
    for (index, length) in Self.lengths.enumerated() {
      var (weighted, signed, unweighted, logit, first) = (0.0, 0.0, 0.0, 0.0, 0.0)
      var pairs = 0
      for head in Self.heads {
        for key in 0..<length {
          let seen = (0..<Self.queries).filter {
            $0 + Self.keys - Self.queries < length && Self.isVisible($0, key)
          }
          guard !seen.isEmpty else { continue }
          pairs += seen.count
          let deltas = seen.map { head.probabilities.0[$0][key] - head.probabilities.1[$0][key] }
          let logits = seen.map { abs(head.logits.0[$0][key] - head.logits.1[$0][key]) }
          weighted += Self.sum(deltas.map(abs)) / Double(seen.count)
          signed += abs(Self.sum(deltas)) / Double(seen.count)
          unweighted += Self.sum(deltas.map(abs))
          logit += Self.sum(logits)
          if key == 0 { first += Self.sum(logits) / Double(seen.count) }
        }
      }
      let totals = collector.lengthTotals[index].totals
      #expect(totals.visiblePairs == pairs)
      #expect(Self.isClose(totals.dWeighted, pairs > 0 ? weighted : nil))
      #expect(Self.isClose(totals.dSigned, pairs > 0 ? signed : nil))
      #expect(Self.isClose(totals.dUnweighted, pairs > 0 ? unweighted : nil))
      #expect(Self.isClose(totals.sumAbsLogitDifference, pairs > 0 ? logit : nil))
      #expect(Self.isClose(totals.dLogit, pairs > 0 ? first : nil))
      #expect(Self.isClose(totals.dLogitUnscaled, pairs > 0 ? first * 8 : nil))
    }
    #expect(collector.lengthTotals.last?.totals == collector.totals)
  }

  /// Positions with gaps, a repeated one and a restart, so that runs of distances are short; then such as lie far apart.
  @Test(arguments: [1, 1 << 40]) func keysAndDistancesEqualPlainLoops(step: Int) throws {
    let positions = (0..<Self.keys).map {
      $0 % 23 == 5 ? $0 - 1 : $0 < 50 ? $0 : ($0 * 3 - 140) * ($0 < 60 ? 1 : step)
    }
    let tables = try Self.collected(tileSize: 7, positions).totalTables
    var byKey: [Int: [Double]] = [:]
    var byDistance: [Int: [Double]] = [:]
    for head in Self.heads {
      for query in 0..<Self.queries {
        for key in 0..<Self.keys where Self.isVisible(query, key) {
          let delta = head.logits.0[query][key] - head.logits.1[query][key]
          byKey[key, default: []].append(delta)
          let distance = positions[query + Self.keys - Self.queries] - positions[key]
          byDistance[distance, default: []].append(delta)
        }
      }
    }
    func check(_ sums: DifferenceSums, _ deltas: [Double]) {
      #expect(sums.count == deltas.count)
      #expect(sums.maximum == deltas.map(abs).max())
      guard !deltas.isEmpty else { return }
      let count = Double(deltas.count)
      #expect(Self.isClose(sums.mean, Self.sum(deltas.map(abs)) / count))
      #expect(abs((sums.signedMean ?? .nan) - Self.sum(deltas) / count) < 1e-16)
      #expect(Self.isClose(sums.rootMeanSquare, (Self.sum(deltas.map { $0 * $0 }) / count).squareRoot()))
    }
    for row in tables.keyRows { check(row.logit, byKey[row.key] ?? []) }
    #expect(tables.distanceRows.map(\.distance) == byDistance.keys.sorted())
    for row in tables.distanceRows { check(row.logit, byDistance[row.distance] ?? []) }
  }

  @Test func sharesSumToOneAndNoneExceedsTheBound() throws {
    let collector = try Self.collected(tileSize: 16)
    let rows = collector.totalTables.keyRows
    for shares in [rows.map(\.logitConcentration), rows.map(\.probabilityConcentration)] {
      #expect(abs(shares.compactMap(\.share).reduce(0, +) - 1) < 1e-14)
      #expect(abs(shares.compactMap(\.uniformShare).reduce(0, +) - 1) < 1e-14)
    }
    let bound = try #require(ShareBound(probabilitiesAreRounded: false).value)
    #expect(rows.allSatisfy { ($0.probabilityConcentration.share ?? 1) <= bound + 1e-12 })
  }

  /// Two keys share all drift of their rows: each has exactly half, the most that is possible.
  @Test func theBoundIsReached() {
    let values = HeadValues(
      logits: ([[1], [1, 1]], [[1], [1, 1]]), probabilities: ([[1], [0.25, 0.75]], [[1], [0.5, 0.5]]))
    let totals = collectDrift(sequentialGeometry(queries: 2, keys: 2), [values]).totals
    #expect(totals.concentration(in: .probability)?.share == 0.5)
  }

  @Test func theTilingIsNotSeenInTheResult() throws {
    let whole = try Self.collected(tileSize: 1000)
    for tileSize in [1, 3, 16] {
      let cut = try Self.collected(tileSize: tileSize)
      for (a, b) in zip(whole.totalTables.keyRows, cut.totalTables.keyRows) {
        #expect(a.logit.maximum == b.logit.maximum && a.logit.maximumPlace == b.logit.maximumPlace)
        for (x, y) in [
          (a.logit.mean, b.logit.mean), (a.logit.signedMean, b.logit.signedMean),
          (a.probability.rootMeanSquare, b.probability.rootMeanSquare), (a.attention, b.attention),
        ] {
          let (x, y) = (try #require(x), try #require(y))
          #expect(abs(x - y) <= x.ulp)
        }
      }
      let (x, y) = (try #require(whole.totals.dWeighted), try #require(cut.totals.dWeighted))
      #expect(abs(x - y) <= x.ulp)
    }
  }

  /// Tiles made by concurrent tasks, in whatever order they finish, and merged by index: the same bytes as
  /// one thread.
  @Test func theOrderOfTasksIsNotSeenInTheResult() async throws {
    let serial = try Self.collected(tileSize: 3)
    let geometry = serial.geometry
    let collector = DriftCollector(geometry, lengths: Self.lengths, scale: 0.125)
    let tiles = geometry.tiles(ofAtMost: 3, lengths: Self.lengths)
    for values in Self.heads {
      collector.beginHead(layer: values.layer, head: values.head)
      let finished = await withTaskGroup(of: (Int, DriftAccumulator).self) { group in
        for index in tiles.indices.reversed() {
          group.addTask { (index, driftTile(geometry, values, tiles[index], isVisible: Self.isVisible)) }
        }
        return await group.reduce(into: [Int: DriftAccumulator]()) { $0[$1.0] = $1.1 }
      }
      for index in tiles.indices { collector.append(finished[index]!) }
      collector.finishHead()
    }
    #expect(collector.heads == serial.heads)
    #expect(collector.totals == serial.totals)
    #expect(collector.lengthTotals == serial.lengthTotals)
    #expect(collector.totalTables.keyRows == serial.totalTables.keyRows)
    #expect(collector.totalTables.distanceRows == serial.totalTables.distanceRows)
  }

  /// Rows longer than a block, with values that are not finite in every block.
  @Test func blocksAndRunsOfFiniteValues() {
    let keys = 2 * blockSize + 77
    var numbers = SeededNumbers(seed: 5)
    let first = (0..<keys).map { $0 % 97 == 13 || $0 == blockSize ? Double.nan : numbers.next() }
    let zeros = Array(repeating: 0.0, count: keys)
    let rows = collectDrift(
      sequentialGeometry(queries: 1, keys: keys),
      [HeadValues(logits: ([first], [zeros]), probabilities: ([zeros], [first]))]
    ).totalTables
    for row in rows.keyRows {
      let value = first[row.key]
      #expect(row.logit.nonfiniteCount == (value.isFinite ? 0 : 1))
      #expect(row.logit.signedSum == (value.isFinite ? value : nil))
      #expect(row.probability.signedSum == (value.isFinite ? -value : nil))
    }
    #expect(rows.distanceRows.map(\.logit.signedSum) == rows.keyRows.reversed().map(\.logit.signedSum))
  }

  @Test func compensatedSumsKeepWhatRoundingLoses() {
    var sum = CompensatedSum()
    for term in [1, 0x1p100, 1, -0x1p100] { sum.add(term) }
    #expect(sum.value == 2)
    sum.add(.greatestFiniteMagnitude)
    sum.add(.greatestFiniteMagnitude)
    #expect(sum.value == .infinity)
  }

  @Test func geometry() throws {
    let geometry = sequentialGeometry(queries: 6, keys: 8)
    #expect(geometry.tiles(ofAtMost: 4, lengths: [1, 5, 8]) == [0..<3, 3..<6])
    #expect(geometry.queryCount(ofPrefix: 1) == 0)
    let empty = try PairGeometry(causalQueryPositions: [], keyPositions: [])
    #expect(empty.tiles(ofAtMost: 4, lengths: [64]) == [])
    // Three pairs, two distances: tables grow with tokens and not with positions.
    let far = try PairGeometry(causalQueryPositions: [0, 1 << 52], keyPositions: [0, 1 << 52])
    #expect(far.slotCount == 2 && (0..<2).map(far.distance(ofSlot:)) == [1 << 52, 0])
    // 1024 · 1023 / 2 different distances are more than there is room for.
    let squares = (0..<1024).map { $0 * $0 * $0 * $0 }
    #expect(throws: AnalysisError.tooManyDistances(limit: 1 << 18)) {
      try PairGeometry(causalQueryPositions: squares, keyPositions: squares)
    }
  }
}
