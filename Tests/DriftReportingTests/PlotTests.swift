// Axes, bins and labels of the page's pictures, by hand.

import Testing

@testable import DriftReporting

@Suite struct PlotTests {
  @Test(
    arguments: [
      ([0.002, 30], -3...2), ([1], 0...1), ([10, 1], 0...1), ([], -1...0),
      ([0, -3, .nan, .infinity], -1...0),
      ([1e-5, 1e5], -5...5), ([0.999, 0.1], -1...0), ([1e300, 1e308], 300...308),
      ([Double("1e-320")!], -320...(-319)),
    ] as [([Double], ClosedRange<Int>)])
  func anAxisEndsAtPowersOfTen(values: [Double], exponents: ClosedRange<Int>) {
    #expect(LogarithmicAxis(holding: values).exponents == exponents)
  }

  @Test func anAxisHoldsTheEndsOfBinary64() {
    let axis = LogarithmicAxis(holding: [.leastNonzeroMagnitude, .greatestFiniteMagnitude])
    #expect(axis.exponents == -323...309)
    #expect(axis.ends.0 > 0 && axis.ends.1.isFinite)
    #expect(axis.ticks().count <= 7 && axis.ticks().allSatisfy { $0 <= 308 })
  }

  @Test func exponentsAreExactAtPowersOfTenAndBelow() {
    for exponent in -300...300 {
      let power = LogarithmicAxis.power(exponent)
      #expect(LogarithmicAxis.exponent(below: power) == exponent)
      #expect(LogarithmicAxis.exponent(below: power.nextDown) == exponent - 1)
    }
  }

  @Test func valuesStandWhereTheirLogarithmsAre() {
    let axis = LogarithmicAxis(holding: [0.01, 100])
    #expect(axis.part(of: 0.01) == 0 && axis.part(of: 100) == 1)
    #expect(abs(axis.part(of: 1) - 0.5) < 1e-3 && abs(axis.part(of: 10) - 0.75) < 1e-3)
    #expect(axis.part(of: 1e-9) == 0 && axis.part(of: 1e9) == 1)
  }

  @Test func theLowerEndIsRaisedOnlyAsFarAsAsked() {
    let axis = LogarithmicAxis(holding: [1e-7, 1])
    #expect(axis.raised(toHold: [0.003, 0.5]).exponents == -3...0)
    #expect(axis.raised(toHold: [0, .nan]) == axis)
    #expect(axis.raised(toHold: [5]).exponents == -1...0)
  }

  @Test func ticksAreSpelledInTheFontsCharacters() {
    #expect(
      [-12, -3, -1, 0, 1, 4].map(LogarithmicAxis.label) == ["1e-12", "0.001", "0.1", "1", "10", "1e4"])
    #expect(LogarithmicAxis(holding: [1e-20, 1]).ticks() == [-20, -16, -12, -8, -4, 0])
  }

  @Test func theFirstFifteenNumbersStandAlone() {
    #expect((0...14).map(LogarithmicBins.bin) == Array(0...14))
    // 16 … 31 in eights of two, 32 … 63 in eights of four, each one less as a number.
    #expect([15, 16, 17, 30].map(LogarithmicBins.bin) == [15, 15, 16, 22])
    #expect([31, 34, 35, 62, 63].map(LogarithmicBins.bin) == [23, 23, 24, 30, 31])
    #expect(LogarithmicBins.bin(of: 131_071) == 15 + 13 * 8)
  }

  @Test func binsAscendWithoutGaps() {
    var last = -1
    for number in 0..<200_000 {
      let bin = LogarithmicBins.bin(of: number)
      #expect(bin == last || bin == last + 1)
      last = bin
    }
  }

  @Test func runsJoinWhatSharesABin() {
    #expect(LogarithmicBins.runs(of: [0, 1, 15, 16, 17, 1000]) == [0..<1, 1..<2, 2..<4, 4..<5, 5..<6])
    #expect(LogarithmicBins.runs(of: []) == [])
  }

  @Test(
    arguments: [
      ([10, 10, 10], [10, 25, 40]), ([100, 100], [85, 100]), ([0, 50, 100], [0, 50, 100]),
      ([20, 10], [25, 10]),
      ([], []),
    ] as [([Int], [Int])])
  func labelsKeepALineApart(wished: [Int], places: [Int]) {
    #expect(SeriesPanel.spread(wished, height: 100) == places)
  }

  @Test func numbersAreSpelledForReaders() {
    #expect(PageText.percent(0.1234567) == "12.3\u{A0}%" && PageText.percent(1) == "100\u{A0}%")
    #expect([66_078, 999.6, 0.0932, 1204].map(PageText.factor) == ["66100", "1e+03", "0.0932", "1200"])
    #expect(PageText.indices([0, 1, 2, 5, 7, 8]) == "0–2, 5, 7–8")
    #expect(
      PageText.list(["a"]) == "a" && PageText.list(["a", "b", "c"]) == "a, b and c" && PageText.list([]) == ""
    )
    #expect(PageText.list(["a", "b", "c"], atMost: 2) == "a, b and 1 more")
    #expect(
      PageText.interval([2, 1, 3], PageText.number) == "1 to 3"
        && PageText.interval([2, 2], PageText.number) == "2")
  }
}
