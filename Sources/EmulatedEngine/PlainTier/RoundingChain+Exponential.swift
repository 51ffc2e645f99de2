// Exponentials in the plain tier: correctly rounded, whatever the formats are.

import ArbitraryPrecision
import CMPFR
import FloatingPointFormats

/// The base of an exponential.
enum ExponentialBase: Sendable {
  /// e.
  case e
  /// 2.
  case two
}

extension RoundingChain {
  /// RN(e^a) or RN(2^a): +∞ gives +∞, −∞ gives 0, NaN gives NaN.
  ///
  /// - Throws: ``UndecidedRounding`` where nothing is rounded and a later rounding stays open.
  func exponential(
    _ a: StageValue, base: ExponentialBase, _ counter: StageCounter, step: Int = 0
  ) throws -> StageValue {
    guard case .number(let x) = a else {
      return try round(.real(a.exactReal!.exponential(base)), counter, step: step)
    }
    if x.isNaN || x == .infinity { return try round(a, counter, step: step) }
    if x == -.infinity { return try round(.number(0), counter, step: step) }
    if isExact { return .real(ExactReal(x).exponential(base)) }
    // Beyond ±4000 every format within binary64 has overflowed or underflowed; MPFR need not work on more.
    let operand = MPFRNumber(min(max(x, -4000), 4000), precision: 53)
    let value = ExactValue.result { result in
      base == .e
        ? mpfr_exp(result, operand.pointer, MPFR_RNDZ) : mpfr_exp2(result, operand.pointer, MPFR_RNDZ)
    }
    return .number(round(value, counter, step: step))
  }
}

extension ExactReal {
  /// e^x or 2^x.
  fileprivate func exponential(_ base: ExponentialBase) -> ExactReal {
    switch base {
    case .e: exponential
    case .two: powerOfTwo
    }
  }
}
