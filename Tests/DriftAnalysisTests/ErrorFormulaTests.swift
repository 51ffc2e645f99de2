import FloatingPointFormats
import Testing

@testable import DriftAnalysis

/// Every formula of error on two queries and two keys, worked out by hand. Emulated and reference logits:
///
///     query 0:  3 (2)              e =  1
///     query 1: −1 (−4)  1/2 (0)    e =  3   1/2
@Suite struct ErrorFormulaTests {
  static let values = HeadValues(
    layer: 1, head: 2, logits: ([[3, 0], [-1, 0.5]], [[2, 0], [-4, 0]]),
    probabilities: ([[1, 0], [0.25, 0.75]], [[1, 0], [0.5, 0.5]]))

  static func collected(_ values: HeadValues = values, _ format: FloatingPointFormat? = .bf16)
    -> ErrorCollector
  {
    collectError(sequentialGeometry(queries: 2, keys: 2), [values], ulpFormat: format, tileSize: 1)
  }

  @Test func absoluteAndRelative() {
    let sums = Self.collected().totals(in: .logit)
    #expect(sums.absolute.count == 3)
    #expect(sums.absolute.mean == 1.5)
    #expect(sums.absolute.maximum == 3)
    #expect(sums.absolute.maximumPlace == PairPlace(layer: 1, head: 2, query: 1, key: 0))
    // (1 + 9 + 1/4)/3.
    #expect(sums.absolute.rootMeanSquare == (10.25 / 3).squareRoot())
    // 1/2 and 3/4; the third reference is zero.
    #expect(sums.zeroReferenceCount == 1)
    #expect(sums.meanRelative == 0.625)
    #expect(sums.maximumRelative == 0.75)
    #expect(sums.worstRelative?.place == PairPlace(layer: 1, head: 2, query: 1, key: 0))
    // −log₂(3/4) = 0.41503…; 424/1024 = 0.41406, 425/1024 = 0.41504.
    #expect(sums.minimumCorrectBits == 424.0 / 1024)
    // 10.25 / (4 + 16).
    #expect(sums.normalizedMeanSquare == 10.25 / 20)
    // (6 + 4)/√((9 + 1 + 1/4)·20).
    #expect(sums.cosine == 10 / (10.25 * 20.0).squareRoot())
  }

  @Test func unitsInTheLastPlace() {
    // bf16 has 8 bits: ulp(2) = 2^−6, ulp(4) = 2^−5, ulp(0) = 2^−133: 64, 96, 2^132.
    let sums = Self.collected().totals(in: .logit)
    #expect(sums.maximumUlps == 0x1p132)
    #expect(sums.worstUlps?.place == PairPlace(layer: 1, head: 2, query: 1, key: 1))
    #expect(sums.meanUlps == (0x1p132 + 160) / 3)
    #expect(sums.ulpFormatSpelling == "bf16")
    // fp8-e4m3fn ends at 448.
    var values = Self.values
    (values.logits.0[1][1], values.logits.1[1][1]) = (450, 449)
    let narrow = Self.collected(values, .fp8E4M3FN).totals(in: .logit)
    #expect(narrow.aboveRangeCount == 1)
    // 4 bits: ulp(2) = 1/4, ulp(4) = 1/2: 4 and 6.
    #expect(narrow.meanUlps == 5)
    #expect(narrow.maximumUlps == 6)
    #expect(Self.collected(values, nil).totals(in: .logit).maximumUlps == nil)
    #expect(Self.collected().totals(in: .probability).maximumUlps == nil)
  }

  @Test func rows() {
    let collector = Self.collected()
    let keys = collector.totalTables.keyRows
    #expect(keys.map(\.logit.mean) == [2, 0.5])
    #expect(keys.map(\.logit.maximum) == [3, 0.5])
    #expect(keys.map(\.probability.mean) == [0.125, 0.25])
    #expect(keys[0].logit.rootMeanSquare == nil)
    let distances = collector.totalTables.distanceRows
    #expect(distances.map(\.distance) == [0, 1])
    #expect(distances.map(\.logit.mean) == [0.75, 3])
    #expect(distances.map(\.logit.maximum) == [1, 3])
    // (1 + 1/4)/2.
    #expect(distances.map(\.logit.rootMeanSquare) == [(5.0 / 8).squareRoot(), 3])
    #expect(collector.heads.map(\.logit) == [collector.totals(in: .logit)])
    #expect(collector.layers.map(\.probability) == [collector.totals(in: .probability)])
  }

  @Test func nonfiniteValuesAreCountedAndLeftOut() {
    var values = Self.values
    values.logits.0[1] = [.infinity, 0.5]
    values.probabilities.0[1] = [.nan, .nan]
    let collector = Self.collected(values)
    let sums = collector.totals(in: .logit)
    #expect(sums.absolute.nonfiniteCount == 1)
    #expect(sums.absolute.mean == 0.75)
    #expect(sums.maximumRelative == 0.5)
    #expect(sums.cosine == 6 / (9.25 * 4.0).squareRoot())
    #expect(collector.totals(in: .probability).absolute.nonfiniteCount == 2)
    #expect(collector.totals(in: .probability).absolute.maximum == 0)
    #expect(collector.totals(in: .probability).minimumCorrectBits == 53)
  }

  @Test func withoutAFiniteErrorNothingIsKnown() {
    let nan: Matrix = [[.nan, .nan], [.nan, .nan]]
    let sums = Self.collected(HeadValues(logits: (nan, nan), probabilities: (nan, nan))).totals(in: .logit)
    #expect(sums.absolute.nonfiniteCount == 3)
    #expect(sums.absolute.mean == nil && sums.meanRelative == nil && sums.maximumRelative == nil)
    #expect(sums.meanUlps == nil && sums.maximumUlps == nil && sums.minimumCorrectBits == nil)
    #expect(sums.normalizedMeanSquare == nil && sums.cosine == nil)
  }

  /// A zero reference has no relative error, not the relative error zero; a reference above the range no ulps.
  @Test func referencesWithoutRelativeErrorOrUlps() {
    var values = Self.values
    values.logits = ([[600, 0], [1, 2]], [[500, 0], [0, -0.0]])
    let sums = Self.collected(values, .fp8E4M3FN).totals(in: .logit)
    // Only 500 has a relative error, only the zeros have ulps (2^−9).
    #expect(sums.worstRelative?.place.query == 0)
    #expect(sums.meanRelative == 0.2)
    #expect(sums.worstUlps?.place == PairPlace(layer: 1, head: 2, query: 1, key: 1))
    #expect(sums.maximumUlps == 1024)
    #expect(sums.meanUlps == 768)
    values.logits.1[0][0] = 0
    let zeros = Self.collected(values).totals(in: .logit)
    #expect(zeros.zeroReferenceCount == 3)
    #expect(zeros.maximumRelative == nil && zeros.meanRelative == nil && zeros.minimumCorrectBits == nil)
    #expect(zeros.normalizedMeanSquare == nil && zeros.cosine == nil)
    values.logits.1 = [[500, 500], [-500, 449]]
    #expect(Self.collected(values, .fp8E4M3FN).totals(in: .logit).maximumUlps == nil)
  }

  /// Layers restart, the total goes on; equal vectors have cosine 1.
  @Test func layersAndHeads() {
    var heads = [Self.values, Self.values, Self.values]
    heads[1].head = 3
    heads[2].layer = 2
    (heads[2].logits.0, heads[2].probabilities.0) = (heads[2].logits.1, heads[2].probabilities.1)
    let collector = collectError(sequentialGeometry(queries: 2, keys: 2), heads, ulpFormat: .fp16)
    #expect(collector.layers.map(\.layer) == [1, 2])
    #expect(collector.layers.map(\.logit.absolute.count) == [6, 3])
    #expect(collector.layers.map(\.logit.absolute.mean) == [1.5, 0])
    #expect(collector.layers[1].logit.cosine == 1)
    #expect(collector.totals(in: .logit).absolute.count == 9)
    #expect(collector.totals(in: .logit).absolute.mean == 1)
    #expect(collector.totals(in: .logit).zeroReferenceCount == 3)
    #expect(collector.totals(in: .logit).worstRelative?.place.head == 2)
  }
}

/// Correct bits and fast ulps against their definitions.
@Suite struct DefinitionTests {
  @Test func correctBitsAreRoundedDown() {
    #expect(correctBits(relativeError: 0) == 53)
    #expect(correctBits(relativeError: 0x1p-60) == 53)
    #expect(correctBits(relativeError: 0x1p-8) == 8)
    #expect(correctBits(relativeError: 0x1p-8, limit: 7) == 7)
    #expect(correctBits(relativeError: 1) == 0)
    #expect(correctBits(relativeError: 4) == -2)
    // A hair above and below a power of two.
    #expect(correctBits(relativeError: 0x1p-8.nextUp) == 8 - 1.0 / 1024)
    #expect(correctBits(relativeError: 0x1p-8.nextDown) == 8)
    // −log₂ 0.1 = 3.3219…, 3401/1024 = 3.32129; log₂ 3 = 1.58496…, −1624/1024 = −1.58594.
    #expect(correctBits(relativeError: 0.1) == 3401.0 / 1024)
    #expect(correctBits(relativeError: 3) == -1624.0 / 1024)
    // √2 in binary64 lies above √2, its neighbour below it.
    #expect(correctBits(relativeError: 0x1.6a09e667f3bcdp-11) == 10.5 - 1.0 / 1024)
    #expect(correctBits(relativeError: 0x1.6a09e667f3bccp-11) == 10.5)
    #expect(correctBits(relativeError: 0x1p-1074, limit: 2000) == 1074)
    #expect(correctBits(relativeError: .infinity) == nil)
    #expect(correctBits(relativeError: .nan) == nil)
  }

  @Test(arguments: FloatingPointFormat.named.map(\.name))
  func ulpsEqualTheDefinition(name: String) throws {
    let format = try FloatingPointFormat(spelling: name)
    let scale = UlpScale(format)
    let largest = format.double(of: format.largestFiniteEncoding(isNegative: false))
    let smallest = format.double(of: 1)
    var references = [
      0, -0.0, largest, largest.nextUp, -largest, smallest, smallest.nextDown, -smallest.nextUp,
    ]
    references += [0x1p-1022, 0x1p-1074, 1, 1.0.nextDown, Double.greatestFiniteMagnitude]
    for exponent in stride(from: format.minimumExponent - 60, through: format.maximumExponent + 2, by: 7) {
      guard (-1074...1023).contains(exponent) else { continue }
      let power = Double(sign: .plus, exponent: exponent, significand: 1)
      references += [power, -power.nextDown, power * 1.375]
    }
    var numbers = SeededNumbers(seed: 11)
    references = references.filter(\.isFinite)
    let errors = references.map { _ in numbers.next() }
    var ulps = Array(repeating: Double.nan, count: references.count)
    let missing = scale.ulps(errors: errors, references: references, count: references.count, into: &ulps)
    let expected = zip(errors, references).map { error, reference in
      format.unitInLastPlace(at: reference).map { abs(error) / $0 }
    }
    #expect(ulps == expected.map { $0 ?? 0 })
    #expect(missing == expected.filter { $0 == nil }.count)
    #expect(scale.isFast == (name != "fp64"))
  }
}
