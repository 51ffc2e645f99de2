// What the pictures and sentences of a page are made from, with names that can stand in a picture.

import DriftAnalysis

/// A run and what was measured beside it for a page.
struct PageData: Sendable {
  /// The run.
  let record: RunRecord
  /// Attribution and angles.
  let measurements: PageMeasurements
  /// The recipes' names without control characters, each different, in the order of the results.
  let names: [String]

  init(_ record: RunRecord, _ measurements: PageMeasurements) {
    self.record = record
    self.measurements = measurements
    var names: [String] = []
    for recipe in record.results.recipes {
      let shown = AlignedTextTable.visible(recipe.name)
      var name = shown
      var number = 2
      // Two names may differ in what cannot be seen alone.
      while names.contains(name) {
        name = "\(shown) (\(number))"
        number += 1
      }
      names.append(name)
    }
    self.names = names
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

  /// Pairs, layers and heads in words.
  var scopeInWords: String {
    let experiment = results.experiment
    return
      "\(experiment.layers.count) \(experiment.layers.count == 1 ? "layer" : "layers"), \(experiment.heads.count) "
      + "\(experiment.heads.count == 1 ? "head" : "heads")"
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
