// What a comparison of whole runs found, as plain values for tables.

import EmulatedEngine

/// What a comparison of whole runs found.
public struct PropagatedResults: Sendable {
  /// What was compared.
  public let experiment: PropagatedExperiment
  /// One a recipe; last the attention as the runs stored it, where the files hold it.
  public let recipes: [PropagatedRecipe]
  /// SHA-256 of A, B and C.
  public let identities: [String]

  /// Whether a null control was given whose logits and probabilities are those of the first run under every recipe: it controls nothing.
  public var nullChangesNothing: Bool {
    let totals = recipes.compactMap { $0[.null]?.totals }
    return !totals.isEmpty
      && totals.allSatisfy {
        $0.logit.nonfiniteCount + $0.probability.nonfiniteCount == 0 && $0.sumAbsLogitDifference == 0
          && $0.dWeighted == 0
      }
  }

  /// Whether the null control is the first run bit for bit, and so controls nothing.
  public var nullIsFirst: Bool { identities.count == 3 && identities[2] == identities[0] }
}

/// What was found under one recipe.
public struct PropagatedRecipe: Sendable {
  /// The recipe's name; `stored` for attention as the runs stored it.
  public let name: String
  /// What bounds a single key's unweighted share in probabilities.
  public let shareBound: ShareBound
  /// One a mode.
  public let modes: [ModeDrift]

  /// The name under which stored attention stands.
  public static let storedName = "stored"

  /// The figures of a mode; nil where it was not measured.
  public subscript(mode: PropagatedMode) -> ModeDrift? { modes.first { $0.mode == mode } }
}

/// One difference of two runs, over all layers and heads and in parts.
public struct ModeDrift: Sendable {
  /// Which difference.
  public let mode: PropagatedMode
  /// Over all layers and heads.
  public let totals: DriftTotals
  /// By layer.
  public let layers: [LayerDrift]
  /// By layer and head.
  public let heads: [HeadDrift]
  /// By prefix length; empty for stored attention.
  public let lengths: [LengthDrift]
  /// By key token, over all layers and heads.
  public let keys: [KeyDrift]
  /// By distance, over all layers and heads.
  public let distances: [DistanceDrift]
  /// Changes of the top key: over all layers and heads,
  public let flips: TopKeyFlips
  /// of each layer of ``layers``,
  public let layerFlips: [TopKeyFlips]
  /// and of each head of ``heads``.
  public let headFlips: [TopKeyFlips]
}

/// The rows of one layer's key tokens, handed over when the layer is done: they are not kept, so that memory does not grow with layers.
public struct PropagatedLayerKeys: Sendable {
  /// The recipe's name.
  public let recipe: String
  /// Which difference.
  public let mode: PropagatedMode
  /// The layer.
  public let layer: Int
  /// Query heads of the layer that were measured.
  public let heads: Int
  /// The layer's d_weighted.
  public let dWeighted: Double?
  /// By key token, over the layer's heads.
  public let keys: [KeyDrift]
}
