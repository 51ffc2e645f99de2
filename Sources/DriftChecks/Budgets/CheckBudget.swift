// What a recipe may cost in accuracy and drift: limits as values.

import ArbitraryPrecision
import DriftAnalysis
import FloatingPointFormats

/// Limits on the error and the drift of a recipe on an input.
public struct CheckBudget: Sendable, Hashable {
  /// One limit.
  public struct Limit: Sendable, Hashable {
    /// What is limited.
    public let metric: CheckMetric
    /// The most that it may be (of a cosine the least), as written.
    public let limit: NumberLiteral
    /// The layer that it is about; nil for all together.
    public let layer: Int?
    /// The query head that it is about, in ``layer``; nil for all together.
    public let head: Int?
    /// The distances p_query − p_key that it is about; nil for all.
    public let distances: ClosedRange<Int>?

    /// A limit.
    ///
    /// - Parameters:
    ///   - metric: a name of ``CheckMetric/all``.
    ///   - limit: a finite number, not negative but for a cosine.
    ///   - layer: nil for all layers together.
    ///   - head: nil for all heads together; needs a layer.
    ///   - distances: nil for all; not with a layer, and only for greatest and mean differences.
    /// - Throws: ``BudgetError``: also for a limit below what correct rounding gives.
    public init(
      _ metric: String, atMost limit: NumberLiteral, layer: Int? = nil, head: Int? = nil,
      distances: ClosedRange<Int>? = nil
    ) throws {
      self.metric = try CheckMetric.named(metric)
      guard let value = Rational(limit), self.metric.isLowerBound || value.sign >= 0 else {
        throw BudgetError.invalidLimit(metric: metric, limit.text)
      }
      if head != nil, layer == nil { throw BudgetError.headWithoutLayer(metric: metric) }
      if distances != nil, layer != nil { throw BudgetError.distanceWithLayer(metric: metric) }
      if distances != nil, !self.metric.isKnownByDistance { throw BudgetError.notByDistance(metric: metric) }
      if case .error(.ulp) = self.metric.kind, value < Rational(1, 2) {
        throw BudgetError.impossible(
          metric: metric, limit: limit.text,
          reason: "a correctly rounded value is off by up to half a unit in the last place")
      }
      if self.metric.isLowerBound, Rational(1) < value {
        throw BudgetError.impossible(metric: metric, limit: limit.text, reason: "no cosine is above 1")
      }
      self.limit = limit
      self.layer = layer
      self.head = head
      self.distances = distances
    }

    /// Whether a figure is within the binary64 number nearest to the limit, so that a limit which is typed as a figure was printed
    /// admits that figure; one that is not defined is not within.
    func admits(_ figure: Double?) -> Bool {
      guard let figure, figure.isFinite, let exact = Rational(limit) else { return false }
      let limit = FloatingPointFormat.fp64.rounded(exact.exactValue)
      return metric.isLowerBound ? figure >= limit : figure <= limit
    }

    /// `logit_error_max_abs ≤ 0.25 (layer 3, head 7)`.
    public var words: String {
      var scope: [String] = []
      if let layer { scope.append("layer \(layer)") }
      if let head { scope.append("head \(head)") }
      if let distances { scope.append("distances \(distances.lowerBound) to \(distances.upperBound)") }
      return "\(metric.name) \(metric.isLowerBound ? "≥" : "≤") \(limit.text)"
        + (scope.isEmpty ? "" : " (\(scope.joined(separator: ", ")))")
    }
  }

  /// The limits, in the order of the results.
  public let limits: [Limit]
  /// The shifts of the drift figures; errors are taken at the first.
  public let shifts: ShiftPair
  /// Where the limits come from, for messages: a file's name, `default budget`.
  public let origin: String

  /// A budget.
  ///
  /// - Throws: ``BudgetError/empty(_:)``.
  public init(_ limits: [Limit], shifts: ShiftPair = ShiftPair(0, 16), origin: String = "budget") throws {
    guard !limits.isEmpty else { throw BudgetError.empty(origin) }
    self.limits = limits
    self.shifts = shifts
    self.origin = origin
  }
}

/// What can be wrong with a budget.
public enum BudgetError: Error, Equatable, Sendable, CustomStringConvertible {
  /// No metric of that name.
  case unknownMetric(String, suggestion: String?)
  /// A limit that is no finite number, or negative.
  case invalidLimit(metric: String, String)
  /// A head of which the layer is not said.
  case headWithoutLayer(metric: String)
  /// Figures by distance are over all layers and heads.
  case distanceWithLayer(metric: String)
  /// A figure that is not kept by distance.
  case notByDistance(metric: String)
  /// A limit that no correct implementation meets.
  case impossible(metric: String, limit: String, reason: String)
  /// A layer or head that the input does not have.
  case notMeasured(String)
  /// No limits.
  case empty(String)
  /// A file that cannot be read, or is not a budget.
  case file(String, expected: String, found: String)

  /// One sentence with the mend.
  public var description: String {
    switch self {
    case .unknownMetric(let name, let suggestion):
      "there is no metric '\(name)'\(didYouMean(suggestion)); there are \(CheckMetric.all.map(\.name).joined(separator: ", "))"
    case .invalidLimit(let metric, let found):
      "\(metric): expected a finite limit that is not negative, found '\(found)'; write a decimal, a fraction or a hexadecimal number"
    case .headWithoutLayer(let metric):
      "\(metric): a limit on a head needs its layer; add \"layer\""
    case .distanceWithLayer(let metric):
      "\(metric): figures by distance are over all layers and heads; leave out \"layer\" and \"head\", or \"distance\""
    case .notByDistance(let metric):
      "\(metric) is not measured by distance; of these the greatest and the mean difference are (…_max_abs, …_mean_abs)"
    case .impossible(let metric, let limit, let reason):
      "\(metric) ≤ \(limit) cannot be met by any correct implementation: \(reason); widen the limit"
    case .notMeasured(let what): "\(what); change the budget, or measure it"
    case .empty(let origin):
      "\(origin) holds no limits; name at least one, or leave the budget out for the default"
    case .file(let path, let expected, let found):
      "\(path): expected \(expected), found \(found); Documentation/Checks.md describes budgets"
    }
  }
}
