// The plain tier of every rounding in a recipe: the exact result of one operation, rounded by FloatingPointFormat.round through
// the formats of a chain.

import ArbitraryPrecision
import CMPFR
import FloatingPointFormats

/// Where an operation stands in a run, for stochastic rounding: no two operations of one run share all of it.
public struct StageCounter: Sendable {
  /// The stages and sides that draw their own random words.
  public enum Stage: UInt32, Sendable {
    /// In the order of data.
    case inverseFrequency = 1, position, angle, cosine, sine, cosineTable, sineTable, queryInput, keyInput,
      queryRotation, keyRotation,
      rotatedQuery, rotatedKey, dot, storedScore, scaleFactor, logit, probability, angleOperand, scaledQuery,
      scaledKey, queryOperand, keyOperand, softmaxExponent, softmaxDifference, softmaxExponential, softmaxSum,
      softmaxFold, softmaxNormalization, valueInput, valueOperand, probabilityOperand, outputProduct,
      outputFold,
      outputRescaling, outputNormalization, output, partialMerge, partialLogSumExp
  }

  private var words: SIMD4<UInt32>

  /// A counter of a stage at three coordinates of the work.
  public init(_ stage: Stage, _ first: Int = 0, _ second: Int = 0, _ third: Int = 0) {
    words = SIMD4(
      stage.rawValue, UInt32(truncatingIfNeeded: first), UInt32(truncatingIfNeeded: second),
      UInt32(truncatingIfNeeded: third))
  }

  /// The same place, another operation of it (up to 65535) and another format of its chain (up to 255).
  func step(_ step: Int, format: Int = 0) -> RoundingCounter {
    RoundingCounter(words[0] | UInt32(step) << 8 | UInt32(format) << 24, words[1], words[2], words[3])
  }
}

extension RoundingChain {
  /// Rounds an exact value through the formats; with no format it stays as it is.
  public func round(_ value: StageValue, _ counter: StageCounter, step: Int = 0) throws -> StageValue {
    if isExact { return value }
    return .number(round(try value.exactValue(), counter, step: step))
  }

  /// Rounds an exact value through the formats, of which there must be one.
  func round(_ value: ExactValue, _ counter: StageCounter, step: Int = 0) -> Double {
    var result = Double.nan
    for (index, format) in formats.enumerated() {
      let operand = index == 0 ? value : ExactValue(result)
      result = format.rounded(operand, rounding, counter: counter.step(step, format: index))
    }
    return result
  }

  /// RN(a·b).
  func product(_ a: StageValue, _ b: StageValue, _ counter: StageCounter, step: Int = 0) throws -> StageValue
  {
    if case .number(let x) = a, case .number(let y) = b, !isExact {
      return .number(round(ExactValue.product(x, y), counter, step: step))
    }
    return try round(StageValue.product(a, b), counter, step: step)
  }

  /// RN(a + b).
  func sum(_ a: StageValue, _ b: StageValue, _ counter: StageCounter, step: Int = 0) throws -> StageValue {
    if case .number(let x) = a, case .number(let y) = b, !isExact {
      return .number(round(ExactValue.sum(x, y, rounding), counter, step: step))
    }
    return try round(StageValue.sum(a, b, rounding), counter, step: step)
  }

  /// RN(a·b + c), one rounding.
  func fusedProductSum(
    _ a: StageValue, _ b: StageValue, _ c: StageValue, _ counter: StageCounter, step: Int = 0
  ) throws -> StageValue {
    if case .number(let x) = a, case .number(let y) = b, case .number(let z) = c, !isExact {
      return .number(round(ExactValue.productSum(x, y, z, rounding), counter, step: step))
    }
    return try round(StageValue.sum(StageValue.product(a, b), c, rounding), counter, step: step)
  }

  /// RN(a/b). With an operand that is NaN, infinite or a zero, IEEE 754's result.
  func quotient(_ a: StageValue, _ b: StageValue, _ counter: StageCounter, step: Int = 0) throws -> StageValue
  {
    if case .number(let x) = a, case .number(let y) = b, !isExact {
      return .number(round(ExactValue.quotient(x, y), counter, step: step))
    }
    guard let x = a.exactReal, let y = b.exactReal, !x.isZero, !y.isZero else {
      return try round(.number(a.signed() / b.signed()), counter, step: step)
    }
    return try round(.real(x * y.reciprocal), counter, step: step)
  }

  /// RN(tanh a); ±0 stay, ±∞ give ±1.
  func hyperbolicTangent(_ a: StageValue, _ counter: StageCounter, step: Int = 0) throws -> StageValue {
    guard case .number(let x) = a, !isExact || !x.isFinite || x == 0 else {
      return try round(.real(a.exactReal!.hyperbolicTangent), counter, step: step)
    }
    if x.isNaN || x == 0 { return try round(a, counter, step: step) }
    if x.isInfinite { return try round(.number(x < 0 ? -1 : 1), counter, step: step) }
    let operand = MPFRNumber(x, precision: 53)
    return .number(
      round(ExactValue.result { mpfr_tanh($0, operand.pointer, MPFR_RNDZ) }, counter, step: step))
  }
}

extension ExactValue {
  /// The exact quotient of two binary64 numbers as leading bits and a tail. 0/0 and ∞/∞ are NaN, x/0 is an infinity.
  static func quotient(_ a: Double, _ b: Double) -> ExactValue {
    guard a.isFinite, b.isFinite, a != 0, b != 0 else { return ExactValue(a / b) }
    let x = MPFRNumber(a, precision: 53)
    let y = MPFRNumber(b, precision: 53)
    return result { mpfr_div($0, x.pointer, y.pointer, MPFR_RNDZ) }
  }
}
