// The mends of a recipe: every set of stages that can be widened, without those that change nothing.

import EmulatedEngine
import FloatingPointFormats
import RotaryAttention

extension RoundingChain {
  /// The chain in the next wider format, one rounding: fp32 where the stored format is part of it, fp64 where it is fp32 itself or
  /// goes beyond it. Nil for an exact chain and one that has nothing wider (fp64).
  public var widened: RoundingChain? {
    guard let stored else { return nil }
    for wider in [FloatingPointFormat.fp32, .fp64]
    where stored.isSubset(of: wider) && !wider.isSubset(of: stored) {
      return RoundingChain([wider], rounding: rounding)
    }
    return nil
  }
}

/// A recipe with some stages widened.
public struct MendOption: Sendable {
  /// The stages, in order; empty for the recipe itself.
  public let stages: [RecipeStage]
  /// The widened recipe.
  public let recipe: Recipe
  /// What it costs beyond the recipe.
  public let cost: MendCost
  /// ``MendCost/bytes(tokens:layers:heads:pairs:)`` over the tokens, layers and heads that are measured.
  public let bytes: Int
  /// ``MendCost/operations(tokens:layers:heads:pairs:)`` over the tokens, layers and heads that are measured.
  public let operations: Int
}

/// All mends of one recipe on one problem.
public struct MendOptions: Sendable {
  /// The recipe.
  public let recipe: Recipe
  /// The stages that can be widened and whose rounding changes any value of this problem.
  public let stages: [RecipeStage]
  /// The stages that can be widened but round nothing here, whatever else is widened: every value that reaches them is one of
  /// their format's.
  public let idle: [RecipeStage]
  /// The number of sets of ``stages``.
  public var setCount: Int { 1 << stages.count }
  /// One option for each different arithmetic, the recipe itself first, then by number of stages, cost, and order of stages. Sets
  /// that differ only in stages which round nothing there give the same figures; the first of them stands for all.
  public let all: [MendOption]

  /// The greatest number of stages whose sets are gone through.
  public static let stageLimit = 16

  /// The mends of a recipe.
  ///
  /// - Throws: ``AttributionError/roundsNothing(recipe:)``, ``ExperimentError``, ``ProblemError``, ``UndecidedRounding``,
  ///   ``TensorFileError``.
  public init(_ recipe: Recipe, problem: StageAttribution.Problem) throws {
    let recipe = problem.applied(recipe)
    self.recipe = recipe
    let rounded = RecipeStage.rounded(by: recipe)
    guard !rounded.isEmpty else { throw AttributionError.roundsNothing(recipe: recipe.name) }
    try recipe.checkOperandsMayWiden()
    let experiment = try problem.experiment([recipe])
    let idleness = try StageIdleness(experiment)
    let widenable = rounded.filter { recipe[$0].widened != nil }
    idle = try widenable.filter { try idleness.isIdleOnInput($0, in: recipe) }
    let idle = idle
    let stages = widenable.filter { !idle.contains($0) }
    guard stages.count <= Self.stageLimit else {
      throw ExperimentError.tooLarge(
        "recipe \(recipe.name) has \(stages.count) stages that can be widened, more than \(Self.stageLimit); leave some of them exact"
      )
    }
    self.stages = stages
    let options = (0..<1 << stages.count).map { set in
      Self.option(
        recipe, stages.enumerated().filter { set >> (stages.count - 1 - $0.offset) & 1 == 1 }.map(\.element),
        experiment)
    }
    let ordered = options.enumerated().sorted { a, b in
      (a.element.stages.count, a.element.bytes, a.element.operations, -a.offset)
        < (b.element.stages.count, b.element.bytes, b.element.operations, -b.offset)
    }.map(\.element)
    var seen: Set<Recipe> = []
    all = ordered.filter { seen.insert(idleness.canonical($0.recipe)).inserted }
  }

  private static func option(
    _ recipe: Recipe, _ stages: [RecipeStage], _ experiment: DriftExperiment
  ) -> MendOption {
    let shape = experiment.shape
    var (result, cost) = (recipe, MendCost())
    for stage in stages {
      guard let old = recipe[stage].stored, let wider = recipe[stage].widened, let new = wider.stored else {
        preconditionFailure("only stages that can be widened are in a set")
      }
      result[stage] = wider
      cost.add(stage.load, from: old, to: new, shape, rotarySize: experiment.embedding.rotarySize)
    }
    if !stages.isEmpty { result.name += "+" + stages.map(\.name).joined(separator: "+") }
    let (layers, heads, pairs) = (
      experiment.layers.count, experiment.heads.count,
      experiment.pattern.visiblePairs(queryTokens: shape.queryTokens)
    )
    return MendOption(
      stages: stages, recipe: result, cost: cost,
      bytes: cost.bytes(tokens: shape.keyTokens, layers: layers, heads: heads, pairs: pairs),
      operations: cost.operations(tokens: shape.keyTokens, layers: layers, heads: heads, pairs: pairs))
  }
}
