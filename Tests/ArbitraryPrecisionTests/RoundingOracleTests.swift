import ArbitraryPrecision
import CMPFR
import FloatingPointFormats
import Testing
import TestSupport

/// Rounding and arithmetic of the formats against MPFR.
@Suite struct RoundingOracleTests {
  /// MPFR's exponent range is per thread; the oracle changes it.
  @Test func theLibraryIsBuiltForThreads() {
    #expect(mpfr_buildopt_tls_p() != 0)
  }

  /// The oracle on published facts, so that it is held to something itself.
  @Test func theOracleKnowsPublishedCases() {
    func check(_ model: FormatModel, _ x: Double, _ rounding: Rounding, _ expected: Double) {
      let oracle = MPFROracle(model, inputPrecision: 53)
      let number = MPFRNumber(x, precision: 53)
      let got = oracle.round(number.pointer, rounding)
      #expect(
        got.bitPattern == expected.bitPattern || got.isNaN && expected.isNaN, "\(model) \(x) \(rounding)")
    }
    check(.e4m3fn, 464, .nearestEven, 448)
    check(.e4m3fn, 465, .nearestEven, .nan)
    check(.fp16, 65519.99, .nearestEven, 65504)
    check(.fp16, 65520, .nearestEven, .infinity)
    check(.fp16, -65520, .up, -65504)
    check(.fp16, 0x1p-25, .nearestEven, 0)
    check(.fp16, 0x1p-25, .nearestAway, 0x1p-24)
    check(.fp16, 0x1.8p-24, .nearestEven, 0x1p-23)
    check(.fp16, -0x1p-30, .odd, -0x1p-24)
    check(.fp32, 0x1.000001p0, .nearestEven, 1)
    check(.fp32, 0x1.000003p0, .nearestEven, 0x1.000004p0)
    check(.fp64, 0x1p-1074, .odd, 0x1p-1074)
  }

  /// x itself, its middle with the next value, and a hair to either side of both, in all roundings and both signs.
  static func sweep(_ model: FormatModel, _ lowers: some Sequence<UInt64>) throws -> Sweep {
    let format = try model.format
    let oracle = MPFROracle(model, inputPrecision: 512)
    var sweep = Sweep()
    let x = MPFRNumber(precision: 512)
    let hair = MPFRNumber(precision: 53)
    for lower in lowers {
      let a = model.value(lower)
      // Above the largest value the next one is what the format would hold with a wider range.
      let gap = exp2i(max(a == 0 ? model.emin : Int(a.exponent), model.emin) - model.storedBits)
      for middle in [false, true] {
        // Hairs that fit 128 bits, that do not, and that binary64 would lose.
        for scale in [0, -2, -60, -100, -300] {
          for side in scale == 0 ? [0] : [1, -1] {
            mpfr_set_d(hair.pointer, gap, MPFR_RNDN)
            mpfr_set_d(x.pointer, a, MPFR_RNDN)
            if middle {
              mpfr_mul_2si(hair.pointer, hair.pointer, -1, MPFR_RNDN)
              let ternary = mpfr_add(x.pointer, x.pointer, hair.pointer, MPFR_RNDN)
              precondition(ternary == 0)
            }
            if side != 0 {
              mpfr_mul_2si(hair.pointer, hair.pointer, scale, MPFR_RNDN)
              if side < 0 { mpfr_neg(hair.pointer, hair.pointer, MPFR_RNDN) }
              let ternary = mpfr_add(x.pointer, x.pointer, hair.pointer, MPFR_RNDN)
              precondition(ternary == 0)
            }
            for negative in [false, true] {
              if negative { mpfr_neg(x.pointer, x.pointer, MPFR_RNDN) }
              let exact = ExactValue(x.pointer)
              for rounding in deterministicRoundings {
                let (got, expected) = (
                  format.round(exact, rounding).encoding, oracle.encoding(x.pointer, rounding)
                )
                sweep.check(
                  got == expected,
                  """
                  \(model) \(rounding) of \(shown(x.pointer)): got \(format.hexadecimal(got)), \
                  expected \(format.hexadecimal(expected))
                  """)
              }
            }
          }
        }
      }
    }
    return sweep
  }

  @Test(arguments: FormatModel.tiny)
  func everyValueOfTheTinyFormats(model: FormatModel) throws {
    let stride = isExhaustive ? 1 : 3
    let lowers = Array(Swift.stride(from: 0, through: Int(model.largestEncoding), by: stride)).map(
      UInt64.init)
    let sweep = try Self.sweep(model, lowers + [model.largestEncoding])
    #expect(sweep.passed(atLeast: lowers.count * 216), "\(sweep)")
  }

  @Test(.enabled(if: isExhaustive), arguments: [FormatModel.bf16, .fp16])
  func everyValueOfTheSixteenBitFormats(model: FormatModel) throws {
    let sweep = try Self.sweep(model, 0...model.largestEncoding)
    #expect(sweep.passed(atLeast: Int(model.largestEncoding) * 216), "\(sweep)")
  }

  @Test(arguments: [FormatModel.bf16, .fp16, .tf32, .fp32, .fp64])
  func edgesAndASample(model: FormatModel) throws {
    let largest = model.largestEncoding
    let normal = UInt64(1) << UInt64(model.storedBits)
    var lowers: [UInt64] = [0, 1, 2, normal - 2, normal - 1, normal, normal + 1, 2 * normal - 1, 2 * normal]
    lowers += [largest - 1, largest, model.encoding(1), model.encoding(1) - 1]
    var generator = SeededGenerator(seed: 60)
    for _ in 0..<(isExhaustive ? 20_000 : 60) { lowers.append(generator.next() % (largest + 1)) }
    let sweep = try Self.sweep(model, lowers)
    #expect(sweep.passed(atLeast: lowers.count * 216), "\(sweep)")
  }

  /// Sums, products and fused operations: exact in MPFR at 4400 bits, then rounded there.
  @Test(arguments: [FormatModel.bf16, .fp16, .fp32, .fp64])
  func arithmetic(model: FormatModel) throws {
    let format = try model.format
    let precision = 4400
    let oracle = MPFROracle(model, inputPrecision: precision)
    let x = MPFRNumber(precision: 53)
    let y = MPFRNumber(precision: 53)
    let z = MPFRNumber(precision: 53)
    let exact = MPFRNumber(precision: precision)
    var operands = OperandGenerator(model, seed: 61)
    var sweep = Sweep()
    for _ in 0..<(isExhaustive ? 30_000 : 500) {
      let (a, b, c) = operands.triple()
      mpfr_set_d(x.pointer, a, MPFR_RNDN)
      mpfr_set_d(y.pointer, b, MPFR_RNDN)
      mpfr_set_d(z.pointer, c, MPFR_RNDN)
      for rounding in deterministicRoundings {
        // Nothing is rounded here; the direction decides the sign of an exact zero.
        let direction = rounding == .down ? MPFR_RNDD : MPFR_RNDN
        for operation in 0..<3 {
          let ternary: Int32
          let got: Double
          switch operation {
          case 0:
            ternary = mpfr_add(exact.pointer, x.pointer, y.pointer, direction)
            got = format.sum(a, b, rounding)
          case 1:
            ternary = mpfr_mul(exact.pointer, x.pointer, y.pointer, direction)
            got = format.product(a, b, rounding)
          default:
            ternary = mpfr_fma(exact.pointer, x.pointer, y.pointer, z.pointer, direction)
            got = format.fusedProductSum(a, b, c, rounding)
          }
          let expected = oracle.round(exact.pointer, rounding)
          sweep.check(
            ternary == 0 && (got.bitPattern == expected.bitPattern || got.isNaN && expected.isNaN),
            """
            \(model) \(rounding) \(["a+b", "a·b", "a·b+c"][operation]) of \(shown(a)), \(shown(b)), \(shown(c)): \
            \(shown(got)), expected \(shown(expected))
            """)
        }
      }
    }
    #expect(sweep.passed(atLeast: 500 * 18), "\(sweep)")
  }
}
