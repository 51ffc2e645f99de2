// What an experiment found, as plain values for tables and verdicts.

import EmulatedEngine
import FloatingPointFormats
import ReferenceEngine
import TensorIO

/// What an experiment found.
public struct DriftResults: Sendable {
  /// What was measured.
  public let experiment: DriftExperiment
  /// One a recipe, in the order of the experiment.
  public let recipes: [RecipeResults]
  /// NaNs and infinities in the stored q and k, and in v where outputs are measured.
  public let nonFinite: [NonFiniteInput]
  /// How the reference's scores of the first comparison were decided.
  public let referenceCounts: ReferenceHead.Counts
}

/// NaNs and infinities of one stored tensor.
public struct NonFiniteInput: Sendable, Hashable {
  /// The tensor's name.
  public let tensor: String
  /// How many of each.
  public let count: AttentionInput.NonFiniteCount
}

extension AttentionInput {
  /// NaNs and infinities of the q and k of some layers, and of the v of those of them that are named.
  func nonFiniteCounts(layers: [Int], valuesOf valued: [Int] = []) throws -> [NonFiniteInput] {
    try layers.flatMap { layer in
      let tensors: [AttentionTensor] = [.query, .key] + (valued.contains(layer) ? [.value] : [])
      return try tensors.map {
        NonFiniteInput(tensor: $0.name(layer: layer), count: try nonFiniteCount(layer: layer, tensor: $0))
      }
    }
  }
}

/// What was found about one recipe.
public struct RecipeResults: Sendable {
  /// The recipe on the problem.
  public let emulation: Emulation
  /// What the input stage did, over the q and k of the chosen layers and heads.
  public let inputRounding: InputRoundingCounts
  /// One a comparison.
  public let comparisons: [ComparisonResults]
  /// One a pair of the sweep; totals only.
  public let sweep: [SweepResults]

  /// The recipe's name.
  public var name: String { emulation.recipe.name }

  /// What bounds a single key's unweighted share of drift in probabilities.
  public var shareBound: ShareBound {
    ShareBound(
      probabilitiesAreRounded: !emulation.recipe.probability.isExact || emulation.recipe.softmax != nil)
  }
}

/// Elements of q and k that did not survive the input stage.
public struct InputRoundingCounts: Sendable, Hashable {
  /// Finite values above the format's range.
  public var overflow = 0
  /// Non-zero values below the format's normal range that were not exact.
  public var underflow = 0
  /// Non-zero values that became zero.
  public var flushedToZero = 0

  static func += (a: inout InputRoundingCounts, b: InputMatrix) {
    a.overflow += b.overflowCount
    a.underflow += b.underflowCount
    a.flushedToZero += b.flushedCount
  }
}

/// Drift between two shifts.
public struct ComparisonResults: Sendable {
  /// Δ₁ and Δ₂.
  public let shifts: ShiftPair
  /// Over all layers and heads.
  public let totals: DriftTotals
  /// By layer.
  public let layers: [LayerDrift]
  /// By layer and head.
  public let heads: [HeadDrift]
  /// By prefix length.
  public let lengths: [LengthDrift]
  /// By key token, over all layers and heads.
  public let keys: [KeyDrift]
  /// By distance, over all layers and heads.
  public let distances: [DistanceDrift]
  /// Error against the reference at Δ₁.
  public let error: ErrorResults
}

/// Totals of drift between two shifts of a sweep.
public struct SweepResults: Sendable {
  /// Δ₁ and Δ₂.
  public let shifts: ShiftPair
  /// Over all layers and heads.
  public let totals: DriftTotals
}

/// Error against the reference.
public struct ErrorResults: Sendable {
  /// The shift at which the emulated run was taken.
  public let shift: Int
  /// Logits, over all layers and heads.
  public let logit: ErrorSums
  /// Probabilities, over all layers and heads.
  public let probability: ErrorSums
  /// By layer.
  public let layers: [LayerError]
  /// By layer and head.
  public let heads: [HeadError]
  /// By key token, over all layers and heads.
  public let keys: [KeyError]
  /// By distance, over all layers and heads.
  public let distances: [DistanceError]
}
