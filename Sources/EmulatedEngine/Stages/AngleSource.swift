// What a recipe multiplies or divides a position by, computed once: stored frequencies, stored timescales, or one step.

import ArbitraryPrecision
import FloatingPointFormats
import ReferenceEngine
import RotaryAttention

/// How the angles of a recipe come about, with the stored numbers that they come from.
enum AngleSource: Sendable {
  /// p·ω_i: the stored frequencies.
  case product([StageValue])
  /// p/t_i, then over the factor of linear scaling: the stored timescales.
  case quotient([StageValue], divisor: StageValue?)
  /// θ_(i+1) = RN(θ_i·step), at the end times the reciprocal factor of linear scaling; pairs are for the exact frequencies.
  case iterated(step: StageValue, factor: StageValue?, pairCount: Int)

  /// The source of a recipe's angles.
  ///
  /// - Throws: ``ProblemError/scaling(_:)`` where the scaling is not defined for the recipe's way; ``UndecidedRounding``.
  init(_ recipe: Recipe, _ embedding: RotaryEmbedding) throws {
    let stage = recipe.inverseFrequency
    if recipe.angle.algorithm == .iterated {
      let factor = try Self.linearFactor(embedding, of: recipe)
      self = .iterated(
        step: try stage.step(of: embedding),
        factor: try factor.map {
          try stage.rounding.round(.real($0.reciprocal), StageCounter(.inverseFrequency, -2))
        },
        pairCount: embedding.pairCount)
    } else if stage.formula == .timescaleDivision {
      let factor = try Self.linearFactor(embedding, of: recipe)
      self = .quotient(
        try stage.timescales(of: embedding),
        divisor: try factor.map { try stage.rounding.round(.real($0), StageCounter(.inverseFrequency, -2)) })
    } else {
      self = .product(try stage.frequencies(of: embedding))
    }
  }

  /// The factor of linear scaling; nil for none.
  private static func linearFactor(_ embedding: RotaryEmbedding, of recipe: Recipe) throws -> ExactReal? {
    switch embedding.scaling.rule {
    case is DefaultScaling: return nil
    case let linear as LinearScaling: return ExactReal(Rational(linear.factor)!)
    default:
      throw ProblemError.scaling(
        "\(embedding.scaling) changes frequencies, and the recipe \(recipe.name) has none: "
          + (recipe.angle.algorithm == .iterated
            ? "it multiplies angles by one step" : "it divides positions by timescales")
          + "; only linear scaling is defined for it")
    }
  }

  /// The frequencies that the stored numbers stand for: stored ones as they are, else exact reals. A timescale or a step that is not
  /// finite gives NaN.
  var frequencies: [StageValue] {
    get throws {
      switch self {
      case .product(let frequencies): return frequencies
      case .quotient(let timescales, let divisor):
        return timescales.map { timescale in
          if case .number(let t) = timescale, t == .infinity { return .number(0) }
          guard let t = timescale.exactReal, !t.isZero else { return .number(.nan) }
          guard let divisor else { return .real(t.reciprocal) }
          guard let d = divisor.exactReal, !d.isZero else { return .number(.nan) }
          return .real(t.reciprocal * d.reciprocal)
        }
      case .iterated(let step, let factor, let pairCount):
        guard let base = step.exactReal, let scale = factor.map(\.exactReal) ?? ExactReal(Rational(1)) else {
          return Array(repeating: .number(.nan), count: pairCount)
        }
        guard !base.isZero else {
          return (0..<pairCount).map { $0 == 0 ? .real(scale) : .number(0) }
        }
        return (0..<pairCount).map { .real(base.power($0, over: 1) * scale) }
      }
    }
  }
}

extension Recipe {
  /// The frequencies that this recipe's angles are made from: stored ones, or what stored timescales or a stored step stand for.
  ///
  /// - Throws: ``ProblemError/scaling(_:)``, ``UndecidedRounding``.
  public func frequencies(of embedding: RotaryEmbedding) throws -> [StageValue] {
    try AngleSource(self, embedding).frequencies
  }
}
