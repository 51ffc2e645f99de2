// What the pictures and sentences of a page about patterns are made from. Drift by key is kept in bins, because the tables themselves are let
// go of after each pattern.

import DriftAnalysis
import RotaryAttention

/// The pictures' part of the tables of tokens.
public struct PatternTokenShares: Sendable {
  /// (patterns)(recipes)(spaces), in the order of the run.
  private(set) var panels: [[[TokenSharePanel]]] = []

  /// Nothing yet.
  public init() {}

  /// Keeps what a picture shows of a pattern: to be called once a pattern, in order, while its tables are there.
  public mutating func add(_ name: String, _ results: DriftResults) {
    panels.append(
      results.recipes.map { recipe in
        ValueSpace.allCases.map { space in
          TokenSharePanel(
            name: name, bins: KeyBin.bins(of: recipe.comparisons[0].keys, in: space),
            bound: space == .probability ? recipe.shareBound.value : nil)
        }
      })
  }
}

/// Patterns side by side, with names that can stand in a picture.
struct PatternPageData: Sendable {
  let report: PatternReport
  let shares: PatternTokenShares
  /// Names of patterns without control characters, each different, in the order of the results.
  let patternNames: [String]
  /// Names of recipes likewise.
  let recipeNames: [String]

  init(_ report: PatternReport, _ shares: PatternTokenShares) {
    precondition(shares.panels.count == report.results.count, "the shares of every pattern")
    (self.report, self.shares) = (report, shares)
    patternNames = PageText.distinct(report.results.map(\.name))
    recipeNames = PageText.distinct(report.results[0].drift.recipes.map(\.name))
  }

  /// Patterns and their names.
  var patterns: [(name: String, results: PatternResults)] { Array(zip(patternNames, report.results)) }

  /// What all patterns have in common.
  var experiment: DriftExperiment { report.results[0].drift.experiment }

  /// `0 against 16`.
  var shifts: String {
    let pair = experiment.comparisons[0]
    return "\(pair.first) against \(pair.second)"
  }

  /// Totals of a recipe under a pattern.
  static func totals(_ results: PatternResults, _ recipe: Int) -> DriftTotals {
    results.drift.recipes[recipe].comparisons[0].totals
  }
}
