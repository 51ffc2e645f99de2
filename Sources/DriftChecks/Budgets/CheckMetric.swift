// The figures that a budget can limit, under the names that summary.csv has, and where each is read from.

import DriftAnalysis
import FloatingPointFormats

/// A figure of one recipe's run that a budget can limit.
public struct CheckMetric: Sendable, Hashable {
  /// What kind of figure.
  enum Kind: Sendable, Hashable {
    case error(ErrorFigure)
    case drift
  }

  /// Figures of the error against the reference.
  enum ErrorFigure: String, Sendable, Hashable, CaseIterable {
    case maximum = "max_abs"
    case mean = "mean_abs"
    case rootMeanSquare = "rms"
    case relative = "max_relative"
    case nmse
    case cosine
    case ulp = "max_ulp"
  }

  /// The column's name: `logit_error_max_ulp`, `d_logit`.
  public let name: String
  /// The space that it is about.
  public let space: ValueSpace
  let kind: Kind

  /// Whether the limit is the least that the figure may be.
  public var isLowerBound: Bool { kind == .error(.cosine) }

  /// Every metric: errors of logits and of probabilities, then drift.
  public static let all: [CheckMetric] =
    ValueSpace.allCases.flatMap { space in
      ErrorFigure.allCases.compactMap { figure in
        // Probabilities have no ulp column.
        figure == .ulp && space == .probability
          ? nil
          : CheckMetric(
            name: "\(space.rawValue)_error_\(figure.rawValue)", space: space, kind: .error(figure))
      }
    } + DriftMetric.all.map { CheckMetric(name: $0.name, space: $0.space, kind: .drift) }

  /// The metric of a name.
  ///
  /// - Throws: ``BudgetError/unknownMetric(_:suggestion:)``.
  public static func named(_ name: String) throws -> CheckMetric {
    guard let metric = all.first(where: { $0.name == name }) else {
      throw BudgetError.unknownMetric(name, suggestion: nearestName(to: name, among: all.map(\.name)))
    }
    return metric
  }

  /// Whether the figure is known by distance.
  var isKnownByDistance: Bool {
    switch kind {
    case .error(let figure): figure == .maximum || figure == .mean
    case .drift: name.hasSuffix("_drift_max_abs") || name.hasSuffix("_drift_mean_abs")
    }
  }
}

/// A figure as it was measured.
struct MeasuredFigure: Sendable, Hashable {
  /// Nil where no pair defines it.
  var value: Double?
  /// Pairs in the scope without a finite difference.
  var nonfiniteCount: Int
  /// Where a greatest value stands, if that is kept.
  var place: PairPlace?
}

extension CheckMetric {
  /// The figure over everything, a layer, or a head.
  func figure(_ totals: DriftTotals, _ logit: ErrorSums, _ probability: ErrorSums) -> MeasuredFigure {
    switch kind {
    case .drift:
      // The name was taken from the same list.
      let metric = try! DriftMetric.named(name)
      let sums = totals.sums(in: space)
      return MeasuredFigure(
        value: metric.value(totals), nonfiniteCount: sums.nonfiniteCount, place: sums.maximumPlace)
    case .error(let figure):
      let sums = space == .logit ? logit : probability
      var place = sums.absolute.maximumPlace
      let value: Double?
      switch figure {
      case .maximum: value = sums.absolute.maximum
      case .mean: value = sums.absolute.mean
      case .rootMeanSquare: value = sums.absolute.rootMeanSquare
      case .relative: (value, place) = (sums.maximumRelative, sums.worstRelative?.place)
      case .nmse: value = sums.normalizedMeanSquare
      case .cosine: value = sums.cosine
      case .ulp: (value, place) = (sums.maximumUlps, sums.worstUlps?.place)
      }
      return MeasuredFigure(value: value, nonfiniteCount: sums.absolute.nonfiniteCount, place: place)
    }
  }

  /// The figure over the distances of a range, all layers and heads together.
  func figure(_ results: ComparisonResults, distances: ClosedRange<Int>) -> MeasuredFigure {
    let rows: [DifferenceSums] =
      if case .drift = kind {
        results.distances.filter { distances.contains($0.distance) }.map {
          space == .logit ? $0.logit : $0.probability
        }
      } else {
        results.error.distances.filter { distances.contains($0.distance) }.map {
          space == .logit ? $0.logit : $0.probability
        }
      }
    var count = 0
    var nonfinite = 0
    var sum = CompensatedSum()
    var maximum: Double?
    for row in rows {
      count += row.finiteCount
      nonfinite += row.nonfiniteCount
      sum.add(row.magnitude)
      if let value = row.maximum { maximum = max(maximum ?? value, value) }
    }
    let isMean = name.hasSuffix("mean_abs")
    return MeasuredFigure(
      value: count == 0 ? nil : isMean ? sum.value / Double(count) : maximum, nonfiniteCount: nonfinite,
      place: nil)
  }
}
