// What the pictures and sentences of a report's page are made from, with names that can stand in a picture.

import DriftAnalysis

/// A run and what was measured beside it for a page.
struct ReportPageData: Sendable {
  /// The run.
  let record: RunRecord
  /// Attribution and angles.
  let measurements: PageMeasurements
  /// The recipes' names without control characters, each different, in the order of the results.
  let names: [String]

  init(_ record: RunRecord, _ measurements: PageMeasurements) {
    self.record = record
    self.measurements = measurements
    names = PageText.distinct(record.results.recipes.map(\.name))
  }

  /// What was found.
  var results: DriftResults { record.results }

  /// Recipes and their names.
  var recipes: [(name: String, results: RecipeResults)] { Array(zip(names, results.recipes)) }

  /// A recipe's name as pictures show it.
  func shown(_ name: String) -> String {
    results.recipes.firstIndex { $0.name == name }.map { names[$0] } ?? AlignedTextTable.visible(name)
  }

  /// The pairs of shifts that have pictures of their own: the first four.
  var picturedComparisons: Range<Int> { 0..<min(4, results.experiment.comparisons.count) }

  /// `0 against 16`.
  func shifts(_ comparison: Int) -> String {
    let pair = results.experiment.comparisons[comparison]
    return "\(pair.first) against \(pair.second)"
  }

  /// Layers and heads in words.
  var scopeInWords: String { results.experiment.scopeInWords }
}

extension DriftExperiment {
  /// Layers and heads in words.
  var scopeInWords: String {
    "\(PageText.count(layers.count, "layer")), \(PageText.count(heads.count, "head"))"
  }
}

extension ValueSpace {
  /// What a picture calls the values.
  var plural: String { self == .logit ? "logits" : "probabilities" }
  /// `|δs|` or `|δA|`.
  var drift: String { self == .logit ? "|δs|" : "|δA|" }
  /// `|e|` of scores or of probabilities.
  var error: String { self == .logit ? "|s − exact|" : "|A − exact|" }
}
