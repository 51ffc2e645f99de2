// A recipe applied to a problem: what both tiers share.

import ArbitraryPrecision
import FloatingPointFormats
import ReferenceEngine
import RotaryAttention

/// A recipe on an embedding with a scale: frequencies and scale factor are computed once, the rest by stage.
public struct Emulation: Sendable {
  /// The arithmetic.
  public let recipe: Recipe
  /// Sizes, base, layout.
  public let embedding: RotaryEmbedding
  /// The scale before rounding.
  public let scale: AttentionScale
  /// The stored ω_i, i = 0 … r/2 − 1.
  public let frequencies: [StageValue]
  /// The stored attention factor f of the scaling; nil for 1.
  public let attentionFactor: StageValue?
  /// The stored scale c, see ``Recipe/Logit/Scaling``.
  public let scaleFactor: StageValue
  /// The softcap as the recipe stores it; nil where the problem has none.
  let softcap: StoredSoftcap?
  /// c of the softmax stage under exp2: the logit stage's factor, or the stored log₂ e; nil where there is none.
  public let softmaxFactor: StageValue?
  /// How angles come about.
  let angleSource: AngleSource

  /// Prepares a recipe for a problem.
  ///
  /// - Parameters:
  ///   - recipe: the arithmetic.
  ///   - embedding: sizes, base, layout, scaling.
  ///   - scale: what multiplies q·k.
  ///   - softcap: cap of cap·tanh(x/cap); nil for none.
  /// - Throws: ``ProblemError/scaling(_:)``, ``ProblemError/softcap(_:)``, ``UndecidedRounding``.
  public init(
    recipe: Recipe, embedding: RotaryEmbedding, scale: AttentionScale, softcap: NumberLiteral? = nil
  ) throws {
    self.recipe = recipe
    self.embedding = embedding
    self.scale = scale
    angleSource = try AngleSource(recipe, embedding)
    frequencies = try angleSource.frequencies
    attentionFactor = try embedding.storedAttentionFactor(recipe.trig.rounding)
    let exactScale = scale.exact(headSize: embedding.headSize)
    scaleFactor = try recipe.logit.storedFactor(exactScale)
    self.softcap = try recipe.logit.stored(softcap: softcap, scale: exactScale, recipe: recipe.name)
    softmaxFactor = try recipe.softmax?.storedFactor(recipe.logit, scaleFactor, self.softcap)
  }

  /// The emulation whose logits are the scores as stored before scaling: what the softmax stage reads where the scale is inside its
  /// exponential. Only the logit stage differs; a softcap is not in it.
  func withStoredScoresAsLogits() -> Emulation {
    var changed = recipe
    changed.logit = Recipe.Logit(
      storedScore: recipe.logit.storedScore, scaleFactor: RoundingChain([.fp64]),
      rounding: RoundingChain([.fp64]))
    return Emulation(recipe: changed, like: self)
  }

  /// The same frequencies and angles with a scale of 1 and without a softcap.
  private init(recipe: Recipe, like other: Emulation) {
    self.recipe = recipe
    embedding = other.embedding
    scale = .value(NumberLiteral(1))
    frequencies = other.frequencies
    attentionFactor = other.attentionFactor
    scaleFactor = .number(1)
    softcap = nil
    softmaxFactor = nil
    angleSource = other.angleSource
  }

  /// The angles that this recipe's trig stage sees, as exact reals: for the stages after it that do not round. Nil where an angle
  /// overflows.
  func exactAngles(positions: [Int]) throws -> ExactAngles? {
    if recipe.angle.rounding.isExact {
      let units = try frequencies.indices.map { try operand(frequencies[$0], .frequency($0)) }
      guard units.allSatisfy({ $0.exactReal != nil }) else { return nil }
      var multiples: [Int: Rational] = [:]
      for position in Set(positions) {
        let rounded = try operand(roundedPosition(position), .position(position))
        guard let value = rounded.exactReal?.rational else { return nil }
        multiples[position] = value
      }
      let reals = units.map { $0.exactReal! }
      // Positions that no rounding changed: angles of runs of them are sums.
      if multiples.allSatisfy({ $0.value == Rational($0.key) }) { return ExactAngles(units: reals) }
      let table = multiples
      return ExactAngles(units: reals) { position, _ in table[position]! }
    }
    var multiples: [Int: [Rational]] = [:]
    for position in Set(positions) {
      multiples[position] = try (0..<embedding.pairCount).compactMap {
        try angle(position: position, pair: $0).exactReal?.rational
      }
      guard multiples[position]?.count == embedding.pairCount else { return nil }
    }
    let table = multiples
    let one = ExactReal(Rational(1))
    return ExactAngles(units: Array(repeating: one, count: embedding.pairCount)) { position, pair in
      table[position]![pair]
    }
  }
}
