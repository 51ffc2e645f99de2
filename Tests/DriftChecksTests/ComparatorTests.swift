// Every comparator's figure on numbers worked out by hand, and what happens where values are not finite.

import FloatingPointFormats
import Testing

@testable import DriftChecks

/// A tally over one row of values against references that have no rest.
private func tally(
  _ values: [Double], _ references: [Double], _ comparators: [TensorComparator],
  format: FloatingPointFormat = .bf16,
  rowLength: Int? = nil
) -> DifferenceTally {
  let length = rowLength ?? values.count
  var tally = DifferenceTally(format: format, comparators: comparators, rows: 0..<(values.count / length))
  for index in values.indices {
    tally.add(
      values[index], references[index], 0, at: ElementPlace(row: index / length, index: index))
  }
  return tally
}

@Suite struct ComparatorTests {
  @Test func ulpCountsUnitsOfTheFormatAtTheReference() throws {
    // bf16 has 8 bits: ulp(1.5) = 2^-7, ulp(4) = 2^-5, ulp(0.999) = 2^-8.
    let found = tally([1.5, 4.0625, 1.0], [1.5 + 3 * 0x1p-8, 4, 0.9921875], [.ulp(1.5), .ulp(2)])
    let results = found.results(recipeError: nil)
    // 3·2^-8 / 2^-7 = 1.5; 2^-4 / 2^-5 = 2; 2^-7 / 2^-8 = 2. The first of the two greatest is the worst.
    #expect(found.worstUlp?.figure == 2)
    #expect(found.worstUlp?.place == ElementPlace(row: 0, index: 1))
    #expect(!results[0].passes)
    #expect(results[0].exceedingCount == 2)
    #expect(results[0].allowedAtWorst == 1.5 * 0x1p-5)
    #expect(results[0].minimumTolerance == [.ulp(2)])
    #expect(results[1].passes)
    #expect(results[1].firstFailingRow == nil)
  }

  @Test func theUlpOfZeroAndOfSubnormalsIsTheSmallestSpacing() {
    // fp16: 2^(-14 - 10) = 2^-24.
    let found = tally([0x1p-24, 0x1.8p-15], [0, 0x1p-15], [.ulp(0)], format: .fp16)
    #expect(found.worstUlp?.figure == 0x1p-16 / 0x1p-24)
    #expect(found.histogram.counts[1] == 1)  // one unit at zero
  }

  @Test func toleranceIsTorchs() {
    // |e| = 0.5 at 10, 0.25 at 1: atol 0.1, rtol 0.04 allows 0.5 and 0.14.
    let comparator = TensorComparator.tolerance(absolute: 0.1, relative: 0.04)
    let found = tally([10.5, 1.25], [10, 1], [comparator], format: .fp32)
    let result = found.results(recipeError: nil)[0]
    #expect(!result.passes)
    #expect(result.exceedingCount == 1)
    #expect(result.worst?.place.index == 1)
    #expect(result.figure == 0.25 - 0.04)
    #expect(result.allowedAtWorst == 0.1 + 0.04)
    #expect(result.minimumTolerance.count == 2)
    for minimum in result.minimumTolerance {
      #expect(tally([10.5, 1.25], [10, 1], [minimum], format: .fp32).results(recipeError: nil)[0].passes)
      // A hair less does not pass.
      guard case .tolerance(let absolute, let relative) = minimum else {
        Issue.record("not a tolerance")
        continue
      }
      let less =
        relative == 0.04
        ? TensorComparator.tolerance(absolute: absolute.nextDown, relative: relative)
        : .tolerance(absolute: absolute, relative: relative * (1 - 0x1p-48))
      #expect(!tally([10.5, 1.25], [10, 1], [less], format: .fp32).results(recipeError: nil)[0].passes)
    }
  }

  @Test func theFlashRuleTakesTheRecipesErrorAndAFloorInUlps() {
    // bf16 at 1: ulp 2^-7. Errors 2^-5, 2^-7 with floor 1: excess 3·2^-7, 0.
    let values = [1 + 0x1p-5, 1 + 0x1p-7]
    let found = tally(values, [1, 1], [.flashRule(factor: 2, floor: 1)], rowLength: 1)
    let strict = found.results(recipeError: 0x1p-7)[0]
    #expect(!strict.passes)
    #expect(strict.figure == 3 * 0x1p-7)
    #expect(strict.exceedingCount == 1)
    #expect(strict.countsRows)
    #expect(strict.firstFailingRow == 0)
    #expect(strict.allowedAtWorst == 3 * 0x1p-7)
    guard case .flashRule(let factor, 1)? = strict.minimumTolerance.first else {
      Issue.record("no least factor")
      return
    }
    #expect(factor >= 3 && factor < 3 + 0x1p-40)
    #expect(
      tally(values, [1, 1], [.flashRule(factor: factor, floor: 1)], rowLength: 1)
        .results(recipeError: 0x1p-7)[0].passes)
    #expect(found.results(recipeError: 2 * 0x1p-7)[0].passes)
    // A recipe without error: the floor alone.
    let exact = found.results(recipeError: 0)[0]
    #expect(!exact.passes)
    #expect(exact.minimumTolerance.isEmpty)
    // No recipe at all is no pass.
    #expect(!found.results(recipeError: nil)[0].passes)
  }

  @Test func normalizedMeanSquareAndCosineAreSums() {
    // Σe² = 1 + 4 = 5, Σr² = 9 + 16 = 25; Σtr = 4·3 + 2·4 = 20, Σt² = 20.
    let found = tally([4, 2], [3, 4], [.normalizedMeanSquare(0.2), .cosine(0.9)], format: .fp32)
    #expect(found.normalizedMeanSquare == 0.2)
    #expect(abs(found.cosine! - 20 / (20.0 * 25.0).squareRoot()) < 1e-15)
    let results = found.results(recipeError: nil)
    #expect(results[0].passes)
    #expect(!results[1].passes)
    #expect(results[1].minimumTolerance == [.cosine(found.cosine!)])
    // References that are all zero have no NMSE; a tensor that equals them passes.
    #expect(tally([0, 0], [0, 0], [.normalizedMeanSquare(0)]).results(recipeError: nil)[0].passes)
    #expect(!tally([1, 0], [0, 0], [.normalizedMeanSquare(1)]).results(recipeError: nil)[0].passes)
  }

  @Test func encodingsAreComparedWithTheReferenceRoundedOnce() {
    // 1 + 2^-8 is a tie in bf16: even is 1. 1 + 3·2^-8 goes to 1 + 2^-6.
    let found = tally(
      [1, 1 + 0x1p-7, 1 + 0x1p-6, -0.0], [1 + 0x1p-8, 1 + 0x1p-8, 1 + 3 * 0x1p-8, 0],
      [.bitExact, .mismatches(2)])
    #expect(found.mismatchCount == 2)
    #expect(found.signOfZeroCount == 1)
    #expect(found.firstMismatch?.place.index == 1)
    let results = found.results(recipeError: nil)
    #expect(!results[0].passes)
    #expect(results[0].minimumTolerance == [.mismatches(2)])
    #expect(results[1].passes)
  }

  @Test func theRestOfTheReferenceDecidesTies() {
    // 1 + 2^-8 + 2^-80 lies above the tie.
    var found = DifferenceTally(format: .bf16, comparators: [.bitExact], rows: 0..<1)
    found.add(1 + 0x1p-7, 1 + 0x1p-8, 0x1p-80, at: ElementPlace(row: 0, index: 0))
    found.add(1, 1 + 0x1p-8, -0x1p-80, at: ElementPlace(row: 0, index: 1))
    #expect(found.mismatchCount == 0)
    // And errors see it: binary64's 1 against 1 + 2^-70.
    var fine = DifferenceTally(format: .fp64, comparators: [.ulp(1)], rows: 0..<1)
    fine.add(1, 1, 0x1p-70, at: ElementPlace(row: 0, index: 0))
    #expect(fine.worstUlp?.figure == 0x1p-18)
  }

  @Test(arguments: [
    TensorComparator.bitExact, .mismatches(1 << 40), .ulp(.greatestFiniteMagnitude),
    .tolerance(absolute: .greatestFiniteMagnitude, relative: 1), .flashRule(factor: 1e300, floor: 1e300),
    .normalizedMeanSquare(.greatestFiniteMagnitude), .cosine(-1),
  ])
  func aValueThatIsNotFiniteNeverPasses(_ comparator: TensorComparator) {
    for (value, reference) in [
      (Double.nan, 1.0), (.infinity, 1), (1, .nan), (.infinity, .nan), (.infinity, -.infinity),
    ] {
      let found = tally([1, value], [1, reference], [comparator], rowLength: 1)
      let result = found.results(recipeError: 1)[0]
      #expect(!result.passes, "\(comparator) with \(value) for \(reference)")
      #expect(result.minimumTolerance.isEmpty)
      #expect(result.firstFailingRow == 1)
      #expect(found.unexpectedCount == 1)
    }
    let equal = tally([.nan, -.infinity, 1], [.nan, -.infinity, 1], [comparator])
    #expect(equal.results(recipeError: 1)[0].passes)
    #expect(equal.equalNonFiniteCount == 2)
  }

  @Test func aReferenceAboveTheRangeHasNoUlp() {
    // fp16 ends at 65504.
    let result = tally([65504], [70000], [.ulp(1e9)], format: .fp16).results(recipeError: nil)[0]
    #expect(!result.passes)
    #expect(result.minimumTolerance.isEmpty)
    #expect(result.remark?.contains("above the range of fp16") == true)
  }

  @Test func piecesMergeIntoTheWhole() {
    let squares = (0..<64).map { (index: Int) -> Double in Double(index * index % 37) }
    let values = squares.map { $0 + 0.5 }
    let references = squares.enumerated().map { (index, square) -> Double in square + 0.25 * Double(index % 3)
    }
    let comparators: [TensorComparator] = [
      .bitExact, .ulp(8), .tolerance(absolute: 0.1, relative: 0.01), .defaultFlashRule,
      .normalizedMeanSquare(0.1), .cosine(0.9),
    ]
    let whole = tally(values, references, comparators, rowLength: 8)
    var merged = DifferenceTally(format: .bf16, comparators: comparators, rows: 0..<8)
    for rows in [4..<8, 0..<1, 1..<4] {
      var piece = DifferenceTally(format: .bf16, comparators: comparators, rows: rows)
      for index in rows.lowerBound * 8..<rows.upperBound * 8 {
        piece.add(values[index], references[index], 0, at: ElementPlace(row: index / 8, index: index))
      }
      merged.merge(piece)
    }
    #expect(merged.worstAbsolute == whole.worstAbsolute)
    #expect(merged.worstUlp == whole.worstUlp)
    #expect(merged.firstMismatch == whole.firstMismatch)
    #expect(merged.histogram == whole.histogram)
    for (a, b) in zip(merged.results(recipeError: 0.01), whole.results(recipeError: 0.01)) {
      #expect(a.passes == b.passes)
      #expect(a.exceedingCount == b.exceedingCount)
      #expect(a.firstFailingRow == b.firstFailingRow)
      #expect(a.worst == b.worst)
    }
  }

  @Test func binsEndAtPowersOfTwo() {
    var histogram = UlpHistogram()
    for (ulps, isEqual) in [
      (0.0, true), (0.25, false), (0.5, false), (0.75, false), (1, false), (1.5, false), (2, false),
      (2.5, false),
      (32768, false), (32769, false), (.infinity, false),
    ] {
      histogram.add(ulps, isEqual: isEqual)
    }
    #expect(histogram.equal == 1)
    #expect(histogram.counts[0] == 2)
    #expect(histogram.counts[1] == 2)
    #expect(histogram.counts[2] == 2)
    #expect(histogram.counts[3] == 1)
    #expect(histogram.counts[16] == 1)
    #expect(histogram.beyond == 2)
    #expect(histogram.summary == "1 equal, 2 ≤ 0.5, 2 ≤ 1, 2 ≤ 2, 1 ≤ 4, 1 ≤ 32768, 2 beyond")
  }

  @Test func spellingsAreReadBack() throws {
    for typed in [
      "bit-exact", "mismatches=10", "ulp=2.5", "allclose:atol=0.001,rtol=0.016", "flash:factor=3.0,floor=0.5",
      "nmse=1e-07", "cosine=0.999",
    ] {
      let comparator = try TensorComparator(typed)
      #expect(try TensorComparator(comparator.spelling) == comparator)
    }
    #expect(try TensorComparator("flash") == .defaultFlashRule)
    #expect(try TensorComparator("flash=3") == .flashRule(factor: 3, floor: 1))
    #expect(try TensorComparator("ulp=0.1") == .ulp(0.1))
    #expect(throws: ComparatorError.unknown("upl", suggestion: "ulp")) { try TensorComparator("upl=2") }
    for typed in [
      "ulp", "ulp=", "ulp=-1", "ulp=nan", "mismatches=1.5", "mismatches=1e30", "allclose", "allclose=1",
      "allclose:atol=1",
      "allclose:atol=1,atol=2,rtol=1", "flash:c=2", "bit-exact=1", "cosine",
    ] {
      #expect(throws: ComparatorError.self, "\(typed)") { try TensorComparator(typed) }
    }
  }
}
