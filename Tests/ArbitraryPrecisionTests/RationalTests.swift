import ArbitraryPrecision
import CMPFR
import FloatingPointFormats
import Testing
import TestSupport

@Suite struct RationalTests {
  @Test func lowestTermsAndSigns() {
    #expect(Rational(6, -4) == Rational(-3, 2))
    #expect(Rational(6, -4).description == "-3/2")
    #expect(Rational(-8, -4).description == "2")
    #expect(Rational(0, -5).description == "0")
    #expect(Rational(Int.min, Int.min) == Rational(1))
    #expect(Rational(Int.min).description == "-9223372036854775808")
    #expect(Rational(1, Int.min).description == "-1/9223372036854775808")
    #expect(Rational(-3, 2).sign == -1)
    #expect(Rational(-3, 2) < Rational(-4, 3))
    #expect(!Rational(4, 2).isInteger == false)
    #expect(!Rational(1, 2).isInteger)
    #expect(Rational(-3, 2).smallNumerator == -3)
    #expect(Rational(-3, 2).smallDenominator == 2)
    #expect((Rational(Int.max) + Rational(1)).smallNumerator == nil)
    #expect(Rational(-0.0).sign == 0)
    #expect(Rational(0x1p-1074) * Rational(0x1p1023) == Rational(0x1p-51))
    #expect(Rational(0.1).description == "3602879701896397/36028797018963968")
    #expect(Rational(-7, 3).reciprocal == Rational(-3, 7))
  }

  /// Field laws on small fractions, by cross-multiplication in Int.
  @Test func arithmetic() {
    var generator = SeededGenerator(seed: 80)
    var sweep = Sweep()
    for _ in 0..<5000 {
      let (a, b) = (generator.below(20001) - 10000, 1 + generator.below(10000))
      let (c, d) = (generator.below(20001) - 10000, 1 + generator.below(10000))
      let (x, y) = (Rational(a, b), Rational(c, d))
      sweep.check(x + y == Rational(a * d + b * c, b * d), "\(x) + \(y) = \(x + y)")
      sweep.check(x * y == Rational(a * c, b * d), "\(x) · \(y) = \(x * y)")
      sweep.check(-x == Rational(-a, b), "-\(x)")
      sweep.check((x < y) == (a * d < c * b), "\(x) < \(y)")
      sweep.check((x == y) == (a * d == c * b), "\(x) == \(y)")
    }
    #expect(sweep.passed(atLeast: 25_000), "\(sweep)")
  }

  /// The processor's division is the correctly rounded quotient of two exact integers.
  @Test func quotientsRoundAsTheProcessorDivides() {
    var generator = SeededGenerator(seed: 81)
    var sweep = Sweep()
    for index in 0..<20_000 {
      let bits = index % 2 == 0 ? 24 : 53
      let p = (generator.below(2) == 0 ? 1 : -1) * (1 + generator.below((1 << bits) - 1))
      let q = 1 + generator.below((1 << bits) - 1)
      let exact = Rational(p, q).exactValue
      let double = FloatingPointFormat.fp64.rounded(exact)
      sweep.check(double == Double(p) / Double(q), "\(p)/\(q): \(shown(double))")
      if bits == 24 {
        let single = FloatingPointFormat.fp32.rounded(exact)
        sweep.check(single == Double(Float(p) / Float(q)), "\(p)/\(q): \(shown(single))")
      }
    }
    #expect(sweep.passed(atLeast: 30_000), "\(sweep)")
  }

  @Test func powersThatAreRational() {
    #expect(Rational(4, 9).power(-3, over: 2) == Rational(27, 8))
    #expect(Rational(4, 9).power(-6, over: 4) == Rational(27, 8))
    #expect(Rational(2).power(1, over: 2) == nil)
    #expect(Rational(4, 3).power(1, over: 2) == nil)
    #expect(Rational(2).power(64, over: 1).map { $0 * Rational(0x1p-64) } == Rational(1))
    #expect(Rational(1).power(-7, over: 64) == Rational(1))
    #expect(Rational(5).power(0, over: 3) == Rational(1))
    #expect(Rational(10000).power(-32, over: 64) == Rational(1, 100))
  }

  @Test func literals() throws {
    for (text, expected) in [
      ("-0.125", Rational(-1, 8)), ("0x1.8p-1", Rational(3, 4)), ("1e3/0x10", Rational(125, 2)),
      ("0/5", Rational(0)),
      ("1.5e-3", Rational(3, 2000)), ("0x.0000000000001p0", Rational(0x1p-52)), ("2e2", Rational(200)),
      ("3.0/4.50", Rational(2, 3)), ("-0x1p4/3", Rational(-16, 3)),
    ] {
      #expect(Rational(try NumberLiteral(text)) == expected, "\(text)")
    }
    #expect(Rational(try NumberLiteral("nan")) == nil)
    #expect(Rational(try NumberLiteral("-inf")) == nil)
    #expect(Rational(NumberLiteral(Int.min)) == Rational(Int.min))
    #expect(try NumberLiteral("nan").exactValue == .nan)
    #expect(try NumberLiteral("-inf").exactValue == .infinity(isNegative: true))
    #expect(try NumberLiteral("-0.00e5").exactValue == .zero(isNegative: true))
    #expect(FloatingPointFormat.fp64.rounded(try NumberLiteral("1e100000").exactValue) == .infinity)
    #expect(FloatingPointFormat.fp64.rounded(try NumberLiteral("-1e-100000").exactValue).sign == .minus)
  }

  /// Shortest decimals read back: printing and parsing by the standard library, exactness by ours.
  @Test func decimalsRoundAsTheStandardLibraryReadsThem() throws {
    var generator = SeededGenerator(seed: 82)
    var sweep = Sweep()
    for _ in 0..<(isExhaustive ? 20_000 : 800) {
      let x = Double(bitPattern: generator.next())
      if !x.isFinite { continue }
      let got = FloatingPointFormat.fp64.rounded(try NumberLiteral(x.description).exactValue)
      sweep.check(got == x, "\(shown(x)): \(shown(got))")
    }
    // Digits of a middle between two doubles, and just above.
    for (text, expected) in [
      ("9007199254740993", 9007199254740992.0), ("9007199254740993.0000000000000000001", 9007199254740994),
      ("9007199254740995", 9007199254740996), ("2.4703282292062327e-324", 0),
      ("2.4703282292062328e-324", 0x1p-1074),
      ("1.7976931348623158e308", .greatestFiniteMagnitude), ("1.797693134862315808e308", .infinity),
    ] as [(String, Double)] {
      let got = FloatingPointFormat.fp64.rounded(try NumberLiteral(text).exactValue)
      sweep.check(got == expected, "\(text): \(shown(got)), expected \(shown(expected))")
    }
    #expect(sweep.passed(atLeast: 750), "\(sweep)")
  }

  /// Ties included; the expected digits come from Python's decimal module.
  @Test(arguments: [
    (1, 3, 12, "0.333333333333"), (2, 3, 1, "0.7"), (3, 20, 1, "0.2"), (1, 4, 1, "0.2"), (199, 20, 2, "10"),
    (-3, 20, 1, "-0.2"), (1235, 1, 3, "1240"), (1245, 1, 3, "1240"), (21, 400_000_000, 2, "5.2e-8"),
    (22, 7, 30, "3.14285714285714285714285714286"), (0, 1, 3, "0"), (1, 20, 1, "0.05"), (-7, 20, 1, "-0.4"),
  ])
  func decimals(numerator: Int, denominator: Int, digits: Int, expected: String) throws {
    #expect(try ExactReal(Rational(numerator, denominator)).decimal(digits: digits) == expected)
  }

  /// Σ a·b of binary64 numbers as integers, against sums of fractions; the constant is from Python's fractions module.
  @Test func dyadicSums() {
    let terms = [
      (0.1, 0.1), (1e300, -1e-300), (-3.5, 2.25), (1e16, 1.0), (-1e16, 1.0), (0.3, -0.7),
    ]
    var accumulator = DyadicAccumulator()
    for (a, b) in terms { accumulator.addProduct(a, b) }
    #expect(accumulator.sign == -1)
    #expect(
      accumulator.rational.description
        == "-11780023497800890254089162317975015/1298074214633706907132624082305024")
    for (a, b) in terms { accumulator.addProduct(-a, b) }
    #expect(accumulator.sign == 0)
    #expect(accumulator.rational == Rational(0))
  }

  @Test func dyadicSumsOfRandomTerms() {
    var generator = SeededGenerator(seed: 83)
    var operands = OperandGenerator(.fp64, seed: 84)
    for _ in 0..<40 {
      var forward = DyadicAccumulator()
      var backward = DyadicAccumulator()
      var half = DyadicAccumulator()
      var expected = Rational(0)
      var terms: [(Double, Double)] = []
      for _ in 0..<1 + generator.below(20) { terms.append((operands.finite(), operands.finite())) }
      terms += [
        (.greatestFiniteMagnitude, -.greatestFiniteMagnitude), (0x1p-1074, 0x1p-1074), (0, -1),
        (-0x1p-1074, 0x1p-1074),
      ]
      for (index, (a, b)) in terms.enumerated() {
        if index % 2 == 0 { forward.addProduct(a, b) } else { half.addProduct(a, b) }
        expected = expected + Rational(a) * Rational(b)
      }
      forward.add(half)
      for (a, b) in terms.reversed() { backward.addProduct(b, a) }
      #expect(forward.rational == expected)
      #expect(backward.rational == expected)
      #expect(forward.sign == expected.sign)
    }
  }
}
