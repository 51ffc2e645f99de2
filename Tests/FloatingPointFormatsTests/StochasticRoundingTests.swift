import FloatingPointFormats
import Testing
import TestSupport

@Suite struct StochasticRoundingTests {
  /// The known-answer vectors published with Random123 for philox4x32-10.
  @Test func philoxKnownAnswers() {
    #expect(
      Philox.words(counter: SIMD4(0, 0, 0, 0), key: SIMD2(0, 0))
        == SIMD4(0x6627_E8D5, 0xE169_C58D, 0xBC57_AC4C, 0x9B00_DBD8))
    let ones = UInt32.max
    #expect(
      Philox.words(counter: SIMD4(ones, ones, ones, ones), key: SIMD2(ones, ones))
        == SIMD4(0x408F_276D, 0x41C8_3B0E, 0xA20B_C7C6, 0x6D54_51FD))
    #expect(
      Philox.words(
        counter: SIMD4(0x243F_6A88, 0x85A3_08D3, 0x1319_8A2E, 0x0370_7344),
        key: SIMD2(0xA409_3822, 0x299F_31D0))
        == SIMD4(0xD16C_FE09, 0x94FD_CCEB, 0x5001_E420, 0x2412_6EA1))
  }

  @Test func bitsAreTheFirstTwoWordsLeastSignificantFirst() {
    #expect(Philox.bits(seed: 0, counter: RoundingCounter()) == 0xE169_C58D_6627_E8D5)
    #expect(
      Philox.bits(
        seed: 0x299F_31D0_A409_3822,
        counter: RoundingCounter(0x243F_6A88, 0x85A3_08D3, 0x1319_8A2E, 0x0370_7344))
        == 0x94FD_CCEB_D16C_FE09)
  }

  /// The documented rule, with the generator's bits at hand: away from zero exactly where bits < ⌊2^64·f⌋.
  @Test(arguments: [FormatModel.bf16, .fp16, .e4m3fn, .fp32, .fp64])
  func theRuleDecidesEveryCase(model: FormatModel) throws {
    let format = try model.format
    var generator = SeededGenerator(seed: 31)
    var sweep = Sweep()
    var away = 0
    for index in 0..<(isExhaustive ? 200_000 : 3_000) {
      let seed = generator.next()
      let counter = RoundingCounter(UInt32(index), UInt32(truncatingIfNeeded: generator.next()), 7, 9)
      let bits = Philox.bits(seed: seed, counter: counter)
      let lower = generator.next() % model.largestEncoding
      let magnitude = model.value(lower)
      let exponent = magnitude == 0 ? model.emin : max(Int(magnitude.exponent), model.emin)
      let gapExponent = exponent - model.storedBits
      // f = fraction/2^64, at the very threshold, one to either side of it, or anywhere.
      let fraction: UInt64 =
        switch index % 4 {
        case 0: bits
        case 1: bits == .max ? bits : bits + 1
        case 2: bits == 0 ? bits : bits - 1
        default: generator.next()
        }
      let significand = UInt128(UInt64(magnitude / exp2i(gapExponent))) << 64 | UInt128(fraction)
      if significand == 0 { continue }
      let negative = index & 8 != 0
      let value = ExactValue.finite(
        TruncatedReal(isNegative: negative, significand: significand, exponent: gapExponent - 64))
      let goesAway = bits < fraction
      if goesAway { away += 1 }
      let expected = (goesAway ? lower + 1 : lower) | (negative ? model.signBit : 0)
      let result = format.round(value, .stochastic(seed: seed), counter: counter)
      sweep.check(
        result.encoding == expected && result.isInexact == (fraction != 0),
        "\(model) above \(shown(magnitude)) fraction \(fraction) bits \(bits): \(result), expected \(expected)"
      )
      // What lies below 2^−64 of the gap is cut off: the outcome is the same.
      if significand >> 127 == 0 {
        let lift = significand.leadingZeroBitCount
        let tailed = ExactValue.finite(
          TruncatedReal(
            isNegative: negative, significand: significand << UInt128(lift),
            exponent: gapExponent - 64 - lift,
            hasTail: true))
        let withTail = format.round(tailed, .stochastic(seed: seed), counter: counter)
        sweep.check(withTail.encoding == expected && withTail.isInexact, "\(model) tail: \(withTail)")
      }
    }
    #expect(sweep.passed(atLeast: 3_000), "\(sweep)")
    #expect(away > 500)
  }

  @Test func resultsDependOnSeedAndCounterOnly() throws {
    let format = FloatingPointFormat.bf16
    let x = 1.00390625 / 1.0078125 + 0.3
    func run(_ indices: [UInt32], seed: UInt64) -> [UInt32: Double] {
      var results: [UInt32: Double] = [:]
      for index in indices {
        results[index] = format.rounded(x, .stochastic(seed: seed), counter: RoundingCounter(index, 1, 2, 3))
      }
      return results
    }
    let ascending = run(Array(0..<2000), seed: 5)
    #expect(run(Array((0..<2000).reversed()), seed: 5) == ascending)
    #expect(run(Array(0..<2000), seed: 6) != ascending)
    #expect(run(Array(0..<2000), seed: 5 | 1 << 32) != ascending)
    // Each coordinate matters.
    for counter in [
      RoundingCounter(0, 1, 2, 4), RoundingCounter(0, 1, 3, 3), RoundingCounter(0, 2, 2, 3),
      RoundingCounter(1, 1, 2, 3),
    ] {
      #expect(
        Philox.bits(seed: 5, counter: counter) != Philox.bits(seed: 5, counter: RoundingCounter(0, 1, 2, 3)))
    }
  }

  /// The frequency of rounding away is the fraction: 2000 draws at f = 1/4 lie within 5σ of 500.
  @Test func theMeanIsUnbiased() {
    var away = 0
    for index in 0..<2000 {
      let result = FloatingPointFormat.bf16.rounded(
        1 + 0x1p-9, .stochastic(seed: 11), counter: RoundingCounter(UInt32(index)))
      if result == 1 + 0x1p-7 { away += 1 } else if result != 1 { Issue.record("not a neighbour: \(result)") }
    }
    #expect(abs(away - 500) < 97)
  }
}
