// How far a figure may move from its baseline.

import DriftReporting
import FloatingPointFormats

/// A bound on |is − was| for one metric, or for all.
public struct Allowance: Sendable, Hashable {
  /// How the bound is meant.
  public enum Bound: Sendable, Hashable {
    /// |is − was| ≤ the value, in the metric's unit.
    case absolute(Double)
    /// |is − was| ≤ value·|was|.
    case relative(Double)
  }

  /// The metric; nil for every metric but counts of non-finite values, which no general allowance covers.
  public let metric: String?
  /// The bound.
  public let bound: Bound
  /// As typed.
  public let spelling: String

  /// What stands for every metric.
  public static let everyMetric = "all"

  /// Reads `METRIC=VALUE` or `METRIC=PERCENT%`; the metric may be ``everyMetric``.
  ///
  /// - Throws: ``BaselineError/allowance(_:)`` where it is neither, or the number is negative or not finite.
  public init(spelling: String) throws {
    let parts = spelling.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(
      String.init)
    guard parts.count == 2, !parts[0].isEmpty else {
      throw BaselineError.allowance("'\(spelling)' is not of the form metric=value or metric=percent%")
    }
    let isPercent = parts[1].hasSuffix("%")
    let number = isPercent ? String(parts[1].dropLast()) : parts[1]
    guard let value = Double(number), value.isFinite, value >= 0 else {
      throw BaselineError.allowance("'\(parts[1])' of '\(spelling)' is not a number from zero up")
    }
    metric = parts[0] == Self.everyMetric ? nil : parts[0]
    bound = isPercent ? .relative(value / 100) : .absolute(value)
    self.spelling = spelling
  }

  /// Whether it is about a metric.
  func covers(_ name: String) -> Bool { metric.map { $0 == name } ?? !name.hasSuffix("nonfinite_count") }

  /// The greatest |is − was|, where the baseline has `was`.
  func limit(_ was: Double) -> Double {
    switch bound {
    case .absolute(let value): value
    case .relative(let value): value * was.magnitude
    }
  }
}
