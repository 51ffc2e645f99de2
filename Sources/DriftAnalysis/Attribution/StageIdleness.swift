// Which stages round nothing: every value that reaches them is a value of their format. Two recipes that differ in such stages
// only compute the same, and a mend there is no mend.

import ArbitraryPrecision
import EmulatedEngine
import FloatingPointFormats
import ReferenceEngine
import RotaryAttention

/// Decides whether a stage is the identity on an experiment's values. "Idle" is proved; what is not proved counts as at work.
struct StageIdleness {
  private let experiment: DriftExperiment
  private let positions: [Int]
  private let hasAttentionFactor: Bool

  init(_ experiment: DriftExperiment) throws {
    self.experiment = experiment
    let tokens = experiment.shape.keyTokens
    let shifts = (experiment.comparisons + experiment.sweep).flatMap { [$0.first, $0.second] }
    positions = try Set(shifts).sorted().flatMap { shift in
      let row = try TokenPositions(tokens: tokens, shift: shift)
      return (0..<tokens).map(row.position(ofToken:))
    }
    hasAttentionFactor = try experiment.embedding.exactAttentionFactor().rational != Rational(1)
  }

  /// Whether a stage of which the values do not depend on other stages (position, input, scale factor) rounds none of them, in
  /// this recipe and therefore in any wider format.
  func isIdleOnInput(_ stage: RecipeStage, in recipe: Recipe) throws -> Bool {
    let chain = recipe[stage]
    switch stage.name {
    case "position":
      return positions.allSatisfy { holds(chain, ExactReal(Rational($0)).rational) }
    case "logit.scaleFactor":
      guard recipe.logit.scaling == .afterScore, experiment.softcap == nil else { return false }
      return holds(chain, experiment.scale.exact(headSize: experiment.shape.headSize).rational)
    case "input":
      return try inputIsUnchanged(recipe)
    default: return false
    }
  }

  private func holds(_ chain: RoundingChain, _ value: Rational?) -> Bool {
    guard let value else { return false }
    return chain.formats.allSatisfy { format in
      let rounded = format.rounded(value.exactValue)
      return rounded.isFinite && ExactReal(rounded).rational == value
    }
  }

  private func inputIsUnchanged(_ recipe: Recipe) throws -> Bool {
    let emulation = try Emulation(
      recipe: recipe, embedding: experiment.embedding, scale: experiment.scale, softcap: experiment.softcap)
    func isUnchanged(_ stored: [Double], _ side: VectorPlace.Side, _ layer: Int, _ head: Int) -> Bool {
      InputMatrix(stored, emulation: emulation, side: side, layer: layer, head: head).values
        .elementsEqual(stored) { $0.bitPattern == $1.bitPattern }
    }
    for layer in experiment.layers {
      for head in experiment.heads {
        let keyHead = experiment.shape.keyValueHead(ofHead: head)
        let queries = try experiment.input.queries(layer: layer, head: head)
        let keys = try experiment.input.keys(layer: layer, kvHead: keyHead)
        guard isUnchanged(queries, .query, layer, head), isUnchanged(keys, .key, layer, keyHead) else {
          return false
        }
      }
    }
    return true
  }

  /// The recipe without its name and with every stage that is idle because of the formats before it left exact: equal values
  /// compute the same.
  func canonical(_ recipe: Recipe) -> Recipe {
    var result = recipe
    (result.name, result.summary, result.source) = ("", "", "")
    if !hasAttentionFactor { drop(\.table, after: [recipe.trig.rounding], from: &result) }
    let isWhollyRotated = experiment.embedding.rotarySize == experiment.shape.headSize
    drop(
      \.rotated, after: [recipe.rotation.rounding] + (isWhollyRotated ? [] : [recipe.input]), from: &result)
    drop(\.logit.storedScore, after: [recipe.dot.rounding], from: &result)
    return result
  }

  /// Leaves a stage exact if all values of the stages before it are values of each of its formats.
  private func drop(
    _ stage: WritableKeyPath<Recipe, RoundingChain>, after earlier: [RoundingChain], from recipe: inout Recipe
  ) {
    let isIdle = recipe[keyPath: stage].formats.allSatisfy { format in
      earlier.allSatisfy { $0.stored.map { Self.holdsAll(of: $0, format) } ?? false }
    }
    if isIdle { recipe[keyPath: stage] = .exact }
  }

  /// Whether a format rounds every value of another to itself, NaN and infinities included.
  private static func holdsAll(of values: FloatingPointFormat, _ format: FloatingPointFormat) -> Bool {
    values.isSubset(of: format) && format.specialValues == .infinityAndNaN && !format.saturates
  }
}
