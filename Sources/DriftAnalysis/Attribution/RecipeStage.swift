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
  /// Whether logits or probabilities depend on the stage: what attribution measures.
  public private(set) var reachesProbabilities = true
  /// What a wider format of the stage costs.
  public let load: StageLoad
  /// What else has to change where the stage is not to round, beyond its chain.
  let whenUnrounded: @Sendable (inout Recipe) -> Void

  init(
    _ name: String, _ chain: WritableKeyPath<Recipe, RoundingChain> & Sendable,
    keepsShiftInvariance: Bool = false, _ load: StageLoad,
    whenUnrounded: @escaping @Sendable (inout Recipe) -> Void = { _ in }
  ) {
    self.name = name
    self.chain = chain
    self.keepsShiftInvariance = keepsShiftInvariance
    self.load = load
    self.whenUnrounded = whenUnrounded
  }

  /// Every stage, in the order in which data passes them.
  public static let all: [RecipeStage] = [
    RecipeStage("inverseFrequency", \.inverseFrequency.rounding, keepsShiftInvariance: true, .free),
    RecipeStage("position", \.position, StageLoad(operationsPerToken: .one)),
    RecipeStage("angle.operands", \.angle.operands, StageLoad(operationsPerToken: .pairs)),
    RecipeStage("angle", \.angle.rounding, StageLoad(operationsPerToken: .pairs)),
    RecipeStage("trig", \.trig.rounding, StageLoad(operationsPerToken: .rotaryChannels)) {
      $0.trig.ulpModel = nil
    },
    RecipeStage("table", \.table, StageLoad(valuesPerToken: .rotaryChannels)),
    RecipeStage(
      "input", \.input, keepsShiftInvariance: true, StageLoad(valuesPerTokenAndLayer: .vectorChannels)),
    RecipeStage("rotation", \.rotation.rounding, StageLoad(operationsPerTokenAndLayer: .rotationOperations)),
    RecipeStage(
      "rotated", \.rotated,
      StageLoad(valuesPerTokenAndLayer: .keyChannels, operationsPerScore: .headChannels)),
    RecipeStage(
      "logit.scaledOperand", \.logit.scaledOperand,
      StageLoad(operationsPerTokenAndLayer: .vectorChannels, operationsPerScore: .headChannels)),
    RecipeStage("dot.queryOperand", \.dot.queryOperand, StageLoad(operationsPerScore: .headChannels)),
    RecipeStage("dot.keyOperand", \.dot.keyOperand, StageLoad(operationsPerScore: .headChannels)),
    RecipeStage("dot", \.dot.rounding, StageLoad(operationsPerScore: .dotOperations)) {
      // An order may cut off by itself (a matrix unit), and the exact order has no accumulator.
      $0.dot.order = $0.dot.rounding.isExact ? .exact : .sequential
    },
    RecipeStage(
      "logit.storedScore", \.logit.storedScore, keepsShiftInvariance: true, StageLoad(valuesPerScore: .one)),
    RecipeStage("logit.scaleFactor", \.logit.scaleFactor, keepsShiftInvariance: true, .free),
    RecipeStage("logit.log2e", \.logit.log2e, keepsShiftInvariance: true, .free),
    RecipeStage("logit.exponentFactor", \.logit.exponentFactor, keepsShiftInvariance: true, .free),
    RecipeStage(
      "logit.exponent", \.logit.exponent, keepsShiftInvariance: true, StageLoad(operationsPerScore: .one)),
    RecipeStage(
      "logit", \.logit.rounding, keepsShiftInvariance: true,
      StageLoad(valuesPerScore: .one, operationsPerScore: .one)),
    RecipeStage(
      "logit.softcap", \.softcapRounding, keepsShiftInvariance: true,
      StageLoad(operationsPerScore: .softcapSteps)),
    RecipeStage("softmax.log2e", \.softmaxLog2e, keepsShiftInvariance: true, .free),
    RecipeStage(
      "softmax.exponent", \.softmaxExponent, keepsShiftInvariance: true, StageLoad(operationsPerScore: .one)),
    RecipeStage(
      "softmax.difference", \.softmaxDifference, keepsShiftInvariance: true,
      StageLoad(operationsPerScore: .one)),
    RecipeStage(
      "softmax", \.softmaxExponential, keepsShiftInvariance: true, StageLoad(operationsPerScore: .one)),
    RecipeStage(
      "softmax.sum", \.softmaxSum, keepsShiftInvariance: true, StageLoad(operationsPerScore: .one)
    ) { if $0.softmaxSum.isExact { $0.softmax?.sum.order = .exact } },
    RecipeStage("softmax.normalization.reciprocal", \.softmaxReciprocal, keepsShiftInvariance: true, .free),
    RecipeStage(
      "softmax.normalization", \.softmaxNormalization, keepsShiftInvariance: true,
      StageLoad(operationsPerScore: .one)),
    RecipeStage(
      "probability", \.probability, keepsShiftInvariance: true,
      StageLoad(valuesPerScore: .one, operationsPerScore: .headChannels)),
    RecipeStage("output.probabilityOperand", afterProbability: \.outputProbabilityOperand),
    RecipeStage("output.valueOperand", afterProbability: \.outputValueOperand),
    RecipeStage("output.accumulator", afterProbability: \.outputAccumulator) {
      if $0.outputAccumulator.isExact { $0.output?.order = .exact }
    },
    RecipeStage("output.rescaling", afterProbability: \.outputRescaling),
    RecipeStage("output.normalization.reciprocal", afterProbability: \.outputReciprocal),
    RecipeStage("output.normalization", afterProbability: \.outputNormalization),
    RecipeStage("output", afterProbability: \.outputRounding),
  ]

  /// A stage of the product with the values, on which no logit and no probability depends.
  private init(
    _ name: String, afterProbability chain: WritableKeyPath<Recipe, RoundingChain> & Sendable,
    whenUnrounded: @escaping @Sendable (inout Recipe) -> Void = { _ in }
  ) {
    self.init(name, chain, keepsShiftInvariance: true, .free, whenUnrounded: whenUnrounded)
    reachesProbabilities = false
  }

  /// The stages that a recipe rounds and on which its logits or probabilities depend, in order.
  public static func rounded(by recipe: Recipe) -> [RecipeStage] {
    let applied = Set(recipe.chains.map(\.stage))
    return all.filter { applied.contains($0.name) && $0.reachesProbabilities && !recipe[$0].isExact }
  }

  /// Whether two stages have one name.
  public static func == (a: RecipeStage, b: RecipeStage) -> Bool { a.name == b.name }

  /// Hashes the name.
  public func hash(into hasher: inout Hasher) { hasher.combine(name) }
}

extension Recipe {
  /// The rounding chain of a stage.
  public subscript(stage: RecipeStage) -> RoundingChain {
    get { self[keyPath: stage.chain] }
    set { self[keyPath: stage.chain] = newValue }
  }

  /// Lets a stage hand its values on in `chain`, without rounding or approximation of its own.
  mutating func leaveUnrounded(_ stage: RecipeStage, carriedIn chain: RoundingChain) {
    self[stage] = chain
    stage.whenUnrounded(&self)
  }

  /// The rounding of the softcap's steps; exact where there is no softcap.
  fileprivate var softcapRounding: RoundingChain {
    get { logit.softcap?.rounding ?? .exact }
    set { logit.softcap?.rounding = newValue }
  }
}

/// The chains of the stages that a recipe need not have; exact where it has none.
extension Recipe {
  fileprivate var softmaxLog2e: RoundingChain {
    get { softmax?.log2e ?? .exact }
    set { softmax?.log2e = newValue }
  }
  fileprivate var softmaxExponent: RoundingChain {
    get { softmax?.exponent ?? .exact }
    set { softmax?.exponent = newValue }
  }
  fileprivate var softmaxDifference: RoundingChain {
    get { softmax?.difference ?? .exact }
    set { softmax?.difference = newValue }
  }
  fileprivate var softmaxExponential: RoundingChain {
    get { softmax?.rounding ?? .exact }
    set { softmax?.rounding = newValue }
  }
  fileprivate var softmaxSum: RoundingChain {
    get { softmax?.sum.rounding ?? .exact }
    set { softmax?.sum.rounding = newValue }
  }
  fileprivate var softmaxReciprocal: RoundingChain {
    get { softmax?.normalization?.reciprocal ?? .exact }
    set { softmax?.normalization?.reciprocal = newValue }
  }
  fileprivate var softmaxNormalization: RoundingChain {
    get { softmax?.normalization?.rounding ?? .exact }
    set { softmax?.normalization?.rounding = newValue }
  }
  fileprivate var outputProbabilityOperand: RoundingChain {
    get { output?.probabilityOperand ?? .exact }
    set { output?.probabilityOperand = newValue }
  }
  fileprivate var outputValueOperand: RoundingChain {
    get { output?.valueOperand ?? .exact }
    set { output?.valueOperand = newValue }
  }
  fileprivate var outputAccumulator: RoundingChain {
    get { output?.accumulator ?? .exact }
    set { output?.accumulator = newValue }
  }
  fileprivate var outputRescaling: RoundingChain {
    get { output?.rescaling ?? .exact }
    set { output?.rescaling = newValue }
  }
  fileprivate var outputReciprocal: RoundingChain {
    get { output?.normalization?.reciprocal ?? .exact }
    set { output?.normalization?.reciprocal = newValue }
  }
  fileprivate var outputNormalization: RoundingChain {
    get { output?.normalization?.rounding ?? .exact }
    set { output?.normalization?.rounding = newValue }
  }
  fileprivate var outputRounding: RoundingChain {
    get { output?.rounding ?? .exact }
    set { output?.rounding = newValue }
  }
}
