import FloatingPointFormats
import Testing
import TestSupport

/// Arithmetic against the processor's own, and the facts that the emulation's claims rest on. Arithmetic against MPFR, in every
/// rounding, is in ArbitraryPrecisionTests.
@Suite struct ArithmeticTests {
  static func same(_ a: Double, _ b: Double) -> Bool { a.bitPattern == b.bitPattern || a.isNaN && b.isNaN }

  @Test func singlesAddMultiplyAndFuseAsTheProcessorDoes() {
    let format = FloatingPointFormat.fp32
    var operands = OperandGenerator(.fp32, seed: 41)
    var sweep = Sweep()
    for _ in 0..<(isExhaustive ? 500_000 : 8_000) {
      let (a, b, c) = operands.triple()
      let (x, y, z) = (Float(a), Float(b), Float(c))
      let cases: [(String, Double, Float)] = [
        ("sum", format.sum(a, b), x + y), ("product", format.product(a, b), x * y),
        ("fused", format.fusedProductSum(a, b, c), z.addingProduct(x, y)),
      ]
      for (name, got, expected) in cases {
        sweep.check(
          Self.same(got, Double(expected)),
          "\(name) of \(shown(a)), \(shown(b)), \(shown(c)): \(shown(got)), expected \(shown(Double(expected)))"
        )
      }
    }
    #expect(sweep.passed(atLeast: 24_000), "\(sweep)")
  }

  @Test func doublesAddMultiplyAndFuseAsTheProcessorDoes() {
    let format = FloatingPointFormat.fp64
    var operands = OperandGenerator(.fp64, seed: 42)
    var sweep = Sweep()
    for _ in 0..<(isExhaustive ? 500_000 : 8_000) {
      let (a, b, c) = operands.triple()
      let cases: [(String, Double, Double)] = [
        ("sum", format.sum(a, b), a + b), ("product", format.product(a, b), a * b),
        ("fused", format.fusedProductSum(a, b, c), c.addingProduct(a, b)),
      ]
      for (name, got, expected) in cases {
        sweep.check(
          Self.same(got, expected),
          "\(name) of \(shown(a)), \(shown(b)), \(shown(c)): \(shown(got)), expected \(shown(expected))")
      }
    }
    #expect(sweep.passed(atLeast: 24_000), "\(sweep)")
  }

  /// A case where fp32 or fp64 intermediates and Float16.addingProduct round twice: 59936 − 16 is a tie of fp16, and the
  /// addend decides.
  @Test func halfPrecisionFusedMultiplyAddRoundsOnce() {
    let half = FloatingPointFormat.fp16
    let addend = half.rounded(0.000526)
    #expect(half.rounded(187.25) == 187.25)
    #expect(half.fusedProductSum(187.25, 320, addend) == 59936)
    #expect(half.fusedProductSum(187.25, 320, 0) == 59904)
    #expect(half.fusedProductSum(187.25, 320, -addend) == 59904)
  }

  /// Products below fp32's subnormals: fused 3·2^−149 + 2^−150 rounds up to 4·2^−149 at the tie, the rounded product is zero.
  @Test func fusedAndUnfusedDifferBelowTheSubnormals() {
    let single = FloatingPointFormat.fp32
    #expect(single.fusedProductSum(0x1p-75, 0x1p-75, 0x3p-149) == 0x4p-149)
    #expect(single.sum(single.product(0x1p-75, 0x1p-75), 0x3p-149) == 0x3p-149)
  }

  /// Signs of exact zeros [IEEE754, §6.3].
  @Test func signsOfZero() {
    let format = FloatingPointFormat.bf16
    for rounding in allRoundings {
      let cancelled: FloatingPointSign = rounding == .down ? .minus : .plus
      #expect(format.sum(1, -1, rounding).sign == cancelled, "\(rounding)")
      #expect(format.sum(0, -0.0, rounding).sign == cancelled, "\(rounding)")
      #expect(format.sum(-0.0, -0.0, rounding).sign == .minus, "\(rounding)")
      #expect(format.fusedProductSum(-1, 0, 0, rounding).sign == cancelled, "\(rounding)")
      #expect(format.fusedProductSum(-1, 0, -0.0, rounding).sign == .minus, "\(rounding)")
      #expect(format.fusedProductSum(2, 3, -6, rounding).sign == cancelled, "\(rounding)")
      #expect(format.product(-0.0, 3, rounding).sign == .minus, "\(rounding)")
      #expect(format.product(0, .infinity, rounding).isNaN, "\(rounding)")
      #expect(format.sum(.infinity, -.infinity, rounding).isNaN, "\(rounding)")
      #expect(format.fusedProductSum(.infinity, 1, -.infinity, rounding).isNaN, "\(rounding)")
      #expect(format.fusedProductSum(0, .infinity, .nan, rounding).isNaN, "\(rounding)")
      #expect(format.sum(-.infinity, 1, rounding) == -.infinity, "\(rounding)")
    }
  }

  /// Stochastic rounding to 63 bits reads 127 bits of the exact sum. 1 − 2^−127 − 2^−179 is 0.1…101…1 in binary: 126 ones, a
  /// zero in place 127, ones again.
  @Test func truncatedSumsKeepTheBitsOfTheFraction() throws {
    guard case .finite(let real) = ExactValue.sum(1, -0x1.0000000000001p-127) else {
      Issue.record("a finite sum")
      return
    }
    #expect(real.hasTail)
    #expect(real.binaryExponent == -1)
    #expect(real.significand >> 1 == (UInt128.max >> 1) - 1)
  }
}
