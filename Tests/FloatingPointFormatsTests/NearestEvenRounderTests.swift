import FloatingPointFormats
import Testing
import TestSupport

/// The fast rounder against the plain one.
@Suite struct NearestEvenRounderTests {
  static let formats: [FormatModel] =
    [
      .bf16, .fp16, .tf32, .fp32, FormatModel("p24e-900:900", 24, -900, 900),
      FormatModel("p50e-14:15", 50, -14, 15),
    ]
    + FormatModel.tiny.filter(\.hasSubnormals)

  static func check(
    _ x: Double, _ rounder: NearestEvenRounder, _ format: FloatingPointFormat, _ sweep: inout Sweep
  ) {
    let (got, expected) = (rounder(x), format.rounded(x))
    sweep.check(
      ArithmeticTests.same(got, expected),
      "\(format.spelling) of \(shown(x)): \(shown(got)), expected \(shown(expected))")
  }

  @Test(arguments: formats)
  func neighboursMiddlesAndHairs(model: FormatModel) throws {
    let format = try model.format
    let rounder = try #require(NearestEvenRounder(format))
    var sweep = Sweep()
    let stride = isExhaustive && model.largestEncoding < 1 << 16 ? 1 : max(1, model.largestEncoding / 300)
    var lowers = Array(Swift.stride(from: UInt64(0), to: model.largestEncoding, by: UInt64.Stride(stride)))
    lowers += [
      model.largestEncoding - 1, UInt64(1) << UInt64(model.storedBits), (1 << UInt64(model.storedBits)) - 1,
    ]
    for lower in lowers {
      let (a, b) = (model.value(lower), model.value(lower + 1))
      let middle = a + (b - a) / 2
      for x in [a, a.nextUp, middle.nextDown, middle, middle.nextUp, b.nextDown, b] {
        Self.check(x, rounder, format, &sweep)
        Self.check(-x, rounder, format, &sweep)
      }
    }
    let gap = model.largest.ulp * exp2i(52 - model.storedBits)
    for x in [
      0, model.largest + gap / 2, (model.largest + gap / 2).nextDown, (model.largest + gap / 2).nextUp,
      model.largest + gap, .infinity, .nan, .greatestFiniteMagnitude, 0x1p900, 0x1p901, 0x1p902, 0x1.8p901,
      .leastNonzeroMagnitude, .leastNormalMagnitude, model.smallest / 2, (model.smallest / 2).nextUp,
      (model.smallest / 2).nextDown,
    ] {
      Self.check(x, rounder, format, &sweep)
      Self.check(-x, rounder, format, &sweep)
    }
    #expect(sweep.passed(atLeast: 50), "\(sweep)")
  }

  @Test(arguments: [FormatModel.fp32, .tf32])
  func randomDoubles(model: FormatModel) throws {
    let format = try model.format
    let rounder = try #require(NearestEvenRounder(format))
    var generator = SeededGenerator(seed: 50)
    var sweep = Sweep()
    for index in 0..<(isExhaustive ? 2_000_000 : 50_000) {
      let x = index % 3 == 0 ? Double(bitPattern: generator.next()) : generator.nearSingle()
      Self.check(x, rounder, format, &sweep)
    }
    #expect(sweep.passed(atLeast: 50_000), "\(sweep)")
  }

  @Test func formatsItIsNotFitForAreRefused() throws {
    #expect(NearestEvenRounder(.fp64) == nil)
    for spelling in ["p51e-14:15", "p8e-126:127-nosubnormals", "p8e-901:127", "p8e-126:901"] {
      #expect(NearestEvenRounder(try FloatingPointFormat(spelling: spelling)) == nil, "\(spelling)")
    }
  }

  /// The claim behind emulating a format of at most 24 bits in binary64: one operation there and then this rounding is the single
  /// rounding of the exact result. The other side of the comparison never rounds to binary64.
  @Test(arguments: [
    FormatModel.fp32, .tf32, .bf16, .fp16, .e4m3fn, .e5m2, FormatModel("p24e-900:900", 24, -900, 900),
  ])
  func operationsInBinary64AreRoundedOnce(model: FormatModel) throws {
    let format = try model.format
    let rounder = try #require(NearestEvenRounder(format))
    var operands = OperandGenerator(model, seed: 51)
    var sweep = Sweep()
    for _ in 0..<(isExhaustive ? 300_000 : 4_000) {
      let (a, b, c) = operands.triple()
      for (x, y) in [(a, b), (b, c), (a, c)] {
        let (sum, product) = (rounder(x + y), rounder(x * y))
        let (exactSum, exactProduct) = (format.sum(x, y), format.product(x, y))
        sweep.check(
          ArithmeticTests.same(sum, exactSum),
          "\(model) \(shown(x)) + \(shown(y)): \(sum), expected \(exactSum)")
        sweep.check(
          ArithmeticTests.same(product, exactProduct),
          "\(model) \(shown(x)) · \(shown(y)): \(product), expected \(exactProduct)")
      }
    }
    #expect(sweep.passed(atLeast: 24_000), "\(sweep)")
  }
}
