import ArbitraryPrecision
import CMPFR
import FloatingPointFormats
import Testing
import TestSupport

/// Numbers of every length as leading bits and a tail. What must come out is read off a string of binary digits.
@Suite struct NumberConversionTests {
  /// 1 followed by random digits, with runs and with zeros at the end some of the time.
  static func digits(_ count: Int, _ generator: inout SeededGenerator) -> String {
    let zerosFrom = generator.below(3) == 0 ? generator.below(count) : count
    let run = generator.below(4)
    var bits = (0..<count).map { place -> UInt8 in
      let bit = run == 0 ? 1 : run == 1 ? 0 : generator.below(2)
      return place >= zerosFrom ? 0 : UInt8(bit)
    }
    if run == 1, generator.below(2) == 0 { bits[count - 1] = 1 }
    bits[0] = 1
    return String(decoding: bits.map { $0 + UInt8(ascii: "0") }, as: UTF8.self)
  }

  /// The leading 128 of the digits as an integer, padded, and whether a one follows.
  static func leading(_ digits: String) -> (significand: UInt128, hasTail: Bool) {
    let head = digits.prefix(128)
    let value = UInt128(head, radix: 2)! << UInt128(128 - head.count)
    return (value, digits.dropFirst(128).contains("1"))
  }

  @Test func numbersOfEveryPrecision() {
    var generator = SeededGenerator(seed: 70)
    var sweep = Sweep()
    for precision in 2...1000 {
      let number = MPFRNumber(precision: precision)
      for exponent in [0, 1 << 29, -(1 << 29)] {
        let digits = Self.digits(precision, &generator)
        let negative = generator.below(2) == 0
        let ternary = mpfr_set_str(number.pointer, (negative ? "-" : "") + digits, 2, MPFR_RNDN)
        mpfr_mul_2si(number.pointer, number.pointer, exponent, MPFR_RNDN)
        let (significand, hasTail) = Self.leading(digits)
        let expected = ExactValue.finite(
          TruncatedReal(
            isNegative: negative, significand: significand, exponent: exponent + precision - 128,
            hasTail: hasTail))
        let got = ExactValue(number.pointer)
        sweep.check(
          ternary == 0 && got == expected,
          "\(negative ? "-" : "")\(digits)b·2^\(exponent): \(got), expected \(expected)")
      }
    }
    #expect(sweep.passed(atLeast: 999 * 3), "\(sweep)")
  }

  @Test func theEndsOfTheExponentRange() {
    let (low, high) = (mpfr_get_emin(), mpfr_get_emax())
    mpfr_set_emin(mpfr_get_emin_min())
    mpfr_set_emax(mpfr_get_emax_max())
    defer {
      mpfr_set_emin(low)
      mpfr_set_emax(high)
    }
    for exponent in [mpfr_get_emin(), mpfr_get_emax()] {
      let number = MPFRNumber(-1.5, precision: 300)
      mpfr_set_exp(number.pointer, exponent)
      // 1.5 = 0.11b·2^1, so that the value is −3·2^(exponent − 2).
      let expected = ExactValue.finite(
        TruncatedReal(isNegative: true, significand: 3, exponent: Int(exponent) - 2))
      #expect(ExactValue(number.pointer) == expected)
      for (name, format) in FloatingPointFormat.named {
        let result = format.round(number.pointer)
        #expect(result.overflowed == (exponent > 0), "\(name)")
        #expect(result.underflowed == (exponent < 0), "\(name)")
      }
    }
  }

  @Test func specialNumbers() {
    let number = MPFRNumber(precision: 200)
    #expect(ExactValue(number.pointer) == .nan)
    for sign: Int32 in [1, -1] {
      mpfr_set_inf(number.pointer, sign)
      #expect(ExactValue(number.pointer) == .infinity(isNegative: sign < 0))
      mpfr_set_zero(number.pointer, sign)
      #expect(ExactValue(number.pointer) == .zero(isNegative: sign < 0))
      #expect(FloatingPointFormat.bf16.round(number.pointer).encoding == (sign < 0 ? 0x8000 : 0))
    }
  }

  /// Words of any number, with zeros above and below.
  @Test func words() {
    var generator = SeededGenerator(seed: 71)
    var sweep = Sweep()
    for count in 1...400 {
      for _ in 0..<5 {
        let digits = Self.digits(count, &generator)
        let (zerosAbove, exponent) = (generator.below(3), generator.below(2001) - 1000)
        var padded = Substring(String(repeating: "0", count: (64 - count % 64) % 64) + digits)
        var words: [UInt64] = []
        while !padded.isEmpty {
          words.insert(UInt64(padded.prefix(64), radix: 2)!, at: 0)
          padded = padded.dropFirst(64)
        }
        words += Array(repeating: 0, count: zerosAbove)
        let (significand, hasTail) = Self.leading(digits)
        for saysTail in count >= 128 ? [false, true] : [false] {
          let expected = TruncatedReal(
            isNegative: true, significand: significand, exponent: exponent + count - 128,
            hasTail: hasTail || saysTail)
          let got = TruncatedReal(isNegative: true, words: words, exponent: exponent, hasTail: saysTail)
          sweep.check(
            got == expected, "\(digits)b·2^\(exponent): \(String(describing: got)), expected \(expected)")
        }
      }
    }
    #expect(sweep.passed(atLeast: 2000), "\(sweep)")
    #expect(TruncatedReal(isNegative: false, words: [0, 0], exponent: 3) == nil)
    #expect(TruncatedReal(isNegative: false, words: [UInt64](), exponent: 3) == nil)
  }

  /// π to 50 places, a number of 20 bits, and where the notation changes.
  @Test func decimals() {
    let number = MPFRNumber(precision: 300)
    mpfr_const_pi(number.pointer, MPFR_RNDN)
    #expect(
      decimalString(number.pointer, digits: 51) == "3.14159265358979323846264338327950288419716939937511")
    for (value, digits, expected) in [
      (0.5, 3, "0.500"), (-0.5, 1, "-0.5"), (1048575, 4, "1049000"), (1e20, 1, "100000000000000000000"),
      (1e21, 1, "1e21"), (-1.5e21, 2, "-1.5e21"), (0x1p-20, 3, "9.54e-7"), (0x1p-19, 3, "0.00000191"),
      (100, 5, "100.00"),
      (100, 3, "100"), (9.96, 2, "10"), (0.125, 2, "0.12"), (0.375, 2, "0.38"),
    ] as [(Double, Int, String)] {
      mpfr_set_d(number.pointer, value, MPFR_RNDN)
      #expect(decimalString(number.pointer, digits: digits) == expected)
    }
    mpfr_set_nan(number.pointer)
    #expect(decimalString(number.pointer, digits: 3) == "NaN")
    mpfr_set_inf(number.pointer, -1)
    #expect(decimalString(number.pointer, digits: 3) == "-INF")
  }

  /// No operation on one number of an arena touches another, at precisions around the limb size.
  @Test func arenaNumbersDoNotOverlap() {
    var generator = SeededGenerator(seed: 72)
    var sweep = Sweep()
    for precision in [1, 2, 53, 63, 64, 65, 127, 128, 129, 192, 256, 257, 1000] {
      let count = 17
      let arena = MPFRArena(count: count, precision: precision)
      let copies = MPFRArena(count: count, precision: precision)
      func fill(_ index: Int) {
        mpfr_set_str(arena[index], Self.digits(precision, &generator), 2, MPFR_RNDN)
      }
      for index in 0..<count { sweep.check(mpfr_nan_p(arena[index]) != 0, "not NaN at first") }
      for index in 0..<count { fill(index) }
      for index in 0..<count { mpfr_set(copies[index], arena[index], MPFR_RNDN) }
      for target in 0..<count {
        // All ones: every limb of the target is written.
        mpfr_set_str(arena[target], String(repeating: "1", count: precision), 2, MPFR_RNDN)
        mpfr_fma(arena[target], arena[target], arena[target], arena[target], MPFR_RNDA)
        mpfr_sqrt(arena[target], arena[target], MPFR_RNDN)
        for other in 0..<count where other != target {
          sweep.check(
            mpfr_equal_p(arena[other], copies[other]) != 0,
            "writing \(target) changed \(other) at \(precision) bits")
        }
        mpfr_set(arena[target], copies[target], MPFR_RNDN)
      }
      sweep.check(arena.base == arena[0] && mpfr_get_prec(arena[count - 1]) == precision, "\(precision)")
    }
    #expect(sweep.passed(atLeast: 13 * 17 * 16), "\(sweep)")
    #expect(MPFRArena(count: 0, precision: 53).count == 0)
  }

  /// In place and into a fresh number, the same bits.
  @Test func operationsInPlace() {
    var generator = SeededGenerator(seed: 73)
    let arena = MPFRArena(count: 3, precision: 160)
    let fresh = MPFRNumber(precision: 160)
    for _ in 0..<200 {
      for index in 0..<3 { mpfr_set_str(arena[index], Self.digits(160, &generator), 2, MPFR_RNDN) }
      let accumulator = arena[2]
      let expected = mpfr_fma(fresh.pointer, arena[0], arena[1], accumulator, MPFR_RNDZ)
      #expect(mpfr_fma(accumulator, arena[0], arena[1], accumulator, MPFR_RNDZ) == expected)
      #expect(mpfr_equal_p(fresh.pointer, accumulator) != 0)
    }
  }
}
