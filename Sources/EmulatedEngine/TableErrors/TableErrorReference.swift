// The error of one angle and of one table entry, correctly rounded: the plain tier of every figure about tables.

import ArbitraryPrecision
import FloatingPointFormats
import ReferenceEngine
import RotaryAttention

/// Errors of a recipe's angles and stored cos and sin against p·ω_i, f·cos(p·ω_i) and f·sin(p·ω_i), one entry at a time.
public struct TableErrorReference: Sendable {
  /// The arithmetic.
  public let recipe: Recipe
  /// Sizes, base, scaling.
  public let embedding: RotaryEmbedding
  /// ω_i as exact reals.
  public let frequencies: [ExactReal]
  /// f, 1 as a rule.
  public let attentionFactor: ExactReal
  private let emulations: [TableStages: Emulation]

  /// Prepares a recipe for an embedding.
  ///
  /// - Parameter subsets: the sets of stages that will be asked for, beside all five.
  /// - Throws: ``ProblemError/scaling(_:)``, ``UndecidedRounding``.
  public init(recipe: Recipe, embedding: RotaryEmbedding, subsets: [TableStages] = []) throws {
    self.recipe = recipe
    self.embedding = embedding
    frequencies = try embedding.exactFrequencies()
    attentionFactor = try embedding.exactAttentionFactor()
    var emulations: [TableStages: Emulation] = [:]
    for subset in [.all] + subsets where emulations[subset] == nil {
      emulations[subset] = try Emulation(
        recipe: recipe.rounding(only: subset), embedding: embedding, scale: .inverseSquareRootOfHeadSize)
    }
    self.emulations = emulations
  }

  /// The recipe in which only these stages round.
  ///
  /// - Precondition: the subset was named to the initializer.
  public func emulation(_ stages: TableStages = .all) -> Emulation { emulations[stages]! }

  /// Δangle = angle(p, i) − p·ω_i in radians, not wrapped, correctly rounded to binary64; NaN where the angle is not finite.
  ///
  /// - Throws: ``UndecidedRounding``.
  public func angleError(position: Int, pair: Int, _ stages: TableStages = .all) throws -> Double {
    let emulation = emulation(stages)
    let angle = try emulation.angle(position: position, pair: pair)
    guard let stored = angle.exactReal else { return .nan }
    if emulation.recipe.angle.rounding.isExact, emulation.recipe.inverseFrequency.rounding.isExact {
      // (RN(p) − p)·ω: no interval would show that the two irrational products are equal where RN(p) = p.
      guard let rounded = try emulation.roundedPosition(position).exactReal?.rational else { return .nan }
      return try Self.binary64(ExactReal(rounded + -Rational(position)) * frequencies[pair])
    }
    return try Self.binary64(
      ExactReal.sum([stored, -(ExactReal(Rational(position)) * frequencies[pair])]))
  }

  /// Stored cos minus f·cos(p·ω_i), and the same of sin, each correctly rounded to binary64; NaN where the stored value is not finite.
  ///
  /// - Throws: ``UndecidedRounding``.
  public func tableError(
    position: Int, pair: Int, _ stages: TableStages = .all
  ) throws -> (cosine: Double, sine: Double) {
    let emulation = emulation(stages)
    let entry = try emulation.tableEntry(position: position, pair: pair)
    guard let cosine = entry.cosine.exactReal, let sine = entry.sine.exactReal else { return (.nan, .nan) }
    if case .real = entry.cosine, try angleError(position: position, pair: pair, stages) == 0 {
      // Nothing is rounded and the angle is exact: the same two numbers.
      return (0, 0)
    }
    let angle = ExactReal(Rational(position)) * frequencies[pair]
    return (
      try Self.binary64(ExactReal.sum([cosine, -(attentionFactor * angle.cosine)])),
      try Self.binary64(ExactReal.sum([sine, -(attentionFactor * angle.sine)]))
    )
  }

  private static func binary64(_ value: ExactReal) throws -> Double {
    FloatingPointFormat.fp64.rounded(try value.exactValue())
  }
}
