// Weighted sums and softmax weights against plain twins, one operation at a time.

import ArbitraryPrecision
import CMPFR
import FloatingPointFormats
import RoundingKernels
import TestSupport
import Testing

@Suite("Kernels of weighted sums")
struct WeightedSumKernelTests {
  private func floats(_ count: Int, _ generator: inout SeededGenerator) -> [Float] {
    (0..<count).map { index in
      if index % 31 == 30 { return [0, -0.0, .infinity, .nan, 0x1p-149, -0x1p127][generator.below(6)] }
      return Float(generator.below(2_000_001) - 1_000_000)
        * Float(sign: .plus, exponent: -generator.below(40), significand: 1)
    }
  }

  private func same(_ a: Float, _ b: Float) -> Bool { a.bitPattern == b.bitPattern || a.isNaN && b.isNaN }

  @Test(arguments: [false, true]) func sumsGoOnFromWhatTheyHold(isFused: Bool) {
    var generator = SeededGenerator(seed: 41)
    var sweep = Sweep()
    for (rows, keys, channels) in [
      (1, 1, 1), (3, 7, 5), (4, 33, 32), (9, 20, 70), (2, 0, 3), (0, 4, 4), (5, 64, 64),
    ] {
      let stride = keys + 2
      let weights = floats(rows * stride, &generator)
      let values = floats(keys * channels, &generator)
      let start = floats(rows * channels, &generator)
      var expected = start
      for row in 0..<rows {
        for key in 0..<keys {
          for channel in 0..<channels {
            let (w, v, sum) = (
              Double(weights[row * stride + key]), Double(values[key * channels + channel]),
              Double(expected[row * channels + channel])
            )
            let format = FloatingPointFormat.fp32
            let result =
              isFused
              ? format.fusedProductSum(w, v, sum)
              : format.rounded(ExactValue.sum(sum, format.rounded(ExactValue.product(w, v))))
            expected[row * channels + channel] = Float(result)
          }
        }
      }
      for way in ways {
        var sums = start
        ropedrift_weighted_sums32(weights, rows, stride, values, keys, channels, isFused ? 1 : 0, way, &sums)
        for index in sums.indices {
          sweep.check(
            same(sums[index], expected[index]),
            "\(rows) x \(keys) x \(channels) way \(way) place \(index): \(sums[index]), expected \(expected[index])"
          )
        }
      }
    }
    #expect(sweep.passed(atLeast: 1000), "\(sweep)")
  }

  /// Sum and compensation together are the exact sum where nothing is lost, and every way has the bits of the scalar steps.
  @Test func compensatedSumsAreThoseOfTheirSteps() {
    var generator = SeededGenerator(seed: 43)
    for (keys, channels) in [(1, 1), (40, 16), (100, 21), (0, 4)] {
      let weights = (0..<keys).map { _ in Double(generator.below(1 << 30)) * 0x1p-30 }
      let values = (0..<keys * channels).map { index in
        Double(generator.below(1 << 50) - 1 << 49) * (index % 5 == 0 ? 0x1p40 : 1)
      }
      var (sums, rests, sizes) = (
        [Double](repeating: 0, count: channels), [Double](repeating: 0, count: channels),
        [Double](repeating: 0, count: channels)
      )
      for key in 0..<keys {
        for channel in 0..<channels {
          let (w, v) = (weights[key], values[key * channels + channel])
          let product = w * v
          let productRest = (-product).addingProduct(w, v)
          let before = sums[channel]
          let after = before + product
          let part = after - before
          sums[channel] = after
          rests[channel] += ((before - (after - part)) + (product - part)) + productRest
          sizes[channel] += abs(product)
        }
      }
      for way in ways {
        var (a, b, c) = (
          [Double](repeating: 0, count: channels), [Double](repeating: 0, count: channels),
          [Double](repeating: 0, count: channels)
        )
        ropedrift_compensated_weighted_sums(weights, values, keys, channels, way, &a, &b, &c)
        #expect(a.map(\.bitPattern) == sums.map(\.bitPattern), "way \(way)")
        #expect(b.map(\.bitPattern) == rests.map(\.bitPattern), "way \(way)")
        #expect(c.map(\.bitPattern) == sizes.map(\.bitPattern), "way \(way)")
      }
    }
  }

  private func exponential(_ x: Float, isBaseTwo: Bool) -> Float {
    if x.isNaN { return .nan }
    if x.isInfinite { return x < 0 ? 0 : x }
    let argument = MPFRNumber(Double(x), precision: 53)
    return Float(
      FloatingPointFormat.fp32.rounded(
        ExactValue.result {
          isBaseTwo ? mpfr_exp2($0, argument.pointer, MPFR_RNDZ) : mpfr_exp($0, argument.pointer, MPFR_RNDZ)
        }))
  }

  @Test(arguments: [ROPEDRIFT_EXP, ROPEDRIFT_EXP2, ROPEDRIFT_EXP2_FUSED])
  func weightsAreRoundedStepByStep(kind: Int) {
    var generator = SeededGenerator(seed: 47)
    var sweep = Sweep()
    let factor: Float = 0.18033688
    for count in [0, 1, 15, 16, 100] {
      var row = (0..<count).map { _ in Float(generator.below(40001) - 20000) * 0.0137 }
      if count > 20 { (row[3], row[7], row[11]) = (-.infinity, -0.0, -1e30) }
      let shift: Float = kind == ROPEDRIFT_EXP ? 31.25 : 31.25 * factor
      for way in ways {
        var weights = [Float](repeating: 7, count: count + 1)
        ropedrift_softmax_weights32(row, count, Int32(kind), factor, shift, way, &weights)
        for (index, x) in row.enumerated() {
          let argument: Float =
            switch kind {
            case ROPEDRIFT_EXP: x - shift
            case ROPEDRIFT_EXP2: x * factor - shift
            default:
              Float(FloatingPointFormat.fp32.fusedProductSum(Double(x), Double(factor), -Double(shift)))
            }
          let expected = exponential(argument, isBaseTwo: kind != ROPEDRIFT_EXP)
          sweep.check(
            same(weights[index], expected), "kind \(kind) way \(way) x \(x): \(weights[index]), \(expected)")
        }
        sweep.check(weights[count] == 7, "written past the end")
      }
    }
    #expect(sweep.passed(atLeast: 100), "\(sweep)")
  }
}
