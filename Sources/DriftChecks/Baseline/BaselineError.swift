// What can be wrong with a baseline: its file, its allowances, or that it is one of something else.

/// Errors of baselines.
public enum BaselineError: Error, Equatable, CustomStringConvertible {
  /// The file cannot be read.
  case unreadable(file: String, reason: String)
  /// The file is no baseline, or one of another kind.
  case malformed(file: String, reason: String)
  /// Another input, recipe, version or selection was measured; what differs, a line each.
  case incompatible([String])
  /// An allowance that is none.
  case allowance(String)
  /// An allowance for a metric that the baseline does not have.
  case unknownMetric(String, suggestion: String?)

  /// One sentence with the mend.
  public var description: String {
    switch self {
    case .unreadable(let file, let reason):
      "baseline '\(file)' cannot be read: \(reason); record one with 'ropedrift baseline record'"
    case .malformed(let file, let reason):
      "'\(file)' is not a baseline: \(reason); record one with 'ropedrift baseline record'"
    case .incompatible(let differences):
      "the baseline is of something else, so nothing can be said of changes: "
        + differences.joined(separator: "; ") + "; measure what it was recorded of, or record another"
    case .allowance(let reason): "\(reason); write d_weighted=0.01, d_weighted=5% or all=1%"
    case .unknownMetric(let name, let suggestion):
      "the baseline has no metric '\(name)'" + (suggestion.map { " (did you mean '\($0)'?)" } ?? "")
        + "; its metrics are the columns of summary.csv"
    }
  }
}
