// Rows of the report's tables on drift, as plain values.

/// The drift of one key token over the queries that see it, in one head or summed over several.
public struct KeyDrift: Sendable, Hashable {
  /// The key's index in the file.
  public let key: Int
  /// δ of logits.
  public let logit: DifferenceSums
  /// δ of probabilities.
  public let probability: DifferenceSums
  /// Σᵢ A_ij(Δ₁) over the queries with finite δA; nil without one.
  public let attention: Double?
  /// Share, ratio and uniform share in logit space.
  public let logitConcentration: Concentration
  /// Share, ratio, uniform share and relative change in probability space.
  public let probabilityConcentration: Concentration

  /// Visible pairs: queries that see the key, counted in every head.
  public var count: Int { logit.count }
  /// n_j = 1 / count; nil where no query sees the key. Only in the row of a single head is this the weight of
  /// `d_weighted`.
  public var weight: Double? { count > 0 ? 1 / Double(count) : nil }
  /// n_j Σᵢ|δA_ij|; in the row of a single head, the key's part of `d_weighted`.
  public var weightedProbability: Double? {
    count > 0 ? probability.sumOfMagnitudes.map { $0 / Double(count) } : nil
  }
}

/// The drift of all pairs at one distance p_i − p_j.
public struct DistanceDrift: Sendable, Hashable {
  /// Query position minus key position.
  public let distance: Int
  /// δ of logits; its maximum has no place.
  public let logit: DifferenceSums
  /// δ of probabilities; its maximum has no place.
  public let probability: DifferenceSums

  /// Visible pairs.
  public var count: Int { logit.count }
}

/// The drift of the pairs with query and key tokens below a length.
public struct LengthDrift: Sendable, Hashable {
  /// The prefix's number of tokens L.
  public let length: Int
  /// Totals with n_j(L) = 1 / (queries below L that see j).
  public internal(set) var totals: DriftTotals
}

/// The drift of one head.
public struct HeadDrift: Sendable, Hashable {
  /// The layer's number.
  public let layer: Int
  /// The query head's number.
  public let head: Int
  /// Totals over all tokens.
  public let totals: DriftTotals
  /// Totals for each prefix length, ascending.
  public let lengths: [LengthDrift]
}

/// The drift of one layer.
public struct LayerDrift: Sendable, Hashable {
  /// The layer's number.
  public let layer: Int
  /// Totals over its heads.
  public internal(set) var totals: DriftTotals
}
