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
  /// The stored scale c.
  public let scaleFactor: StageValue

  /// Prepares a recipe for a problem.
  ///
  /// - Throws: ``ProblemError/scaling(_:)``, ``UndecidedRounding``.
  public init(recipe: Recipe, embedding: RotaryEmbedding, scale: AttentionScale) throws {
    self.recipe = recipe
    self.embedding = embedding
    self.scale = scale
    frequencies = try recipe.inverseFrequency.frequencies(of: embedding)
    attentionFactor = try embedding.storedAttentionFactor(recipe.trig)
    let exactScale = scale.exact(headSize: embedding.headSize)
    scaleFactor = try recipe.logit.scaleFactor.round(.real(exactScale), StageCounter(.scaleFactor))
  }

  /// The angles that this recipe's trig stage sees, as exact reals: for the stages after it that do not round. Nil where an angle
  /// overflows.
  func exactAngles(positions: [Int]) throws -> ExactAngles? {
    if recipe.angle.isExact {
      guard frequencies.allSatisfy({ $0.exactReal != nil }) else { return nil }
      var multiples: [Int: Rational] = [:]
      for position in Set(positions) {
        guard let value = try roundedPosition(position).exactReal?.rational else { return nil }
        multiples[position] = value
      }
      let table = multiples
      return ExactAngles(units: frequencies.map { $0.exactReal! }) { position, _ in table[position]! }
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
