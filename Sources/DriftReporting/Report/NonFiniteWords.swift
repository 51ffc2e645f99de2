// NaNs and infinities of an input and of what was found, as records, texts and pages spell them.

import DriftAnalysis

extension NonFiniteInput {
  /// `layers.0.q holds 1 NaN and 0 infinite values`.
  var inWords: String {
    "\(AlignedTextTable.visible(tensor)) holds \(count.nans) NaN and \(count.infinities) infinite values"
  }
}

extension DriftTotals {
  /// How many differences are not finite, as the end of a sentence; nil where all are.
  var nonFiniteInWords: String? {
    guard logit.nonfiniteCount + probability.nonfiniteCount > 0 else { return nil }
    return
      "the drift of \(logit.nonfiniteCount) of \(logit.count) logits and of \(probability.nonfiniteCount) of \(probability.count) "
      + "probabilities is not finite"
  }
}

extension PatternResults {
  /// The same of a recipe, outputs included.
  func nonFiniteInWords(_ recipe: Int) -> String? {
    let row = rows[recipe].total
    let outputs = [("error", row.outputError.absolute), ("drift", row.outputDrift)].compactMap { name, sums in
      sums.nonfiniteCount > 0
        ? "the \(name) of \(sums.nonfiniteCount) of \(sums.count) elements of outputs is not finite" : nil
    }
    let drift = drift.recipes[recipe].comparisons[0].totals.nonFiniteInWords
    let parts = (drift.map { [$0] } ?? []) + outputs
    return parts.isEmpty ? nil : PageText.list(parts)
  }
}

extension [NonFiniteInput] {
  /// Those that hold any, in words.
  var inWords: [String] { filter { $0.count.total > 0 }.map(\.inWords) }

  /// By tensor, as `run.json` has them.
  var jsonObject: JSONObject {
    reduce(into: [:]) { object, tensor in
      object[tensor.tensor] = .object([
        "nan": .integer(tensor.count.nans), "infinite": .integer(tensor.count.infinities),
      ])
    }
  }
}
