import ArbitraryPrecision
import CMPFR
import FloatingPointFormats
import Testing
import TestSupport

/// Containment: for operands inside, the exact result lies inside. Operands are binary64 numbers enclosed in intervals of few
/// bits, so that the ends differ; exact results are computed by MPFR at a precision where nothing is rounded.
@Suite struct IntervalTests {
  static func contains(_ interval: MPFRInterval, _ number: MPFRPointer) -> Bool {
    mpfr_lessequal_p(interval.lower, number) != 0 && mpfr_lessequal_p(number, interval.upper) != 0
  }

  static func ends(_ interval: MPFRInterval) -> String {
    "[\(decimalString(interval.lower, digits: 25)), \(decimalString(interval.upper, digits: 25))]"
  }

  @Test func fieldOperationsContainTheExactResult() {
    var operands = OperandGenerator(.fp64, seed: 90)
    var generator = SeededGenerator(seed: 91)
    let x = MPFRNumber(precision: 53)
    let y = MPFRNumber(precision: 53)
    let exact = MPFRNumber(precision: 2200)
    var sweep = Sweep()
    for _ in 0..<3000 {
      let (a, b) = (operands.moderate(), operands.moderate())
      mpfr_set_d(x.pointer, a, MPFR_RNDN)
      mpfr_set_d(y.pointer, b, MPFR_RNDN)
      let p = MPFRInterval(a, precision: 2 + generator.below(60))
      let q = MPFRInterval(Rational(b), precision: 2 + generator.below(60))
      // A spread interval of either sign, or around zero.
      let wide = generator.below(2) == 0 ? p : p - p + MPFRInterval(a, precision: 8)
      func check(_ name: String, _ interval: MPFRInterval) {
        sweep.check(
          Self.contains(interval, exact.pointer), "\(a) \(name) \(b): \(Self.ends(interval))")
      }
      mpfr_add(exact.pointer, x.pointer, y.pointer, MPFR_RNDN)
      check("+", wide + q)
      mpfr_sub(exact.pointer, x.pointer, y.pointer, MPFR_RNDN)
      check("-", wide - q)
      mpfr_mul(exact.pointer, x.pointer, y.pointer, MPFR_RNDN)
      check("·", wide * q)
      check("·", q * wide)
      mpfr_neg(exact.pointer, x.pointer, MPFR_RNDN)
      check("negated", -wide)
      // lower ≤ 1/b ≤ upper, multiplied by b.
      let reciprocal = q.reciprocal
      let (inner, outer) = b > 0 ? (reciprocal.lower, reciprocal.upper) : (reciprocal.upper, reciprocal.lower)
      mpfr_mul(exact.pointer, inner, y.pointer, MPFR_RNDN)
      sweep.check(mpfr_cmp_ui(exact.pointer, 1) <= 0, "1/\(b): \(Self.ends(reciprocal))")
      mpfr_mul(exact.pointer, outer, y.pointer, MPFR_RNDN)
      sweep.check(mpfr_cmp_ui(exact.pointer, 1) >= 0, "1/\(b): \(Self.ends(reciprocal))")
    }
    #expect(sweep.passed(atLeast: 21_000), "\(sweep)")
  }

  @Test func rootsLogarithmsAndExponentials() {
    var operands = OperandGenerator(.fp64, seed: 92)
    var generator = SeededGenerator(seed: 93)
    let x = MPFRNumber(precision: 53)
    let exact = MPFRNumber(precision: 400)
    var sweep = Sweep()
    for _ in 0..<1500 {
      let a = operands.moderate().magnitude
      let p = MPFRInterval(a, precision: 8 + generator.below(60))
      mpfr_set_d(x.pointer, a, MPFR_RNDN)
      let root = p.squareRoot
      mpfr_sqr(exact.pointer, root.lower, MPFR_RNDN)
      sweep.check(mpfr_lessequal_p(exact.pointer, x.pointer) != 0, "√\(a): \(Self.ends(root))")
      mpfr_sqr(exact.pointer, root.upper, MPFR_RNDN)
      sweep.check(mpfr_greaterequal_p(exact.pointer, x.pointer) != 0, "√\(a): \(Self.ends(root))")
      // At 400 bits the error is far below the width of the interval, unless that is a point.
      mpfr_log(exact.pointer, x.pointer, MPFR_RNDN)
      sweep.check(
        Self.contains(p.naturalLogarithm, exact.pointer), "ln \(a): \(Self.ends(p.naturalLogarithm))")
      mpfr_exp(exact.pointer, x.pointer, MPFR_RNDN)
      sweep.check(Self.contains(p.exponential, exact.pointer), "exp \(a): \(Self.ends(p.exponential))")
      mpfr_neg(x.pointer, x.pointer, MPFR_RNDN)
      mpfr_exp(exact.pointer, x.pointer, MPFR_RNDN)
      sweep.check(
        Self.contains((-p).exponential, exact.pointer), "exp -\(a): \(Self.ends((-p).exponential))")
    }
    #expect(sweep.passed(atLeast: 7500), "\(sweep)")
  }

  /// Angles of every size up to 2^60, enclosed in intervals from points to wider than a period.
  @Test func cosineAndSineContainTheirValues() {
    var generator = SeededGenerator(seed: 94)
    let x = MPFRNumber(precision: 53)
    let cosine = MPFRNumber(precision: 500)
    let sine = MPFRNumber(precision: 500)
    var sweep = Sweep()
    for index in 0..<2000 {
      let fraction = generator.next() & 0xF_FFFF_FFFF_FFFF
      let angle = Double(bitPattern: UInt64(1023 - 40 + generator.below(100)) << 52 | fraction)
      let signed = index % 2 == 0 ? angle : -angle
      mpfr_set_d(x.pointer, signed, MPFR_RNDN)
      mpfr_sin_cos(sine.pointer, cosine.pointer, x.pointer, MPFR_RNDN)
      let result = MPFRInterval(signed, precision: 4 + generator.below(120)).cosineAndSine
      sweep.check(
        Self.contains(result.cosine, cosine.pointer), "cos \(shown(signed)): \(Self.ends(result.cosine))")
      sweep.check(
        Self.contains(result.sine, sine.pointer), "sin \(shown(signed)): \(Self.ends(result.sine))")
    }
    #expect(sweep.passed(atLeast: 4000), "\(sweep)")
    let zero = MPFRInterval(0, precision: 64).cosineAndSine
    #expect(zero.cosine.isPoint && zero.cosine.exactValue == ExactValue(1))
    #expect(zero.sine.isPoint && zero.sine.exactValue == .zero(isNegative: false))
  }

  @Test func signsAndPoints() {
    let third = MPFRInterval(Rational(1, 3), precision: 100)
    #expect(!third.isPoint)
    #expect(third.sign == 1)
    #expect((-third).sign == -1)
    #expect((third - third).sign == nil)
    #expect(MPFRInterval(Rational(3, 8), precision: 2).isPoint)
    #expect(MPFRInterval(0, precision: 10).sign == 0)
    #expect((third * MPFRInterval(0, precision: 10)).sign == 0)
  }

  @Test func decisions() {
    // A point of any precision is exact; its tail is what lies beyond 128 bits.
    #expect(MPFRInterval(0.75, precision: 10).exactValue == ExactValue(0.75))
    let one = MPFRInterval(1, precision: 300)
    let hair = MPFRInterval(Rational(0x1p-200), precision: 300)
    #expect(
      (one + hair).exactValue
        == .finite(TruncatedReal(isNegative: false, significand: 1 << 127, exponent: -127, hasTail: true)))
    // The exact zero has no sign, whichever way the ends were rounded.
    #expect((one - one).exactValue == .zero(isNegative: false))
    #expect((one - one).decimal(digits: 3) == "0")
    #expect((-(one - one)).exactValue == .zero(isNegative: false))
    // 1/3 truncated: 0xAAAA…AA.
    #expect(
      MPFRInterval(Rational(-1, 3), precision: 200).exactValue
        == .finite(
          TruncatedReal(isNegative: true, significand: UInt128.max / 3 * 2, exponent: -129, hasTail: true)))
    // Ends that straddle zero, a boundary, or are too wide or too short decide nothing.
    let third = MPFRInterval(Rational(1, 3), precision: 200)
    #expect((third - third).exactValue == nil)
    #expect((third + third + third).exactValue == nil)
    #expect(MPFRInterval(Rational(1, 3), precision: 64).exactValue == nil)
    #expect(MPFRInterval(Rational(1, 3), precision: 128).exactValue == nil)
    // The lower end is the boundary itself, so that the value may be it: [1, 1 + 2^−249].
    let closed = MPFRInterval(Rational(1) + Rational(0x1p-300), precision: 250)
    #expect(mpfr_cmp_ui(closed.lower, 1) == 0)
    #expect(closed.exactValue == nil)
  }

  /// Leading 128 bits from mpmath at 1200 bits.
  @Test func knownLeadingBits() throws {
    func check(_ real: ExactReal, _ negative: Bool, _ significand: UInt128, _ exponent: Int) throws {
      #expect(
        try real.exactValue()
          == .finite(
            TruncatedReal(isNegative: negative, significand: significand, exponent: exponent, hasTail: true)))
    }
    let frequency = ExactReal.power(Rational(10000), -2, over: 64)
    try check(.power(Rational(2), 1, over: 2), false, 0xB504_F333_F9DE_6484_597D_89B3_754A_BE9F, -127)
    try check(ExactReal(1.0).cosine, false, 0x8A51_407D_A834_5C91_C246_6D97_6871_BD29, -128)
    try check(ExactReal(1_000_000.0).sine, true, 0xB332_592B_46C3_3A4C_8E65_A4DD_3729_0019, -129)
    try check(ExactReal(9007199254740991.0).sine, true, 0xE48B_B53A_0A7C_75A6_FEC7_A1AC_EEC3_0264, -134)
    try check(frequency, false, 0xBFF9_1120_8AEC_CC9A_E1BB_6544_E8FD_DFEF, -128)
    try check(
      (ExactReal(131071.0) * frequency).cosine, false, 0xDFB7_0D32_750B_1141_5B8E_CDF3_9BC1_852B, -132)
    #expect(
      try (ExactReal(131071.0) * frequency).cosine.decimal(digits: 50)
        == "0.054617930937925122637183985796559378216827774776975")
    #expect(
      try frequency.decimal(digits: 50) == "0.74989420933245582730218427561513643844186791816497")
  }

  @Test func realsFoldRationalsAndAgreeWithThemselves() throws {
    #expect(ExactReal.sum([]).isZero)
    #expect(ExactReal.sum([ExactReal(0.5), ExactReal(-0.5)]).isZero)
    #expect((ExactReal(0.0) * ExactReal(1.0).cosine).isZero)
    #expect(ExactReal(0.0).cosine.rational == Rational(1))
    #expect(ExactReal(0.0).sine.isZero)
    #expect(ExactReal(4.0).reciprocal.rational == Rational(1, 4))
    #expect(ExactReal.power(Rational(4, 9), -3, over: 2).rational == Rational(27, 8))
    #expect((-ExactReal(0.5)).rational == Rational(-1, 2))
    let root = ExactReal.power(Rational(2), 1, over: 2)
    #expect(try (-root).decimal(digits: 10) == "-1.414213562")
    #expect(try root.reciprocal.decimal(digits: 10) == "0.7071067812")
    #expect(FloatingPointFormat.fp64.rounded(try root.exactValue()) == 2.0.squareRoot())
    // A sum that all but cancels: the precision is raised until it shows.
    let tiny = ExactReal.sum([root, -root, ExactReal(Rational(0x1p-1000))])
    #expect(throws: UndecidedRounding.self) { try root.exactValue(limit: 100) }
    #expect(throws: UndecidedRounding.self) { try tiny.exactValue(limit: 500) }
    let cancelled = ExactReal.sum([root * ExactReal(0x1p300), -(root * ExactReal(0x1p300)), root])
    let (decided, direct) = (try cancelled.exactValue(), try root.exactValue())
    #expect(decided == direct)
  }
}
