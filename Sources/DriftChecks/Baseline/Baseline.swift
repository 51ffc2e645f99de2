// What was measured once, kept in a file, so that a later run can be held to it figure by figure.

import DriftAnalysis
import DriftReporting
import StrictJSON

/// Figures of a run with everything that decided them.
///
/// Runs of the same identity give the same figures to the bit, on any machine, with any number of threads: a difference that is
/// not allowed for is a change of the code that made them.
public struct Baseline: Sendable, Hashable {
  /// Figures of one row, such as those of a recipe, a pair of shifts, a layer and a head.
  public struct Row: Sendable, Hashable {
    /// What the row is about, in one line: `recipe hf-bf16, shifts 0,16, layer 7, head all`. Distinct within a baseline.
    public let name: String
    /// Metrics by the names of the columns, in their order.
    public let figures: [Figure]

    /// A row.
    public init(name: String, figures: [Figure]) {
      self.name = name
      self.figures = figures
    }
  }

  /// A metric and its value.
  public struct Figure: Sendable, Hashable {
    /// The metric's name, as in the report's tables.
    public let metric: String
    /// The value; `.missing` where nothing defines it.
    public let value: Cell

    /// A figure.
    public init(_ metric: String, _ value: Cell) {
      self.metric = metric
      self.value = value
    }
  }

  /// A change that somebody accepted.
  public struct Acceptance: Sendable, Hashable {
    /// Why, in the words of whoever accepted it.
    public let reason: String
    /// How many figures changed with it.
    public let changedFigures: Int

    /// An acceptance.
    public init(reason: String, changedFigures: Int) {
      self.reason = reason
      self.changedFigures = changedFigures
    }
  }

  /// What was measured: tool, input, problem, shifts, recipes in full. Baselines are compared only where these are equal.
  public let identity: JSONValue
  /// The words of the command that measures it again.
  public let command: [String]
  /// The figures.
  public internal(set) var rows: [Row]
  /// How far figures may move; none unless said otherwise.
  public internal(set) var allowances: [Allowance]
  /// What was accepted since the baseline was recorded, oldest first.
  public internal(set) var acceptances: [Acceptance]

  /// A baseline from its parts.
  public init(
    identity: JSONValue, command: [String], rows: [Row], allowances: [Allowance] = [],
    acceptances: [Acceptance] = []
  ) {
    self.identity = identity
    self.command = command
    self.rows = rows
    self.allowances = allowances
    self.acceptances = acceptances
  }

  /// The figures of a report: every row of `summary.csv`.
  public init(_ record: RunRecord, allowances: [Allowance] = []) throws {
    var rows: [Row] = []
    let schema = ReportTable.summary.description.schema
    let keys = Set(schema.primaryKey)
    try ReportTable.summary.forEachRow(record.results) { cells in
      let named = zip(schema.columns.map(\.name), cells)
      let place = Dictionary(uniqueKeysWithValues: named.filter { keys.contains($0.0) })
      func text(_ key: String) -> String { place[key]?.plainText ?? "" }
      rows.append(
        Row(
          name: "recipe \(text("recipe")), shifts \(text("shift_1")),\(text("shift_2")), "
            + "layer \(text("layer")), head \(text("head"))",
          figures: named.filter { !keys.contains($0.0) }.map { Figure($0.0, $0.1) }))
    }
    self.init(
      identity: record.identity, command: record.command, rows: rows, allowances: allowances)
  }

  /// This baseline with the figures of a later run, and why they are accepted.
  ///
  /// - Parameters:
  ///   - later: a run of the same identity.
  ///   - reason: kept in the file.
  /// - Throws: ``BaselineError/incompatible(_:)`` where the identities differ.
  public func accepting(_ later: Baseline, reason: String) throws -> Baseline {
    let difference = try BaselineDifference(from: self, to: later)
    var accepted = self
    accepted.rows = later.rows
    if difference.changedFigures > 0 {
      accepted.acceptances.append(Acceptance(reason: reason, changedFigures: difference.changedFigures))
    }
    return accepted
  }

  /// Every metric that some row has, in order of appearance.
  public var metrics: [String] {
    var seen: Set<String> = []
    return rows.flatMap { $0.figures.map(\.metric) }.filter { seen.insert($0).inserted }
  }
}

extension RunRecord {
  /// What decides the figures and is not one of them: the tool's version, the input's hash, problem, measured shifts, recipes in
  /// full.
  public var identity: JSONValue {
    guard case .object(let whole) = json else { return .null }
    var identity: JSONObject = [
      "ropedrift": .string(toolVersion), "input_sha256": .string(inputIdentity),
    ]
    for key in ["problem", "measured"] { identity[key] = whole[key] ?? .null }
    // By name, so that a recipe that is missing or new is called by it.
    identity["recipes"] = .object(
      JSONObject(results.recipes.map { ($0.emulation.recipe.name, $0.emulation.recipe.jsonValue) }))
    return .object(identity)
  }
}
