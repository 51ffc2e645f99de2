// The drift figures that a budget can be set on, under the names that the columns of summary.csv have.

import ArbitraryPrecision
import FloatingPointFormats

/// A figure of a run's drift.
public struct DriftMetric: Sendable {
  /// The column's name.
  public let name: String
  /// The space whose pairs without a finite difference it cannot see.
  public let space: ValueSpace
  /// The figure; nil where no pair defines it.
  public let value: @Sendable (DriftTotals) -> Double?

  init(_ name: String, _ space: ValueSpace, _ value: @escaping @Sendable (DriftTotals) -> Double?) {
    self.name = name
    self.space = space
    self.value = value
  }

  /// The metrics, in the order of the columns.
  public static let all: [DriftMetric] =
    [
      DriftMetric("d_weighted", .probability) { $0.dWeighted },
      DriftMetric("d_unweighted", .probability) { $0.dUnweighted },
      DriftMetric("d_signed", .probability) { $0.dSigned },
      DriftMetric("sum_abs_logit_difference", .logit) { $0.sumAbsLogitDifference },
      DriftMetric("d_logit", .logit) { $0.dLogit },
      DriftMetric("d_logit_unscaled", .logit) { $0.dLogitUnscaled },
    ]
    + ValueSpace.allCases.flatMap { space in
      [
        DriftMetric("\(space.rawValue)_drift_mean_abs", space) { $0.sums(in: space).mean },
        DriftMetric("\(space.rawValue)_drift_max_abs", space) { $0.sums(in: space).maximum },
        DriftMetric("\(space.rawValue)_drift_rms", space) { $0.sums(in: space).rootMeanSquare },
      ]
    }

  /// The metric of a name.
  ///
  /// - Throws: ``AttributionError/unknownMetric(_:suggestion:)``.
  public static func named(_ name: String) throws -> DriftMetric {
    guard let metric = all.first(where: { $0.name == name }) else {
      throw AttributionError.unknownMetric(name, suggestion: nearestName(to: name, among: all.map(\.name)))
    }
    return metric
  }

  /// The figure over some comparisons: the greatest; nil where one of them is not defined or has pairs without a finite
  /// difference, because then nothing can be said to be within a budget.
  public func worst(_ totals: [DriftTotals]) -> Double? {
    var greatest: Double?
    for comparison in totals {
      guard comparison.sums(in: space).nonfiniteCount == 0, let value = value(comparison) else { return nil }
      greatest = max(greatest ?? value, value)
    }
    return greatest
  }
}

/// A metric and the most that it may be.
public struct DriftBudget: Sendable {
  /// The metric.
  public let metric: DriftMetric
  /// The limit, exactly as written; not negative.
  public let limit: NumberLiteral
  private let exact: Rational

  /// A budget; nil unless the limit is a finite number that is not negative.
  public init?(metric: DriftMetric, limit: NumberLiteral) {
    guard let exact = Rational(limit), exact.sign >= 0 else { return nil }
    self.metric = metric
    self.limit = limit
    self.exact = exact
  }

  /// Whether a figure is at most the limit, compared exactly; `slack` widens the limit. A figure that is not defined is not within.
  func admits(_ figure: Double?, slack: Rational = Rational(1)) -> Bool {
    guard let figure, figure.isFinite, let value = ExactReal(figure).rational else { return false }
    return !(exact * slack < value)
  }
}
