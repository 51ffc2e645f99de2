// cos and sin of the kernel against MPFR, and the ways against each other.

import ArbitraryPrecision
import CMPFR
import FloatingPointFormats
import RoundingKernels
import TestSupport
import Testing

@Suite("Kernel of cos and sin")
struct TrigonometryKernelTests {
  private func oracle(_ x: Double, isSine: Bool, _ format: FloatingPointFormat) -> Double {
    let argument = MPFRNumber(x, precision: 53)
    return format.rounded(
      ExactValue.result {
        isSine ? mpfr_sin($0, argument.pointer, MPFR_RNDZ) : mpfr_cos($0, argument.pointer, MPFR_RNDZ)
      })
  }

  /// Angles of binary32 and wider ones, among them those next to multiples of π/2, and tiny ones.
  private func angles() -> [Double] {
    var generator = SeededGenerator(seed: 21)
    let quarter = 0x1.921fb54442d18p+0
    var angles: [Double] = [0, -0.0, 0x1p-900, 0x1p-899, -0x1p-200, 0x1p-27, 0x1p30, -0x1p30, 0x1p30 - 1]
    for index in 0..<1500 {
      let unit = Double(generator.next() >> 11) * 0x1p-53
      angles.append(Double(Float(unit * 1e6)))
      angles.append(-Double(Float(unit * exp2i(-index % 80))))
      angles.append(unit * exp2i(30 - index % 60))
      angles.append(Double(Float(Double(generator.below(10_000_000)) * quarter)))
      angles.append(Double(generator.below(600_000_000)) * quarter)
    }
    return angles
  }

  @Test(arguments: [FloatingPointFormat.fp32, .bf16, .fp16, .fp8E4M3FN, .tf32])
  func decidedResultsAreCorrectlyRounded(format: FloatingPointFormat) {
    let angles = angles()
    var sweep = Sweep()
    var results: [[UInt64]] = []
    for way in ways {
      var cosines = [Double](repeating: 0, count: angles.count)
      var sines = cosines
      let undecided = ropedrift_cosines_and_sines(
        angles, angles.count, Int32(format.precision), Int32(format.minimumExponent), way, &cosines, &sines)
      results.append((cosines + sines).map(\.bitPattern))
      #expect(undecided == (cosines + sines).count { $0.isNaN })
      // Tiny angles of binary32 lie on the ties of narrower formats, and their sines next to them.
      #expect(undecided < 60)
    }
    #expect(results[0] == results[1])
    for (index, bits) in results[0].enumerated() {
      let value = Double(bitPattern: bits)
      if value.isNaN { continue }
      let isSine = index >= angles.count
      let angle = angles[index % angles.count]
      let expected = oracle(angle, isSine: isSine, format)
      sweep.check(
        expected.bitPattern == bits,
        "\(isSine ? "sin" : "cos") of \(shown(angle)): got \(value), expected \(expected)")
    }
    #expect(sweep.passed(atLeast: 14_000), "\(sweep)")
  }

  @Test func whatTheBoundDoesNotCoverIsLeftOpen() {
    let angles = [Double.nan, .infinity, -.infinity, 0x1.0000000000001p30, -1e300, 0x1p-901, 0x1p-1074]
    for way in ways {
      var cosines = [Double](repeating: 0, count: angles.count)
      var sines = cosines
      #expect(ropedrift_cosines_and_sines(angles, angles.count, 24, -126, way, &cosines, &sines) == 14)
      #expect((cosines + sines).allSatisfy { $0.isNaN })
      #expect(ropedrift_cosines_and_sines(angles, 0, 24, -126, way, &cosines, &sines) == 0)
    }
  }
}
