import Testing

@testable import DriftAnalysis

private func root(_ x: Double) -> Double { x.squareRoot() }

/// Spares the type checker long literals of optionals.
private func numbers(_ values: Double?...) -> [Double?] { values }

/// Every formula of drift on a 3 × 3 causal square, worked out by hand.
///
///     δ logit:  query 0:  1               δ probability:  0
///               query 1: −2   4                           1/8  −1/8
///               query 2:  3   4  −8                      −1/4   1/8  1/8
///
/// Key 0 is seen by 3 queries, key 1 by 2, key 2 by 1; 6 pairs in all.
@Suite struct DriftFormulaTests {
  static let square = HeadValues(
    layer: 3, head: 5,
    logits: (
      [[1, .nan, .nan], [0, 5, .nan], [4, 4, -7]], [[0, .nan, .nan], [2, 1, .nan], [1, 0, 1]]
    ),
    probabilities: (
      [[1, .nan, .nan], [0.5, 0.5, .nan], [0.25, 0.5, 0.25]],
      [[1, .nan, .nan], [0.375, 0.625, .nan], [0.5, 0.375, 0.125]]
    ))

  static func collected(_ heads: [HeadValues] = [square], lengths: [Int] = [], tileSize: Int = 1)
    -> DriftCollector
  {
    collectDrift(
      sequentialGeometry(queries: 3, keys: 3), heads, lengths: lengths, scale: 0.5, tileSize: tileSize)
  }

  @Test func keysOfLogits() {
    let rows = Self.collected().totalTables.keyRows
    #expect(rows.map(\.count) == [3, 2, 1])
    #expect(rows.map(\.weight) == numbers(1.0 / 3, 0.5, 1))
    // |1| + |−2| + |3|; |4| + |4|; |−8|.
    #expect(rows.map(\.logit.sumOfMagnitudes) == numbers(6, 8, 8))
    #expect(rows.map(\.logit.mean) == numbers(2, 4, 8))
    #expect(rows.map(\.logit.signedSum) == numbers(2, 8, -8))
    #expect(rows.map(\.logit.signedMean) == numbers(2.0 / 3, 4, -8))
    // (1 + 4 + 9)/3, (16 + 16)/2, 64.
    #expect(rows.map(\.logit.rootMeanSquare) == numbers(root(14.0 / 3), 4, 8))
    #expect(rows.map(\.logit.maximum) == numbers(3, 4, 8))
    // Key 1 has 4 at queries 1 and 2: the earlier stands.
    #expect(rows.map { $0.logit.maximumPlace?.query } == [2, 1, 2])
    #expect(rows[1].logit.maximumPlace == PairPlace(layer: 3, head: 5, query: 1, key: 1))
    #expect(rows.map(\.logit.nonfiniteCount) == [0, 0, 0])
  }

  @Test func keysOfProbabilities() {
    let rows = Self.collected().totalTables.keyRows
    // 0 + 1/8 + 1/4; 1/8 + 1/8; 1/8.
    #expect(rows.map(\.probability.sumOfMagnitudes) == numbers(0.375, 0.25, 0.125))
    // 0 + 1/8 − 1/4; −1/8 + 1/8; 1/8.
    #expect(rows.map(\.probability.signedSum) == numbers(-0.125, 0, 0.125))
    #expect(rows.map(\.probability.maximum) == numbers(0.25, 0.125, 0.125))
    #expect(rows.map(\.attention) == numbers(1.75, 1, 0.25))
    #expect(rows.map(\.weightedProbability) == numbers(0.125, 0.125, 0.125))
  }

  @Test func concentrationThreeWays() throws {
    let rows = Self.collected().totalTables.keyRows
    #expect(rows.map(\.logitConcentration.share) == numbers(6.0 / 22, 8.0 / 22, 8.0 / 22))
    #expect(rows.map(\.logitConcentration.uniformShare) == numbers(3.0 / 6, 2.0 / 6, 1.0 / 6))
    // Mean over the other keys' pairs: (8 + 8)/3; (6 + 8)/4; (6 + 8)/5.
    #expect(rows.map(\.logitConcentration.ratioToOthers) == numbers(2 / (16.0 / 3), 4 / 3.5, 8 / 2.8))
    #expect(rows.map(\.logitConcentration.relativeChange) == numbers(nil, nil, nil))
    #expect(rows.map(\.probabilityConcentration.share) == numbers(0.5, 0.25 / 0.75, 0.125 / 0.75))
    #expect(rows.map(\.probabilityConcentration.relativeChange) == numbers(0.375 / 1.75, 0.25, 0.5))
    let totals = Self.collected().totals
    #expect(totals.concentration(in: .logit) == rows[0].logitConcentration)
    #expect(totals.concentration(in: .probability) == rows[0].probabilityConcentration)
    #expect(totals.concentration(ofKey: 1, in: .logit)?.share == 8.0 / 22)
    // Key 3 is not tracked.
    #expect(totals.concentration(ofKey: 3, in: .logit) == nil)
  }

  @Test func totals() {
    let totals = Self.collected().totals
    #expect(totals.visiblePairs == 6)
    // 0.375/3 + 0.25/2 + 0.125/1.
    #expect(totals.dWeighted == 0.375)
    #expect(totals.dUnweighted == 0.75)
    // 0.125/3 + 0/2 + 0.125/1.
    let signed: Double = 0.125 / 3 + 0.125
    #expect(totals.dSigned == signed)
    #expect(totals.sumAbsLogitDifference == 22)
    // (1 + 2 + 3)/3, over the scale of 1/2.
    #expect(totals.dLogit == 2)
    #expect(totals.dLogitUnscaled == 4)
    #expect(totals.logit.maximum == 8)
    #expect(totals.logit.maximumPlace == PairPlace(layer: 3, head: 5, query: 2, key: 2))
    // Keys 1 and 2 have 1/8 too, key 0 has 1/4.
    #expect(totals.probability.maximumPlace?.key == 0)
  }

  @Test func prefixLengths() throws {
    let lengths = Self.collected(lengths: [1, 2, 3], tileSize: 3).lengthTotals
    #expect(lengths.map(\.length) == [1, 2, 3])
    #expect(lengths.map(\.totals.visiblePairs) == [1, 3, 6])
    // L = 2: key 0 seen by 2 queries, key 1 by 1: 0.125/2 + 0.125/1.
    #expect(lengths.map(\.totals.dWeighted) == numbers(0, 0.1875, 0.375))
    #expect(lengths.map(\.totals.dUnweighted) == numbers(0, 0.25, 0.75))
    #expect(lengths.map(\.totals.dSigned) == numbers(0, 0.1875, 0.125 / 3 + 0.125))
    // 1/1; (1 + 2)/2; (1 + 2 + 3)/3.
    #expect(lengths.map(\.totals.dLogit) == numbers(1, 1.5, 2))
    #expect(lengths.map(\.totals.sumAbsLogitDifference) == numbers(1, 7, 22))
    #expect(lengths.last?.totals == Self.collected().totals)
    #expect(lengths[1].totals.concentration(in: .logit)?.share == 3.0 / 7)
  }

  @Test func distances() {
    let rows = Self.collected().totalTables.distanceRows
    #expect(rows.map(\.distance) == [0, 1, 2])
    #expect(rows.map(\.count) == [3, 2, 1])
    // Distance 0: 1, 4, −8; distance 1: −2, 4; distance 2: 3.
    #expect(rows.map(\.logit.sumOfMagnitudes) == numbers(13, 6, 3))
    #expect(rows.map(\.logit.signedSum) == numbers(-3, 2, 3))
    #expect(rows.map(\.logit.maximum) == numbers(8, 4, 3))
    #expect(rows.map(\.logit.rootMeanSquare) == numbers(root(27), root(10), 3))
    #expect(rows.map(\.probability.sumOfMagnitudes) == numbers(0.25, 0.25, 0.25))
    #expect(rows[0].logit.maximumPlace == nil)
  }

  /// Two heads of one layer and one of another: totals add; n_j stays a weight within a head.
  @Test func headsAddUpToLayersAndTotal() {
    var second = Self.square
    second.head = 6
    second.logits.0 = second.logits.0.map { $0.map { $0 * 2 } }
    second.logits.1 = second.logits.1.map { $0.map { $0 * 2 } }
    var third = Self.square
    (third.layer, third.head) = (4, 0)
    let collector = Self.collected([Self.square, second, third], lengths: [2])
    #expect(collector.heads.map(\.totals.dLogit) == [2, 4, 2])
    #expect(collector.layers.map(\.layer) == [3, 4])
    #expect(collector.layers.map(\.totals.dLogit) == [6, 2])
    #expect(collector.layers.map(\.totals.dWeighted) == [0.75, 0.375])
    #expect(collector.totals.dLogit == 8)
    #expect(collector.totals.dLogitUnscaled == 16)
    #expect(collector.totals.visiblePairs == 18)
    #expect(collector.lengthTotals[0].totals.dLogit == 1.5 + 3 + 1.5)
    #expect(collector.heads[1].lengths[0].totals.dLogit == 3)
    // 16 at the second head; 1/4 at all three, the first of which stands.
    #expect(collector.totals.logit.maximumPlace == PairPlace(layer: 3, head: 6, query: 2, key: 2))
    #expect(collector.totals.probability.maximumPlace == PairPlace(layer: 3, head: 5, query: 2, key: 0))
    #expect(collector.layerTables.keyRows[0].count == 3)
    #expect(collector.totalTables.keyRows[0].count == 9)
    // 6 + 12 + 6.
    #expect(collector.totalTables.keyRows[0].logit.sumOfMagnitudes == 24)
    #expect(collector.totalTables.keyRows[2].logit.maximumPlace?.head == 6)
  }

  /// Two queries at the end of four keys. Key 3 is seen by the last alone.
  @Test func decodingAlignsAtTheLastToken() {
    let values = HeadValues(
      logits: ([[1, 1, 1, 99], [2, 2, 2, 2]], [[0, 0, 0, 0], [0, 0, 0, 0]]),
      probabilities: ([[0, 0, 0, 99], [0, 0, 0, 0]], [[0, 0, 0, 0], [0, 0, 0, 0]]))
    let geometry = sequentialGeometry(queries: 2, keys: 4)
    #expect(geometry.distances == 0...3)
    let collector = collectDrift(geometry, [values], lengths: [2, 3, 4])
    #expect(collector.totals.visiblePairs == 7)
    #expect(collector.totalTables.keyRows.map(\.count) == [2, 2, 2, 1])
    #expect(collector.totals.dLogit == 1.5)
    // Tokens 0 and 1 have no query: nothing is known, which is not zero.
    #expect(collector.lengthTotals[0].totals.visiblePairs == 0)
    #expect(collector.lengthTotals[0].totals.dLogit == nil)
    #expect(collector.lengthTotals[0].totals.dWeighted == nil)
    #expect(collector.lengthTotals[0].totals.concentration(in: .logit)?.share == nil)
    #expect(collector.lengthTotals[1].totals.dLogit == 1)
    #expect(collector.totalTables.distanceRows.map(\.logit.sumOfMagnitudes) == [3, 3, 3, 2])
  }

  @Test func nonfiniteValuesAreCountedAndLeftOut() {
    var values = Self.square
    // Query 1: ∞ − ∞ at key 0, NaN against a number at key 1; its probabilities are NaN throughout.
    (values.logits.0[1], values.logits.1[1]) = ([.infinity, .nan, 0], [.infinity, 1, 0])
    values.probabilities.0[1] = [.nan, .nan, .nan]
    let collector = Self.collected([values], tileSize: 2)
    let rows = collector.totalTables.keyRows
    #expect(rows.map(\.logit.nonfiniteCount) == [1, 1, 0])
    #expect(rows.map(\.probability.nonfiniteCount) == [1, 1, 0])
    #expect(rows.map(\.logit.mean) == numbers(2, 4, 8))
    #expect(rows[0].logit.signedMean == 2)
    #expect(rows.map(\.attention) == numbers(1.25, 0.5, 0.25))
    #expect(rows.map { $0.logit.maximumPlace?.query } == [2, 2, 2])
    // n_j counts every query that sees j: 0.25/3 + 0.125/2 + 0.125/1.
    let weighted: Double = 0.25 / 3 + 0.0625 + 0.125
    #expect(collector.totals.dWeighted == weighted)
    #expect(collector.totals.dLogit == 4.0 / 3)
    #expect(collector.totals.logit.nonfiniteCount == 2)
    let distances = collector.totalTables.distanceRows
    #expect(distances.map(\.logit.nonfiniteCount) == [1, 1, 0])
    #expect(distances.map(\.logit.sumOfMagnitudes) == [9, 4, 3])
  }

  @Test func withoutAFiniteDifferenceNothingIsKnown() {
    let nan: Matrix = Array(repeating: [.nan, .nan, .nan], count: 3)
    let collector = Self.collected([
      HeadValues(logits: (nan, nan), probabilities: (nan, nan))
    ])
    let totals = collector.totals
    #expect(totals.logit.nonfiniteCount == 6)
    #expect(totals.dWeighted == nil && totals.dSigned == nil && totals.dUnweighted == nil)
    #expect(totals.dLogit == nil && totals.dLogitUnscaled == nil && totals.sumAbsLogitDifference == nil)
    #expect(totals.logit.maximum == nil && totals.logit.rootMeanSquare == nil && totals.logit.mean == nil)
    #expect(collector.totalTables.keyRows[0].attention == nil)
    #expect(totals.concentration(in: .probability)?.relativeChange == nil)
  }

  /// Equal runs: drift is known to be zero, shares of it are not defined.
  @Test func noDriftIsZeroWithoutShares() {
    var values = Self.square
    (values.logits.1, values.probabilities.1) = (values.logits.0, values.probabilities.0)
    let totals = Self.collected([values]).totals
    #expect(totals.dWeighted == 0 && totals.dLogit == 0 && totals.logit.maximum == 0)
    #expect(totals.logit.maximumPlace == PairPlace(layer: 3, head: 5, query: 0, key: 0))
    let concentration = totals.concentration(in: .probability)
    #expect(concentration?.share == nil && concentration?.ratioToOthers == nil)
    #expect(concentration?.relativeChange == 0)
  }

  /// 65 keys, one query at the end, |δ| = 4 at key 0 and 1 elsewhere: 4 / (4 + 1 + 1 + 1 + 1).
  @Test func fiveKeyFraction() {
    let row = [4.0] + Array(repeating: -1.0, count: 64)
    let zeros = Array(repeating: 0.0, count: 65)
    let values = HeadValues(logits: ([row], [zeros]), probabilities: ([row], [zeros]))
    let totals = collectDrift(sequentialGeometry(queries: 1, keys: 65), [values]).totals
    #expect(totals.fiveKeyFraction(in: .logit) == 0.5)
    #expect(totals.fiveKeyFraction(in: .probability) == 0.5)
    // Without key 64 it is not defined.
    #expect(Self.collected().totals.fiveKeyFraction(in: .logit) == nil)
  }

  @Test func boundOfAShare() {
    #expect(ShareBound(probabilitiesAreRounded: false).value == 0.5)
    #expect(ShareBound(probabilitiesAreRounded: true).value == nil)
    #expect(ShareBound(probabilitiesAreRounded: false, isWeighted: true).description == "no bound")
  }
}
