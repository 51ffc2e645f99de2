// The logit stage on numbers: the fast twin of the plain tier's `logit`, held to it bit for bit.

import ArbitraryPrecision
import FloatingPointFormats

/// The logit stage of a recipe, its way chosen once.
struct LogitArithmetic: Sendable {
  private enum Way: Sendable {
    /// RN(S·c).
    case product(ScalarArithmetic, Double)
    /// RN(S/c).
    case quotient(ScalarArithmetic, Double)
    /// RN(S); the vectors were scaled.
    case stored(ScalarArithmetic)
    /// S·c·ln 2 to binary64, exact before.
    case exponent(ExponentLogit)
    /// Anything else: the plain tier.
    case plain
  }

  private let emulation: Emulation
  private let storing: ScalarArithmetic?
  private let way: Way

  init(_ emulation: Emulation) {
    self.emulation = emulation
    let stage = emulation.recipe.logit
    storing = stage.storedScore.isExact ? nil : ScalarArithmetic(stage.storedScore)
    let rounding = stage.rounding.isExact ? nil : ScalarArithmetic(stage.rounding)
    let factor: Double? = if case .number(let value) = emulation.scaleFactor { value } else { nil }
    way =
      switch (stage.scaling, rounding, factor) {
      case _ where emulation.softcap != nil: .plain
      case (.afterScore, let rounding?, let factor?): .product(rounding, factor)
      case (.divideScore, let rounding?, let factor?): .quotient(rounding, factor)
      case (.onQuery, let rounding?, _), (.onQueryAndKey, let rounding?, _): .stored(rounding)
      case (.insideExponential, nil, let factor?)
      where stage.exponent.isExact || stage.exponent == RoundingChain([.fp32]):
        .exponent(ExponentLogit(factor: factor, isRounded: !stage.exponent.isExact))
      default: .plain
      }
  }

  /// Whether every logit is the accumulator itself: no stored score, and a product with one in binary64.
  var isIdentity: Bool {
    if storing == nil, case .product(.binary64, 1) = way { true } else { false }
  }

  /// The logits of a row of accumulators, in place, where the stage is a product after nearest-even roundings to at most two
  /// formats each; false, and nothing written, where it is another. The loop has no counter and no reference to keep.
  func scaleFast(_ row: UnsafeMutableBufferPointer<Double>) -> Bool {
    guard case .product(let scaling, let factor) = way else { return false }
    let (storedFirst, storedSecond): (NearestEvenRounder?, NearestEvenRounder?)
    switch storing {
    case nil, .binary64: (storedFirst, storedSecond) = (nil, nil)
    case .narrow(let first, let rest, _) where rest.count <= 1:
      (storedFirst, storedSecond) = (first, rest.first)
    case .narrow, .plain: return false
    }
    func stored(_ x: Double) -> Double {
      let once = storedFirst.map { $0(x) } ?? x
      return storedSecond.map { $0(once) } ?? once
    }
    switch scaling {
    case .binary64:
      for index in row.indices { row[index] = stored(row[index]) * factor }
    case .narrow(let first, let rest, _) where rest.count <= 1:
      let second = rest.first
      // All products first: one whose error is not a number is left to the loop that can do it.
      for value in row where productRoundedToOdd(stored(value), factor) == nil { return false }
      for index in row.indices {
        guard let product = productRoundedToOdd(stored(row[index]), factor) else { return false }
        let once = first(product)
        row[index] = second.map { $0(once) } ?? once
      }
    case .narrow, .plain: return false
    }
    return true
  }

  /// The logit of an accumulated score, rounded to binary64 where the recipe leaves it exact.
  ///
  /// - Throws: ``UndecidedRounding``.
  @inline(__always) func logit(_ accumulator: Double, _ place: @autoclosure () -> ScorePlace) throws -> Double
  {
    switch way {
    case .product(let rounding, let factor):
      let score = storing?.round(accumulator, place().counter(.storedScore)) ?? accumulator
      return rounding.product(score, factor, place().counter(.logit))
    case .quotient(let rounding, let factor):
      let score = storing?.round(accumulator, place().counter(.storedScore)) ?? accumulator
      return rounding.quotient(score, factor, place().counter(.logit))
    case .stored(let rounding):
      let score = storing?.round(accumulator, place().counter(.storedScore)) ?? accumulator
      return rounding.round(score, place().counter(.logit))
    case .exponent(let exponent):
      let score = storing?.round(accumulator, place().counter(.storedScore)) ?? accumulator
      if let logit = exponent.logit(score) { return logit }
      return try emulation.logit(.number(accumulator), place()).logit.binary64()
    case .plain:
      return try emulation.logit(.number(accumulator), place()).logit.binary64()
    }
  }
}

/// RN(S·c·ln 2) in binary64 for a stored factor c, S·c exact or first rounded to binary32.
///
/// c·ln 2 (or ln 2) = h + l within 2^−104 relative to h; S·h is exact as a sum of two numbers, S·l is rounded once. The sum of two numbers
/// that results is within 2^−102 of S·c·ln 2, relatively; the rounding test allows 2^−100.
struct ExponentLogit: Sendable {
  private let high: Double
  private let low: Double
  private let rounding: (factor: Double, rounder: NearestEvenRounder)?

  init(factor: Double, isRounded: Bool) {
    rounding = isRounded ? (factor, NearestEvenRounder(.fp32)!) : nil
    guard factor.isFinite, factor > 0, factor > 0x1p-500, factor < 0x1p500 else {
      (high, low) = (.nan, .nan)
      return
    }
    let interval = (ExactReal(isRounded ? 1 : factor) * Emulation.naturalLogarithmOf2).interval(
      precision: 192)
    (high, low) = interval.leadingTwoNumbers
  }

  /// The logit; nil where the test does not decide, or where numbers are too large or small for it.
  @inline(__always) func logit(_ storedScore: Double) -> Double? {
    var score = storedScore
    if let rounding {
      guard let exponent = productRoundedToOdd(storedScore, rounding.factor) else { return nil }
      score = rounding.rounder(exponent)
    }
    let product = score * high
    guard product.magnitude > 0x1p-900, product.magnitude < 0x1p900 else { return nil }
    let tail = (-product).addingProduct(score, high) + score * low
    let result = product + tail
    let rest = (product - result) + tail
    let allowance = result.magnitude * 0x1p-100
    return result == result + (rest + allowance) && result == result + (rest - allowance) ? result : nil
  }
}
