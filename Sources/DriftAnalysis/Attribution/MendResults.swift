// What a search for mends found.

/// One option and what was measured of it.
public struct MeasuredMend: Sendable {
  /// How much is known.
  public enum Evidence: String, Sendable, Hashable, CaseIterable {
    /// The metric on the sample of queries only.
    case screened
    /// The metric over all queries.
    case drift
    /// The metric over all queries, and the error against the reference.
    case driftAndError = "drift_and_error"
  }

  /// The stages, the recipe, the cost.
  public let option: MendOption
  /// How much is known.
  public internal(set) var evidence = Evidence.screened
  /// The metric over the screening's queries; nil where there was no screening or the metric is not defined.
  public internal(set) var screenedFigure: Double?
  /// The metric over all queries, of several pairs of shifts the greatest; nil where it was not measured or is not defined.
  public internal(set) var figure: Double?
  /// Error of logits at the first pair's Δ₁.
  public internal(set) var logitError: SpreadFigures?
  /// Error of probabilities at the first pair's Δ₁.
  public internal(set) var probabilityError: SpreadFigures?
  /// Whether no other option that was measured in full has at most its bytes, operations and figure, and less of one of them.
  public internal(set) var isOnFrontier = false

  init(option: MendOption) { self.option = option }
}

/// What a search for mends found.
public struct MendResults: Sendable {
  /// What was searched.
  public let search: MendSearch
  /// Every option, in the order of ``MendOptions/all``.
  public let mends: [MeasuredMend]
  /// The smallest, then cheapest option within the budget, an index of ``mends``; nil without a budget or where none was found.
  public let chosen: Int?

  /// Whether an option is within the budget; nil without a budget, and where the metric was not measured in full.
  public func isWithinBudget(_ mend: MeasuredMend) -> Bool? {
    mend.evidence == .screened ? nil : search.budget.map { $0.admits(mend.figure) }
  }

  /// Whether there was a budget and no option within it was found.
  public var exceedsBudget: Bool { search.budget != nil && chosen == nil }

  /// The option with the least figure of those measured in full; nil where none is defined.
  public var best: MeasuredMend? {
    mends.reduce(nil as MeasuredMend?) { best, mend in
      guard let figure = mend.figure else { return best }
      guard let least = best?.figure, least <= figure else { return mend }
      return best
    }
  }

  /// The options that no other one beats in bytes, operations and figure, ascending by index; of equal ones the first.
  static func frontier(_ mends: [MeasuredMend], _ figure: KeyPath<MeasuredMend, Double?>) -> [Int] {
    let points = mends.enumerated().compactMap { index, mend in
      mend[keyPath: figure].map {
        (index: index, bytes: mend.option.bytes, operations: mend.option.operations, figure: $0)
      }
    }
    return points.filter { point in
      !points.contains { other in
        other.bytes <= point.bytes && other.operations <= point.operations && other.figure <= point.figure
          && (other.bytes < point.bytes || other.operations < point.operations || other.figure < point.figure
            || other.index < point.index)
      }
    }.map(\.index)
  }
}
