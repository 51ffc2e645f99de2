// exp in binary64, correctly rounded, because the last bit of a library's exp differs between machines and a byte of output
// depends on it. Fast evaluation with a rounding test; MPFR where the test fails.

import CMPFR
import FloatingPointFormats

/// RN(e^x) for binary64 x (nearest even).
///
/// Fast tier: x = (64k + j)·ln2/64 + r with |r| < 0.0055, e^x = 2^k·T_j·e^r, T_j = 2^(j/64) and r as unevaluated sums of two
/// binary64 numbers. r carries an absolute error below 2^−95; the terms r³/6 … r⁸/40320 are below 2^−25 and evaluated with a
/// relative error below 2^−50; the remainder of the series is below 2^−85. The relative error of the sum of two numbers that
/// results is below 2^−70; the rounding test allows 2^−66. About one argument in four thousand goes to MPFR.
public struct CorrectlyRoundedExponential: Sendable {
  /// The one instance (its tables are constants).
  public static let shared = CorrectlyRoundedExponential()

  private let tableHigh: [Double]
  private let tableLow: [Double]
  private let stepHigh: Double
  private let stepMiddle: Double
  private let stepLow: Double
  private let inverseStep: Double

  private init() {
    var high: [Double] = []
    var low: [Double] = []
    let value = MPFRNumber(precision: 256)
    let rest = MPFRNumber(precision: 256)
    for index in 0..<64 {
      mpfr_set_si_2exp(value.pointer, index, -6, MPFR_RNDN)
      mpfr_exp2(value.pointer, UnsafePointer(value.pointer), MPFR_RNDN)
      high.append(mpfr_get_d(value.pointer, MPFR_RNDN))
      mpfr_sub_d(rest.pointer, value.pointer, high[index], MPFR_RNDN)
      low.append(mpfr_get_d(rest.pointer, MPFR_RNDN))
    }
    tableHigh = high
    tableLow = low
    // ln2/64 in three parts, the first two of 32 bits so that their products with |64k + j| < 2^17 are exact.
    mpfr_const_log2(value.pointer, MPFR_RNDN)
    mpfr_div_2ui(value.pointer, UnsafePointer(value.pointer), 6, MPFR_RNDN)
    inverseStep = 1 / mpfr_get_d(value.pointer, MPFR_RNDN)
    var parts: [Double] = []
    for bits in [32, 32, 53] {
      let part = MPFRNumber(precision: bits)
      mpfr_set(part.pointer, value.pointer, MPFR_RNDN)
      parts.append(mpfr_get_d(part.pointer, MPFR_RNDN))
      mpfr_sub(value.pointer, UnsafePointer(value.pointer), part.pointer, MPFR_RNDN)
    }
    (stepHigh, stepMiddle, stepLow) = (parts[0], parts[1], parts[2])
  }

  /// RN(e^x). NaN gives NaN, −∞ gives 0, +∞ and overflow give +∞; subnormal results are rounded once.
  public func callAsFunction(_ x: Double) -> Double {
    // Outside this range the result may be subnormal, zero or infinite; inside |x| < 2^−54 it is 1 unless a tie is near.
    guard x > -708, x < 709 else { return byMPFR(x) }
    if x == 0 { return 1 }
    return fast(x) ?? byMPFR(x)
  }

  /// The fast tier; nil where its bound does not decide the rounding.
  func fast(_ x: Double) -> Double? {
    let multiple = (x * inverseStep).rounded(.toNearestOrEven)
    let index = Int(multiple)
    // Exact: both are multiples of a common unit and the difference is small.
    let reduced = x - multiple * stepHigh
    let middle = multiple * stepMiddle
    let first = reduced - middle
    let low = Self.sumError(reduced, -middle, first) - multiple * stepLow
    // r = first + low.
    let square = first * first
    let squareError = (-square).addingProduct(first, first)
    let cubicTail =
      square * first
      * (1.0 / 6
        + first
        * (1.0 / 24
          + first * (1.0 / 120 + first * (1.0 / 720 + first * (1.0 / 5040 + first * (1.0 / 40320))))))
    let sumHigh = first + 0.5 * square
    let sumLow = Self.sumError(first, 0.5 * square, sumHigh)
    let tail = ((sumLow + 0.5 * squareError) + (low + first * low)) + cubicTail
    // T·(1 + sumHigh + tail).
    let j = index & 63
    let (high, tableTail) = (tableHigh[j], tableLow[j])
    let product = high * sumHigh
    let productError = (-product).addingProduct(high, sumHigh)
    let head = high + product
    let headError = Self.sumError(high, product, head)
    let correction = headError + (high * tail + (tableTail + tableTail * sumHigh) + productError)
    let result = head + correction
    let rest = Self.sumError(head, correction, result)
    // The rounding test: the same result with the correction moved by the bound, in units of a result in [1, 2).
    let allowance = 0x1p-65
    guard result == result + (rest + allowance), result == result + (rest - allowance) else { return nil }
    return Double(sign: .plus, exponent: index >> 6, significand: result)
  }

  /// The rounding error of sum = a + b, exactly [Knuth1997].
  @inline(__always) private static func sumError(_ a: Double, _ b: Double, _ sum: Double) -> Double {
    let virtual = sum - a
    return (a - (sum - virtual)) + (b - virtual)
  }

  /// The slow tier, for every argument.
  func byMPFR(_ x: Double) -> Double {
    if x.isNaN { return .nan }
    if x.isInfinite { return x < 0 ? 0 : x }
    // e^x underflows to 0 far above this and overflows far below; MPFR need not work on the rest.
    let clamped = min(max(x, -2000), 2000)
    let argument = MPFRNumber(clamped, precision: 53)
    return FloatingPointFormat.fp64.rounded(
      ExactValue.result { mpfr_exp($0, argument.pointer, MPFR_RNDZ) })
  }
}
