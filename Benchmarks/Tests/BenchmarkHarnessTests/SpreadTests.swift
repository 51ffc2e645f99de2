// Statistics on samples whose quantiles and fits were worked out by hand.

import Testing

@testable import BenchmarkHarness

@Suite struct SpreadTests {
  @Test func medianOfAnOddNumberOfSamplesIsTheMiddleOne() throws {
    let spread = try Spread([9, 1, 5])
    #expect(spread.median == 5)
    #expect(spread.lowerQuartile == 3)
    #expect(spread.upperQuartile == 7)
    #expect((spread.minimum, spread.maximum, spread.count) == (1, 9, 3))
  }

  @Test func medianOfAnEvenNumberOfSamplesIsTheMeanOfTwo() throws {
    // h = 3/4, 3/2, 9/4: 10 + 3/4·10, 20 + 1/2·10, 30 + 1/4·10.
    let spread = try Spread([40, 10, 30, 20])
    #expect((spread.lowerQuartile, spread.median, spread.upperQuartile) == (17.5, 25, 32.5))
  }

  @Test func oneSampleIsAllQuantiles() throws {
    let spread = try Spread([2.5])
    #expect((spread.lowerQuartile, spread.median, spread.upperQuartile) == (2.5, 2.5, 2.5))
    #expect((spread.minimum, spread.maximum) == (2.5, 2.5))
  }

  @Test func samplesThatAreMissingOrNotFiniteAreErrors() {
    #expect(throws: HarnessError.noSamples) { try Spread([]) }
    #expect(throws: HarnessError.notFinite(.infinity)) { try Spread([1, .infinity]) }
    #expect(throws: HarnessError.self) { try Spread([.nan]) }
  }

  @Test func aScaledSpreadIsThatOfScaledSamples() throws {
    #expect(try Spread([1, 2, 4, 8]).scaled(by: 4) == Spread([4, 8, 16, 32]))
  }
}

@Suite struct PowerLawTests {
  @Test func anExactPowerLawIsFound() throws {
    let law = try PowerLaw([(1, 3), (2, 12), (4, 48)])
    #expect(abs(law.exponent - 2) < 1e-12)
    #expect(abs(law.factor - 3) < 1e-12)
    #expect(law.worstRelativeError < 1e-12)
    #expect(abs(law.value(at: 10) - 300) < 1e-9)
    #expect(law.sizes == [1, 4])
  }

  @Test func leastSquaresOfLogarithms() throws {
    // log₂: (0, 0), (1, 1), (2, 0): slope 0, mean 1/3; the second point is 2/3 above, a factor of 2^(2/3).
    let law = try PowerLaw([(1, 1), (2, 2), (4, 1)])
    #expect(abs(law.exponent) < 1e-12)
    #expect(abs(law.factor - 1.259921049894873) < 1e-12)
    #expect(abs(law.worstRelativeError - 0.5874010519681994) < 1e-12)
  }

  @Test func whatHasNoPowerLawIsAnError() {
    #expect(throws: HarnessError.self) { try PowerLaw([(8, 1), (8, 2)]) }
    #expect(throws: HarnessError.self) { try PowerLaw([(1, 1), (2, 0)]) }
    #expect(throws: HarnessError.self) { try PowerLaw([]) }
    #expect(throws: HarnessError.self) { try PowerLaw([(1, 1), (2, .infinity)]) }
  }
}

@Suite struct TwoPowersTests {
  @Test func anExactSumOfPowersIsFound() throws {
    // 3·T + 2·T².
    let model = try TwoPowers([(1, 5), (2, 14), (4, 44)], 1, 2)
    #expect(abs(model.coefficients[0] - 3) < 1e-9 && abs(model.coefficients[1] - 2) < 1e-9)
    #expect(model.worstRelativeError < 1e-9)
    #expect(abs(model.value(at: 100) - 20300) < 1e-5)
  }

  @Test func relativeErrorsAreWhatIsMinimized() throws {
    // value = a + b·T through (1, 1), (1, 2), (2, 3): with x = 1/value and y = T/value, Σx² = 49/36, Σxy = 53/36, Σy² = 61/36,
    // Σx = 11/6, Σy = 13/6; a = (11·61 − 13·53)·6/180 = −0.6 is below 0, so b alone: Σy/Σy² = 78/61.
    let model = try TwoPowers([(1, 1), (1, 2), (2, 3)], 0, 1)
    #expect(model.coefficients[0] == 0)
    #expect(abs(model.coefficients[1] - 78.0 / 61) < 1e-12)
  }

  @Test func noCoefficientIsNegative() throws {
    // Slower than linear: the second power gets nothing.
    let model = try TwoPowers([(1, 2), (2, 3), (4, 4)], 1, 2)
    #expect(model.coefficients[1] == 0 && model.coefficients[0] > 0)
    #expect(throws: HarnessError.self) { try TwoPowers([(1, 2), (1, 3)], 1, 2) }
    #expect(throws: HarnessError.self) { try TwoPowers([(1, 2), (2, 3)], 2, 2) }
  }
}
