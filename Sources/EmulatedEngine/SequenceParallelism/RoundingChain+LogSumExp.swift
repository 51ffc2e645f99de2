// Logarithm, logistic function and its logarithm in the plain tier: correctly rounded, whatever the formats are.

import ArbitraryPrecision
import CMPFR
import FloatingPointFormats

extension RoundingChain {
  /// RN(ln a) of a number that is not negative: 0 gives −∞, +∞ and NaN stay.
  ///
  /// - Throws: ``UndecidedRounding`` where nothing is rounded and a later rounding stays open.
  func logarithm(_ a: StageValue, _ counter: StageCounter, step: Int = 0) throws -> StageValue {
    guard case .number(let x) = a else {
      return try round(.real(a.exactReal!.logarithm), counter, step: step)
    }
    if x.isNaN || x == .infinity { return .number(x) }
    if x == 0 { return .number(-.infinity) }
    if isExact { return .real(ExactReal(x).logarithm) }
    let operand = MPFRNumber(x, precision: 53)
    return .number(round(ExactValue.result { mpfr_log($0, operand.pointer, MPFR_RNDZ) }, counter, step: step))
  }

  /// RN(1/(1 + e^−a)): ±∞ give 1 and 0, NaN stays.
  ///
  /// - Throws: ``UndecidedRounding``, as above.
  func sigmoid(_ a: StageValue, _ counter: StageCounter, step: Int = 0) throws -> StageValue {
    func logistic(_ x: ExactReal) -> StageValue {
      .real(ExactReal.sum([ExactReal(1), (-x).exponential]).reciprocal)
    }
    guard case .number(let x) = a else { return try round(logistic(a.exactReal!), counter, step: step) }
    if x.isNaN { return .number(x) }
    if x.isInfinite { return try round(.number(x < 0 ? 0 : 1), counter, step: step) }
    if isExact { return logistic(ExactReal(x)) }
    // Above 400 the result is within 2^−577 of 1, below −4000 under 2^−5770: no format tells how near or how small.
    return try round(logistic(ExactReal(min(max(x, -4000), 400))), counter, step: step)
  }

  /// RN(ln(1/(1 + e^−a))): +∞ gives −0, −∞ and NaN stay.
  ///
  /// - Throws: ``UndecidedRounding``, as above.
  func logSigmoid(_ a: StageValue, _ counter: StageCounter, step: Int = 0) throws -> StageValue {
    func tail(_ magnitude: ExactReal) -> ExactReal {
      -ExactReal.sum([ExactReal(1), (-magnitude).exponential]).logarithm
    }
    guard case .number(let x) = a else {
      return try round(.real(tail(a.exactReal!)), counter, step: step)
    }
    if x.isNaN || x == -.infinity { return .number(x) }
    if x == .infinity { return .number(-0.0) }
    if isExact { return .real(tail(ExactReal(x))) }
    // Of a negative number x the result is x − ln(1 + e^x), and below −400 no format tells how much less than x.
    let value =
      x < 0
      ? ExactReal.sum([ExactReal(x), tail(ExactReal(min(-x, 400)))]) : tail(ExactReal(min(x, 4000)))
    return try round(.real(value), counter, step: step)
  }
}
