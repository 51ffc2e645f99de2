import ArbitraryPrecision
import FloatingPointFormats
import Testing

@Suite struct ExactRealTests {
  @Test func rationalPowersAreRecognised() {
    #expect(Rational(10000).power(-2, over: 8) == Rational(1, 10))
    #expect(Rational(8, 27).power(2, over: 3) == Rational(4, 9))
    #expect(Rational(10000).power(-2, over: 64) == nil)
    #expect(Rational(7).power(0, over: 5) == Rational(1))
  }

  @Test func literalsAreExact() throws {
    #expect(Rational(try NumberLiteral("0.1")) == Rational(1, 10))
    #expect(Rational(try NumberLiteral("-0x1.8p-1")) == Rational(-3, 4))
    #expect(Rational(try NumberLiteral("257/256")) == Rational(257, 256))
    #expect(Rational(try NumberLiteral("1.5e3/0.5")) == Rational(3000))
    #expect(FloatingPointFormat.bf16.round(try NumberLiteral("1.00390625").exactValue).encoding == 0x3F80)
    #expect(
      FloatingPointFormat.bf16.round(try NumberLiteral("1.00390625000000000001").exactValue).encoding
        == 0x3F81)
    #expect(try NumberLiteral("-0").exactValue == .zero(isNegative: true))
    for text in ["", "1/0", "0x", "e5", ".", "1.2.3", "--1", "1e1000000000000", "0xg", "1/2/3"] {
      #expect(throws: FormatError.self) { try NumberLiteral(text) }
    }
  }

  // cos 1 and π's worth of digits from tables.
  @Test func decimalsAreRoundedToNearest() throws {
    #expect(
      try ExactReal(1.0).cosine.decimal(digits: 40) == "0.5403023058681397174009366074429766037323")
    #expect(
      try ExactReal.power(Rational(2), 1, over: 2).decimal(digits: 40)
        == "1.414213562373095048801688724209698078570")
    #expect(try ExactReal(Rational(1, 8)).decimal(digits: 5) == "0.12500")
    #expect(try ExactReal(Rational(-1, 3)).decimal(digits: 1) == "-0.3")
  }

  @Test func anUndecidableValueIsSaidToBeSo() {
    // cos²1 + sin²1 is 1, which no interval can show.
    let one = ExactReal(1.0)
    let sum = ExactReal.sum([one.cosine * one.cosine, one.sine * one.sine])
    #expect(throws: UndecidedRounding.self) { try sum.exactValue(limit: 2048) }
  }
}
