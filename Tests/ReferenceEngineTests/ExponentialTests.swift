import CMPFR
import FloatingPointFormats
import Testing

@testable import ArbitraryPrecision

@Suite struct ExponentialTests {
  /// MPFR called directly: 53 bits, nearest even, for normal results.
  private func oracle(_ x: Double) -> Double {
    let number = MPFRNumber(x, precision: 53)
    mpfr_exp(number.pointer, UnsafePointer(number.pointer), MPFR_RNDN)
    return mpfr_get_d(number.pointer, MPFR_RNDN)
  }

  @Test func everyResultOfTheFastTierIsCorrectlyRounded() {
    var refused = 0
    let total = 40_000
    for index in 0..<total {
      let bits = Philox.bits(seed: 7, counter: RoundingCounter(UInt32(index)))
      let unit = Double(bits >> 11) * 0x1p-53
      let x: Double =
        switch index % 4 {
        case 0: -unit * 708
        case 1: -unit
        case 2: -unit * 40
        default: (unit - 0.5) * Double(sign: .plus, exponent: -Int(bits & 63), significand: 1)
        }
      guard let fast = CorrectlyRoundedExponential.shared.fast(x) else {
        refused += 1
        continue
      }
      #expect(fast.bitPattern == oracle(x).bitPattern, "x = \(x)")
    }
    #expect(refused < total / 200)
  }

  @Test func edgesOfTheRange() {
    let exponential = CorrectlyRoundedExponential.shared
    #expect(exponential(0) == 1 && exponential(-0.0) == 1)
    #expect(exponential(-.infinity) == 0 && exponential(.infinity) == .infinity && exponential(.nan).isNaN)
    #expect(exponential(709.782712893384) == 0x1.fffffffffff2ap+1023)
    #expect(exponential(709.7827128933841) == .infinity)
    #expect(exponential(-745.1332191019411) == 0x1p-1074)
    #expect(exponential(-745.1332191019412) == 0)
    #expect(exponential(-1e308) == 0 && exponential(1e308) == .infinity)
    #expect(exponential(0x1p-54) == 1 && exponential(-0x1p-54) == 1)
    #expect(exponential(-0x1.0000000000001p-54) == 1 - 0x1p-53)
    #expect(exponential(0x1p-1074) == 1)
  }
}
