// The plain tier of every rounding in a recipe: the exact result of one operation, rounded by FloatingPointFormat.round through
// the formats of a chain.

import ArbitraryPrecision
import FloatingPointFormats

/// Where an operation stands in a run, for stochastic rounding: no two operations of one run share all of it.
public struct StageCounter: Sendable {
  /// The stages and sides that draw their own random words.
  public enum Stage: UInt32, Sendable {
    /// In the order of data.
    case inverseFrequency = 1, position, angle, cosine, sine, cosineTable, sineTable, queryInput, keyInput,
      queryRotation, keyRotation,
      rotatedQuery, rotatedKey, dot, storedScore, scaleFactor, logit, probability
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
}
