// Readers of a share expect "most of the drift"; this is the fact that limits it.

/// What a share of drift in probability space can be at most.
public enum ShareBound: Sendable, Hashable, CustomStringConvertible {
  /// A single key's share is at most 1/2, to roundoff.
  case half
  /// Nothing is known but that a share is at most 1.
  case none

  /// The bound on a single key's share Σᵢ|δA_ij| / Σ_ij|δA_ij| in probability space.
  ///
  /// Rows of A sum to 1, so Σ_j δA_ij = 0 and |δA_ij| = |Σ_{k≠j} δA_ik| ≤ Σ_{k≠j} |δA_ik|: each key has at
  /// most half of its row. Rounded probabilities need not sum to 1, and weights n_j differ within a row:
  /// there is no bound.
  public init(probabilitiesAreRounded: Bool, isWeighted: Bool = false) {
    self = probabilitiesAreRounded || isWeighted ? .none : .half
  }

  /// The bound as a number; nil without one.
  public var value: Double? { self == .half ? 0.5 : nil }

  /// For people: "at most 1/2" or "no bound".
  public var description: String { self == .half ? "at most 1/2" : "no bound" }
}
