// The logit stage on numbers: the fast twin of the plain tier's `logit`, held to it bit for bit.

import ArbitraryPrecision
import FloatingPointFormats
import ReferenceEngine
import RoundingKernels

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
  private let rows: RowProducts?

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
    if case .product(_, let factor) = way {
      rows = RowProducts(stage, factor: factor)
    } else {
      rows = nil
    }
  }

  /// Whether every logit is the accumulator itself: no stored score, and a product with one in binary64.
  var isIdentity: Bool {
    if storing == nil, case .product(.binary64, 1) = way { true } else { false }
  }

  /// The logits of a row of accumulators, in place, by kernels; false, and nothing written, where ``RowProducts`` does not know the
  /// stage or an element.
  func scaleFast(_ row: UnsafeMutableBufferPointer<Double>) -> Bool { rows?.scale(row) ?? false }

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

/// RN(RN(S)·c) for rows of accumulators, nearest even.
struct RowProducts: Sendable {
  private let factor: Double
  private let storing: ArrayRoundingChain?
  private let scaling: ArrayRoundingChain?
  private let allowsVectors: Int32

  /// Nil where a chain is not nearest even or has a format that ``ArrayRounding`` does not know; binary64 alone is known, exact is not.
  init?(_ stage: Recipe.Logit, factor: Double, path: KernelPath = .ofProcess) {
    func known(_ chain: RoundingChain) -> (isKnown: Bool, rounding: ArrayRoundingChain?) {
      guard chain.rounding == .nearestEven else { return (false, nil) }
      if chain.formats == [.fp64] { return (true, nil) }
      let rounding = ArrayRoundingChain(chain, path: path)
      return (rounding != nil, rounding)
    }
    let stored = stage.storedScore.isExact ? (isKnown: true, rounding: nil) : known(stage.storedScore)
    let scaled = known(stage.rounding)
    guard stored.isKnown, scaled.isKnown, !stage.rounding.isExact else { return nil }
    (storing, scaling) = (stored.rounding, scaled.rounding)
    self.factor = factor
    allowsVectors = path.allowsVectors
  }

  /// Scales a row in place; false, and nothing written, where a product's rounding error is no binary64 number.
  func scale(_ row: UnsafeMutableBufferPointer<Double>) -> Bool {
    guard let start = row.baseAddress, !row.isEmpty else { return true }
    return withUnsafeTemporaryAllocation(of: Double.self, capacity: row.count) { scores in
      _ = scores.initialize(fromContentsOf: row)
      storing?.round(scores, StageCounter(.storedScore))
      guard let scaling else {
        for index in row.indices { row[index] = scores[index] * factor }
        return true
      }
      let from = scores.baseAddress!
      guard ropedrift_products_rounded_to_odd(from, factor, row.count, allowsVectors, from) == 0 else {
        return false
      }
      scaling.round(scores, StageCounter(.logit))
      start.update(from: from, count: row.count)
      return true
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
