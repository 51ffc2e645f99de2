// The stages whose roundings can be taken apart: the one list that attribution and mends go by. A new rounding chain of a recipe
// is one line in `all`; a test holds the list against Recipe.chains.

import EmulatedEngine
import FloatingPointFormats

/// One rounding chain of a recipe.
public struct RecipeStage: Sendable, Hashable {
  /// The name, as `Recipe.chains` has it.
  public let name: String
  /// Where the chain stands in a recipe.
  let chain: WritableKeyPath<Recipe, RoundingChain> & Sendable
  /// Whether the stage, rounded beside any others of which this holds too, cannot cause drift.
  ///
  /// Theorem. Let every stage from position to dot be exact but for the frequencies and the input. Then the accumulated score is
  /// f²·Σ_i [a_i cos(mω'_i) + b_i sin(mω'_i)] + Σ q'_c k'_c with m = p_q − p_k, stored frequencies ω' and rounded inputs q', k':
  /// a shift leaves it as it is, and with it everything that is computed from it. So these stages alone give error and no
  /// drift. (Stochastic roundings too: their random words depend on tokens, channels and pairs, never on positions.)
  public let keepsShiftInvariance: Bool
  /// What a wider format of the stage costs.
  public let load: StageLoad

  init(
    _ name: String, _ chain: WritableKeyPath<Recipe, RoundingChain> & Sendable,
    keepsShiftInvariance: Bool = false,
    _ load: StageLoad
  ) {
    self.name = name
    self.chain = chain
    self.keepsShiftInvariance = keepsShiftInvariance
    self.load = load
  }

  /// Every stage, in the order in which data passes them.
  public static let all: [RecipeStage] = [
    RecipeStage("inverseFrequency", \.inverseFrequency.rounding, keepsShiftInvariance: true, .free),
    RecipeStage("position", \.position, StageLoad(operationsPerToken: .one)),
    RecipeStage("angle", \.angle, StageLoad(operationsPerToken: .pairs)),
    RecipeStage("trig", \.trig, StageLoad(operationsPerToken: .rotaryChannels)),
    RecipeStage("table", \.table, StageLoad(valuesPerToken: .rotaryChannels)),
    RecipeStage(
      "input", \.input, keepsShiftInvariance: true, StageLoad(valuesPerTokenAndLayer: .vectorChannels)),
    RecipeStage("rotation", \.rotation.rounding, StageLoad(operationsPerTokenAndLayer: .rotationOperations)),
    RecipeStage(
      "rotated", \.rotated, StageLoad(valuesPerTokenAndLayer: .keyChannels, operationsPerScore: .headChannels)
    ),
    RecipeStage("dot", \.dot.rounding, StageLoad(operationsPerScore: .dotOperations)),
    RecipeStage(
      "logit.storedScore", \.logit.storedScore, keepsShiftInvariance: true, StageLoad(valuesPerScore: .one)),
    RecipeStage("logit.scaleFactor", \.logit.scaleFactor, keepsShiftInvariance: true, .free),
    RecipeStage(
      "logit", \.logit.rounding, keepsShiftInvariance: true,
      StageLoad(valuesPerScore: .one, operationsPerScore: .one)),
    RecipeStage(
      "probability", \.probability, keepsShiftInvariance: true,
      StageLoad(valuesPerScore: .one, operationsPerScore: .headChannels)),
  ]

  /// The stages that a recipe rounds, in order.
  public static func rounded(by recipe: Recipe) -> [RecipeStage] {
    all.filter { !recipe[keyPath: $0.chain].isExact }
  }

  /// Whether two stages have one name.
  public static func == (a: RecipeStage, b: RecipeStage) -> Bool { a.name == b.name }

  /// Hashes the name.
  public func hash(into hasher: inout Hasher) { hasher.combine(name) }
}

extension Recipe {
  /// The rounding chain of a stage. Setting the dot stage to exact, or away from it, keeps its order in step.
  public subscript(stage: RecipeStage) -> RoundingChain {
    get { self[keyPath: stage.chain] }
    set {
      self[keyPath: stage.chain] = newValue
      if dot.rounding.isExact {
        dot.order = .exact
      } else if dot.order == .exact {
        dot.order = .sequential
      }
    }
  }
}
