// A baseline against a later run: figure by figure, with what is allowed.

import DriftReporting
import FloatingPointFormats

/// What changed between two baselines of one identity.
public struct BaselineDifference: Sendable, Hashable {
  /// A figure that is not what it was.
  public struct Change: Sendable, Hashable {
    /// The row.
    public let row: String
    /// The metric.
    public let metric: String
    /// The baseline's value.
    public let was: Cell
    /// The later run's.
    public let `is`: Cell
    /// The greatest |is − was| that is allowed; nil where no number can be.
    public let allowed: Double?
    /// Whether it lies within what is allowed.
    public let isAllowed: Bool
  }

  /// Every figure that differs, rows and metrics in the order of the baseline.
  public let changes: [Change]
  /// How many figures were compared.
  public let comparedFigures: Int

  /// How many differ.
  public var changedFigures: Int { changes.count }
  /// Those that are not allowed.
  public var exceeded: [Change] { changes.filter { !$0.isAllowed } }
  /// Whether everything is as it was, or within what is allowed.
  public var isWithinAllowances: Bool { exceeded.isEmpty }

  /// Compares two baselines.
  ///
  /// Figures are equal where they are the same number (zeros of both signs are), both missing, both NaN or the same text. Where one
  /// of two is missing, NaN or infinite, no allowance covers the difference.
  ///
  /// - Parameters:
  ///   - baseline: what was.
  ///   - later: what is.
  ///   - allowances: those of the baseline where nil; the last that covers a metric counts.
  /// - Throws: ``BaselineError/incompatible(_:)`` where they are of different things, ``BaselineError/unknownMetric(_:suggestion:)``.
  public init(from baseline: Baseline, to later: Baseline, allowances: [Allowance]? = nil) throws {
    let allowances = allowances ?? baseline.allowances
    let metrics = baseline.metrics
    for name in allowances.compactMap(\.metric) where !metrics.contains(name) {
      throw BaselineError.unknownMetric(name, suggestion: nearestName(to: name, among: metrics))
    }
    var reasons = IdentityDifference.differences(from: baseline.identity, to: later.identity)
    if reasons.isEmpty, baseline.shape != later.shape {
      reasons = ["rows or metrics of the two differ although they measure the same"]
    }
    guard reasons.isEmpty else { throw BaselineError.incompatible(reasons) }

    var changes: [Change] = []
    var compared = 0
    for (before, after) in zip(baseline.rows, later.rows) {
      for (was, now) in zip(before.figures, after.figures) {
        compared += 1
        guard !Self.same(was.value, now.value) else { continue }
        let allowance = allowances.last { $0.covers(was.metric) }
        let numbers = (was.value.finiteNumber, now.value.finiteNumber)
        let allowed = numbers.0.map { allowance?.limit($0) ?? 0 }
        let isAllowed =
          if let a = numbers.0, let b = numbers.1, let allowed { (b - a).magnitude <= allowed } else { false }
        changes.append(
          Change(
            row: before.name, metric: was.metric, was: was.value, is: now.value, allowed: allowed,
            isAllowed: isAllowed))
      }
    }
    self.changes = changes
    comparedFigures = compared
  }

  private static func same(_ a: Cell, _ b: Cell) -> Bool {
    if case .number(let x) = a, case .number(let y) = b { return x == y || (x.isNaN && y.isNaN) }
    return a == b
  }
}

extension Baseline {
  /// Names of rows and metrics: equal where the identity is.
  fileprivate var shape: [[String]] { rows.map { [$0.name] + $0.figures.map(\.metric) } }
}

extension Cell {
  /// The value as a binary64 number where it is a finite one.
  var finiteNumber: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value) where value.isFinite: value
    default: nil
    }
  }
}

/// What differs between two trees of JSON, in words.
enum IdentityDifference {
  /// One line a difference, `problem.base: was "10000", is "500000"`, at most ``limit`` and then how many more.
  static func differences(from baseline: JSONValue, to later: JSONValue) -> [String] {
    var found: [String] = []
    compare(baseline, later, "", &found)
    guard found.count > limit else { return found }
    return found.prefix(limit) + ["and \(found.count - limit) more differences"]
  }

  private static let limit = 8

  private static func compare(_ a: JSONValue, _ b: JSONValue, _ path: String, _ found: inout [String]) {
    switch (a, b) {
    case (.object(let x), .object(let y)):
      let names = x.members.map(\.name) + y.members.map(\.name).filter { x[$0] == nil }
      for name in names {
        let place = path.isEmpty ? name : "\(path).\(name)"
        switch (x[name], y[name]) {
        case (let x?, let y?): compare(x, y, place, &found)
        case (nil, let y?): found.append("\(place): was absent, is \(short(y))")
        case (let x?, nil): found.append("\(place): was \(short(x)), is absent")
        case (nil, nil): break
        }
      }
    case (.array(let x), .array(let y)) where x.count == y.count && !x.isEmpty:
      for (index, pair) in zip(x, y).enumerated() { compare(pair.0, pair.1, "\(path)[\(index)]", &found) }
    default:
      if a != b { found.append("\(path): was \(short(a)), is \(short(b))") }
    }
  }

  private static func short(_ value: JSONValue) -> String {
    let text = JSONText.text(of: value, .compact)
    return text.count <= 60 ? text : text.prefix(57) + "..."
  }
}
