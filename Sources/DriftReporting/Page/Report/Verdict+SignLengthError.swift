// The findings about the sign of drift, about length, and about error, which is another question.

import DriftAnalysis
import FloatingPointFormats

extension Verdict {
  static func sign(_ data: ReportPageData) -> Finding? {
    let parts = data.recipes.compactMap { name, recipe -> (name: String, part: Double, mean: Double)? in
      let sums = totals(recipe).logit
      guard let mean = sums.mean, mean > 0, let signed = sums.signedMean else { return nil }
      return (name, abs(signed) / mean, signed)
    }
    guard let worst = firstMaximum(parts, by: \.part) else { return nil }
    return Finding(
      heading: "Bias",
      text:
        "The signed mean of δs is at most \(PageText.percent(worst.part)) of the mean |δs| under any recipe "
        + "(\(worst.name), \(PageText.number(worst.mean))): "
        + (worst.part < 0.1
          ? "logits move up and down alike." : "there logits do not move up and down alike."))
  }

  static func length(_ data: ReportPageData) -> Finding? {
    let lengths = data.results.experiment.lengths
    guard lengths.count > 1 else { return nil }
    let curves = data.recipes.compactMap { name, recipe -> (name: String, values: [Double])? in
      let values = recipe.comparisons[0].lengths.compactMap(\.totals.dLogit)
      return values.count == lengths.count && values[0] > 0 ? (name, values) : nil
    }
    guard !curves.isEmpty else { return nil }
    let rising = curves.filter { curve in zip(curve.values, curve.values.dropFirst()).allSatisfy { $0 < $1 } }
    let falling = curves.filter { curve in zip(curve.values, curve.values.dropFirst()).allSatisfy { $0 > $1 }
    }
    let factors = curves.map { $0.values.last! / $0.values[0] }
    return Finding(
      heading: "Length",
      text:
        "From \(lengths[0]) to \(lengths.last!) tokens D_logit (logits, first token, absolute) grows at every step under "
        + "\(rising.count) and falls at every step under \(falling.count) of \(PageText.count(curves.count, "recipe")); at the end it is "
        + "\(PageText.interval(factors, PageText.factor)) times what it was.")
  }

  static func error(_ data: ReportPageData) -> Finding? {
    let known = data.recipes.compactMap { name, recipe -> (name: String, mean: Double, greatest: Double)? in
      let sums = recipe.comparisons[0].error.logit.absolute
      guard let mean = sums.mean, let greatest = sums.maximum else { return nil }
      return (name, mean, greatest)
    }
    guard let worst = firstMaximum(known, by: \.mean) else { return nil }
    let best = firstMaximum(known, by: { -$0.mean })!
    func words(_ entry: (name: String, mean: Double, greatest: Double)) -> String {
      "\(entry.name) with a mean |error| of \(PageText.number(entry.mean)) and \(PageText.number(entry.greatest)) at most"
    }
    let shift = data.results.experiment.comparisons[0].first
    return Finding(
      heading: "Error against the exact reference",
      text: "In logits at shift \(shift), absolute: "
        + (known.count == 1
          ? words(worst) : "the farthest off is \(words(worst)), the nearest \(words(best))")
        + ". Error is another question than drift: it holds the rounding of inputs and frequencies too.")
  }
}
