// Logarithm, logistic function and its logarithm: against binary64 functions where these have bits to spare, and at the ends.

import FloatingPointFormats
import Foundation
import TestSupport
import Testing

@testable import EmulatedEngine

@Suite struct LogSumExpTests {
  private let single = RoundingChain([.fp32])
  private let counter = StageCounter(.partialMerge)

  private func value(_ stage: StageValue) throws -> Double { try stage.binary64() }

  @Test func binary32ResultsAreThoseOfBinary64Rounded() throws {
    var generator = SeededGenerator(seed: 5)
    for _ in 0..<500 {
      let x = Double(
        Float(Double(generator.below(1 << 24) - 1 << 23) * 0x1p-23 * [1, 30, 90][generator.below(3)]))
      let sigmoid = 1 / (1 + exp(-x))
      let logSigmoid = x < 0 ? x - log1p(exp(x)) : -log1p(exp(-x))
      func expectRounded(_ found: StageValue, _ expected: Double) throws {
        // The binary64 value is off by a few units; skip what lies within 2^−48 of a boundary.
        let (low, high) = (expected * (1 - 0x1p-48), expected * (1 + 0x1p-48))
        guard Float(low) == Float(high) else { return }
        #expect(try value(found) == Double(Float(expected)), "x = \(x)")
      }
      try expectRounded(single.sigmoid(.number(x), counter), sigmoid)
      try expectRounded(single.logSigmoid(.number(x), counter), logSigmoid)
      let y = abs(x) + 0x1p-20
      try expectRounded(single.logarithm(.number(y), counter), log(y))
    }
  }

  @Test func endsAndZeros() throws {
    #expect(try value(single.sigmoid(.number(0), counter)) == 0.5)
    #expect(try value(single.logSigmoid(.number(0), counter)) == Double(Float(-0.6931471805599453)))
    #expect(try value(single.logarithm(.number(1), counter)) == 0)
    #expect(try value(single.logarithm(.number(0), counter)) == -.infinity)
    #expect(try value(single.logarithm(.number(.infinity), counter)) == .infinity)
    for x in [500.0, 1e5, 1e300, .infinity] {
      #expect(try value(single.sigmoid(.number(x), counter)) == 1)
      #expect(try value(single.sigmoid(.number(-x), counter)) == 0)
      #expect(try value(single.logSigmoid(.number(x), counter)) == 0)
      if x < 1e30 { #expect(try value(single.logSigmoid(.number(-x), counter)) == Double(Float(-x))) }
    }
    #expect(try value(single.logSigmoid(.number(-.infinity), counter)) == -.infinity)
    for stage in [
      try single.sigmoid(.number(.nan), counter), try single.logSigmoid(.number(.nan), counter),
      try single.logarithm(.number(.nan), counter),
    ] { #expect(try value(stage).isNaN) }
    // Directed roundings see what nearest does not.
    let down = RoundingChain([.fp32], rounding: .down)
    let up = RoundingChain([.fp32], rounding: .up)
    for x in [500.0, 1e5] {
      #expect(try value(down.sigmoid(.number(x), counter)) == Double(Float(1).nextDown))
      #expect(try value(up.sigmoid(.number(-x), counter)) == Double(Float.leastNonzeroMagnitude))
      #expect(try value(down.logSigmoid(.number(-x), counter)) == Double(Float(-x).nextDown))
      #expect(try value(up.logSigmoid(.number(-x), counter)) == -x)
      #expect(try value(down.logSigmoid(.number(x), counter)) == -Double(Float.leastNonzeroMagnitude))
    }
  }
}
