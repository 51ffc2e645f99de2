// A recipe with some of its stages left unrounded is a recipe again. Here is which ones attribution needs, and how a stage is
// left unrounded.

import EmulatedEngine
import FloatingPointFormats

/// How a stage passes its values on where it is not to round.
public enum StageCarrier: Sendable, Hashable {
  /// In binary64, nearest even: fast, with a rounding of its own of at most 2^−53 of each value, which the floor measures.
  case binary64
  /// As exact reals: true to the bit and slow.
  case exact

  var chain: RoundingChain { self == .exact ? .exact : RoundingChain([.fp64]) }
}

/// What an attribution cannot be made of.
public enum AttributionError: Error, Equatable, CustomStringConvertible {
  /// A recipe whose stages are all exact.
  case roundsNothing(recipe: String)
  /// A recipe whose roundings are all what unrounded stages are carried in.
  case roundsToCarrier(recipe: String)
  /// A dot product in a matrix unit, which takes no wider operands.
  case needsNarrowOperands(recipe: String, order: String)
  /// A metric that no mend can be measured by.
  case unknownMetric(String, suggestion: String?)

  /// One sentence with the mend.
  public var description: String {
    switch self {
    case .roundsNothing(let recipe):
      "recipe \(recipe) rounds nothing, so there is nothing to attribute; choose one with a format other than 'exact'"
    case .roundsToCarrier(let recipe):
      "recipe \(recipe) rounds to fp64 alone, which unrounded stages are carried in; add --exact to tell it from exact stages"
    case .needsNarrowOperands(let recipe, let order):
      "recipe \(recipe): the dot order \(order) (a matrix unit) takes operands within fp32 only, so the stages before it cannot be left unrounded or "
        + "widened; choose a recipe that accumulates in another order"
    case .unknownMetric(let name, let suggestion):
      "unknown metric '\(name)'\(didYouMean(suggestion)); known are "
        + DriftMetric.all.map(\.name).joined(separator: ", ")
    }
  }
}

/// Which of a recipe's stages a variant rounds.
public enum StageVariant: Sendable, Hashable {
  /// None: what the carrier itself does.
  case floor
  /// One stage, by its index among the recipe's rounded stages.
  case only(Int)
  /// All but one.
  case without(Int)
  /// The first k, k = 1 … n.
  case cumulative(Int)
  /// All: the recipe itself, bit for bit.
  case recipe

  /// The word in tables.
  public var name: String {
    switch self {
    case .floor: "floor"
    case .only: "only"
    case .without: "without"
    case .cumulative: "up_to"
    case .recipe: "recipe"
    }
  }

  /// The stage that a row is about: the one rounded, the one left out, the last one; nil for floor and recipe.
  public var stage: Int? {
    switch self {
    case .floor, .recipe: nil
    case .only(let stage), .without(let stage): stage
    case .cumulative(let count): count - 1
    }
  }

  /// The stages that are rounded, of n.
  public func rounded(of n: Int) -> Set<Int> {
    switch self {
    case .floor: []
    case .only(let stage): [stage]
    case .without(let stage): Set(0..<n).subtracting([stage])
    case .cumulative(let count): Set(0..<count)
    case .recipe: Set(0..<n)
    }
  }
}

/// The variants of one recipe.
public struct StageVariants: Sendable {
  /// The recipe.
  public let recipe: Recipe
  /// How unrounded stages pass their values on.
  public let carrier: StageCarrier
  /// The stages that are taken apart: those that the recipe rounds, in order, but for ``unattributed``.
  public let stages: [RecipeStage]
  /// Stages that the recipe rounds to binary64 alone: carried in binary64 they would be no different, so that every variant has them.
  public let unattributed: [RecipeStage]
  /// Every variant: floor, only, without, cumulative, recipe.
  public let all: [StageVariant]

  /// The variants of a recipe.
  ///
  /// - Throws: ``AttributionError`` where the recipe rounds nothing, or nothing but to the carrier, or where it accumulates in a
  ///   matrix unit.
  public init(_ recipe: Recipe, carrier: StageCarrier) throws {
    self.recipe = recipe
    self.carrier = carrier
    let rounded = RecipeStage.rounded(by: recipe)
    guard !rounded.isEmpty else { throw AttributionError.roundsNothing(recipe: recipe.name) }
    try recipe.checkOperandsMayWiden()
    unattributed = rounded.filter { stage in
      carrier == .binary64 && recipe[stage].formats.allSatisfy { FloatingPointFormat.fp64.isSubset(of: $0) }
    }
    let unattributed = unattributed
    stages = rounded.filter { !unattributed.contains($0) }
    guard !stages.isEmpty else { throw AttributionError.roundsToCarrier(recipe: recipe.name) }
    let indices = Array(stages.indices)
    all =
      [.floor] + indices.map(StageVariant.only) + indices.map(StageVariant.without)
      + indices.map { .cumulative($0 + 1) } + [.recipe]
  }

  /// The recipe with only the given stages rounded; the others that it rounds go through the carrier, and stages that it leaves
  /// exact stay so. With all stages it is the recipe itself.
  public func recipe(rounding kept: Set<Int>) -> Recipe {
    var result = recipe
    for (index, stage) in stages.enumerated() where !kept.contains(index) {
      result.leaveUnrounded(stage, carriedIn: carrier.chain)
    }
    guard kept.count < stages.count else { return result }
    result.name +=
      "/" + (kept.isEmpty ? "floor" : kept.sorted().map { stages[$0].name }.joined(separator: "+"))
    return result
  }

  /// Whether a variant has no drift by the theorem at ``RecipeStage/keepsShiftInvariance``: every stage that it rounds keeps the
  /// invariance, and so would those that the carrier stands for if they were exact.
  public func hasNoDrift(_ variant: StageVariant) -> Bool {
    let rounded = variant.rounded(of: stages.count)
    return variant != .floor && (rounded.map { stages[$0] } + unattributed).allSatisfy(\.keepsShiftInvariance)
  }

  /// The different recipes of all variants, each once, floor first and the recipe itself last.
  public var recipes: [Recipe] {
    var seen: Set<Set<Int>> = []
    return all.map { $0.rounded(of: stages.count) }.filter { seen.insert($0).inserted }.map(recipe(rounding:))
  }
}

extension Recipe {
  /// - Throws: ``AttributionError/needsNarrowOperands(recipe:order:)``.
  func checkOperandsMayWiden() throws {
    if case .tensorCore = dot.order {
      throw AttributionError.needsNarrowOperands(recipe: name, order: dot.order.spelling)
    }
  }
}
