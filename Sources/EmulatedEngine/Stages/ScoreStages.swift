// The logit stage: score, scale, softcap.

import ArbitraryPrecision
import CMPFR
import FloatingPointFormats
import RotaryAttention

/// Which pair a score belongs to.
public struct ScorePlace: Sendable {
  /// The query's index.
  public var query: Int
  /// The key's index.
  public var key: Int
  /// Layer and head in one number.
  public var head: Int

  /// A place.
  public init(query: Int = 0, key: Int = 0, layer: Int = 0, head: Int = 0) {
    self.query = query
    self.key = key
    self.head = layer << 16 | head
  }

  func counter(_ stage: StageCounter.Stage) -> StageCounter { StageCounter(stage, query, key, head) }

  /// The same query and head with another key.
  func with(key: Int) -> ScorePlace {
    var place = self
    place.key = key
    return place
  }
}

extension Emulation {
  /// S = RN(acc), then the scaled and capped logit, see ``Recipe/Logit``.
  ///
  /// - Throws: ``UndecidedRounding``.
  public func logit(
    _ accumulator: StageValue, _ place: ScorePlace
  ) throws -> (storedScore: StageValue, logit: StageValue) {
    let stage = recipe.logit
    let counter = place.counter(.logit)
    let score = try stage.storedScore.round(accumulator, place.counter(.storedScore))
    guard let cap = softcap, let softcap = stage.softcap else {
      return (score, try scaled(score, factor: scaleFactor, counter))
    }
    switch softcap.algorithm {
    case .afterScale:
      let x = try scaled(score, factor: scaleFactor, counter)
      if softcap.rounding.isExact, let exact = x.exactReal, !exact.isZero,
        let value = cap.stored.exactReal?.rational
      {
        return (score, .real(exact.softcapped(value)))
      }
      let ratio = try softcap.rounding.quotient(x, cap.stored, counter, step: 8)
      let bounded = try softcap.rounding.hyperbolicTangent(ratio, counter, step: 9)
      return (score, try softcap.rounding.product(bounded, cap.stored, counter, step: 10))
    case .insteadOfScale:
      let bounded = try cappedScore(score, counter)
      return (score, try scaled(bounded, factor: cap.factor, counter))
    }
  }

  /// t = RN(tanh RN(S·RN(scale/cap))) of a softcap that stands where the scale stood; the score itself where there is none.
  func cappedScore(_ score: StageValue, _ counter: StageCounter) throws -> StageValue {
    guard let cap = softcap, let softcap = recipe.logit.softcap else { return score }
    let x = try softcap.rounding.product(score, cap.scaleOverCap, counter, step: 8)
    return try softcap.rounding.hyperbolicTangent(x, counter, step: 9)
  }

  /// Whether the softmax stage reads stored scores and not logits.
  var readsScores: Bool { recipe.softmax?.readsScores(recipe.logit) ?? false }

  /// What the scaling makes of a stored score with a stored factor.
  private func scaled(_ score: StageValue, factor: StageValue, _ counter: StageCounter) throws -> StageValue {
    let stage = recipe.logit
    switch stage.scaling {
    case .afterScore: return try stage.rounding.product(score, factor, counter)
    case .divideScore: return try stage.rounding.quotient(score, factor, counter)
    case .onQuery, .onQueryAndKey: return try stage.rounding.round(score, counter)
    case .insideExponential:
      // Exact constants cancel, and no precision would show it.
      if stage.log2e.isExact, stage.exponentFactor.isExact, stage.exponent.isExact {
        return try stage.rounding.product(score, factor, counter)
      }
      let exponent = try stage.exponent.product(score, factor, counter, step: 7)
      return try stage.rounding.round(StageValue.product(exponent, .real(Self.naturalLogarithmOf2)), counter)
    }
  }

  static let naturalLogarithmOf2 = ExactReal(Rational(2)).logarithm
}

/// A softcap as a recipe stores it.
struct StoredSoftcap: Sendable {
  /// The cap, by `scaleFactor`.
  let stored: StageValue
  /// scale/cap, by `scaleFactor`.
  let scaleOverCap: StageValue
  /// What stands where the scale stood.
  let factor: StageValue
}

extension Recipe.Logit {
  /// What the stored factor was rounded to last.
  public var factorChain: RoundingChain {
    scaling == .insideExponential && !exponentFactor.isExact ? exponentFactor : scaleFactor
  }

  /// c: the stored scale, its reciprocal or its root, or with log₂ e the factor inside the exponential.
  ///
  /// - Throws: ``UndecidedRounding``.
  func storedFactor(_ scale: ExactReal) throws -> StageValue {
    let counter = StageCounter(.scaleFactor)
    switch scaling {
    case .afterScore, .onQuery: return try scaleFactor.round(.real(scale), counter)
    case .divideScore: return try scaleFactor.round(.real(scale.reciprocal), counter)
    case .onQueryAndKey: return try scaleFactor.round(.real(scale.squareRoot), counter)
    case .insideExponential:
      if log2e.isExact, exponentFactor.isExact, exponent.isExact {
        return try scaleFactor.round(.real(scale), counter)
      }
      let stored = try scaleFactor.round(.real(scale), counter)
      let constant = try log2e.round(
        .real(Emulation.naturalLogarithmOf2.reciprocal), StageCounter(.scaleFactor, 1))
      return try exponentFactor.product(stored, constant, StageCounter(.scaleFactor, 2))
    }
  }

  /// The stored softcap under ``softcap``; nil where the problem has none.
  ///
  /// - Throws: ``ProblemError/softcap(_:)`` where the recipe has none; ``UndecidedRounding``.
  func stored(softcap cap: NumberLiteral?, scale: ExactReal, recipe: String) throws -> StoredSoftcap? {
    guard let cap else { return nil }
    guard softcap != nil else {
      throw ProblemError.softcap(
        "the recipe \(recipe) does not say how a softcap is computed; choose one that does, or add logit.softcap to your own"
      )
    }
    guard let value = Rational(cap) else { throw ProblemError.softcap("\(cap.text) is not a finite number") }
    let exact = ExactReal(value)
    return StoredSoftcap(
      stored: try scaleFactor.round(.real(exact), StageCounter(.scaleFactor, 3)),
      scaleOverCap: try scaleFactor.round(.real(scale * exact.reciprocal), StageCounter(.scaleFactor, 4)),
      factor: try storedFactor(exact))
  }
}
