// What the figures of a page about patterns say in plain words. Every sentence is computed, holds its figure, and says which space, weight
// and sign it is about.

import DriftAnalysis
import FloatingPointFormats

/// The findings of a pattern experiment.
enum PatternVerdict {
  /// Findings in the order of the page; those that a run has nothing to say about are left out.
  static func findings(_ data: PatternPageData) -> [Finding] {
    [
      least(
        data, "Drift in probabilities", "D (weighted, absolute, summed over heads)",
        { FigureKind.D.value(PatternPageData.totals($0, $1), .probability) }),
      least(
        data, "Drift in logits", "D_logit (first token only, absolute, summed over heads)",
        { FigureKind.D.value(PatternPageData.totals($0, $1), .logit) }),
      firstToken(data),
      least(
        data, "Error of outputs", "the root mean square error of outputs",
        { $0.rows[$1].total.outputError.absolute.rootMeanSquare }),
      mass(data), topKeys(data), cost(data), forms(data), nonFinite(data),
    ].compactMap { $0 }
  }

  /// Where a figure is least and greatest, recipe by recipe, and what that is of the pattern named first.
  private static func least(
    _ data: PatternPageData, _ heading: String, _ what: String, _ value: (PatternResults, Int) -> Double?
  ) -> Finding? {
    let parts = data.recipeNames.enumerated().compactMap { recipe, name -> String? in
      let known = data.patterns.compactMap { pattern, results in
        value(results, recipe).map { (name: pattern, value: $0) }
      }
      guard let worst = firstMaximum(known, by: \.value), let best = firstMaximum(known, by: { -$0.value })
      else {
        return nil
      }
      guard worst.value > best.value else {
        return "\(name): \(PageText.number(worst.value)) under every pattern that has one"
      }
      let base = value(data.report.results[0], recipe)
      func words(_ entry: (name: String, value: Double)) -> String {
        let factor =
          base.flatMap { $0 > 0 && entry.name != data.patternNames[0] ? entry.value / $0 : nil }.map {
            ", \(PageText.factor($0)) times that under \(data.patternNames[0])"
          } ?? ""
        return "\(entry.name) (\(PageText.number(entry.value))\(factor))"
      }
      return "\(name): least under \(words(best)), greatest under \(words(worst))"
    }
    guard !parts.isEmpty else { return nil }
    let first = what.prefix(1).uppercased() + what.dropFirst()
    return Finding(heading: heading, text: "\(first), by recipe. \(parts.joined(separator: "; ")).")
  }

  private static func firstToken(_ data: PatternPageData) -> Finding? {
    let sentences = ValueSpace.allCases.compactMap { space -> String? in
      let parts = data.patterns.compactMap { name, results -> String? in
        let views = data.recipeNames.indices.compactMap { recipe -> (share: Double, uniform: Double)? in
          guard let view = PatternPageData.totals(results, recipe).concentration(in: space),
            let share = view.share, let uniform = view.uniformShare
          else { return nil }
          return (share, uniform)
        }
        guard let any = views.first else { return nil }
        return
          "\(PageText.interval(views.map(\.share), PageText.percent)) under \(name) (\(PageText.percent(any.uniform)) of the pairs)"
      }
      return parts.isEmpty
        ? nil : "Of all \(space.drift), unweighted, token 0 has, over all recipes, \(PageText.list(parts))."
    }
    return sentences.isEmpty
      ? nil : Finding(heading: "The first token", text: sentences.joined(separator: " "))
  }

  private static func mass(_ data: PatternPageData) -> Finding? {
    let parts = data.patterns.compactMap { name, results -> String? in
      results.rows[0].total.anchorMass.reference.map { "\(PageText.number($0)) under \(name)" }
    }
    guard !parts.isEmpty else { return nil }
    return Finding(
      heading: "Attention on token 0",
      text: "Exact, mean over the queries that see it and are not it: \(PageText.list(parts)).")
  }

  private static func topKeys(_ data: PatternPageData) -> Finding? {
    let parts = data.recipeNames.enumerated().compactMap { recipe, name -> String? in
      let known = data.patterns.compactMap {
        pattern, results -> (name: String, part: Double, text: String)? in
        let top = results.rows[recipe].total.topKeys
        guard top.queries > 0 else { return nil }
        return (
          pattern, Double(top.flipsFromReference) / Double(top.queries),
          "\(top.flipsFromReference) of \(top.queries)"
        )
      }
      guard let worst = firstMaximum(known, by: \.part) else { return nil }
      return worst.part == 0
        ? "\(name): none under any pattern" : "\(name): at most \(worst.text), under \(worst.name)"
    }
    guard !parts.isEmpty else { return nil }
    return Finding(
      heading: "Top keys",
      text: "Queries whose top key is not the exact one. \(parts.joined(separator: "; ")).")
  }

  private static func cost(_ data: PatternPageData) -> Finding? {
    let parts = data.patterns.map { name, results in
      "\(PageText.percent(results.visiblePart)) under \(name)"
    }
    return Finding(
      heading: "Visible pairs", text: "Of the pairs of the full causal mask: \(PageText.list(parts)).")
  }

  private static func forms(_ data: PatternPageData) -> Finding? {
    let compared = data.patterns.filter {
      $0.results.pattern.mask.documents == .anchored
        && $0.results.rows.contains { $0.total.placement.probabilities > 0 }
    }
    guard !compared.isEmpty else { return nil }
    let parts = compared.flatMap { pattern, results in
      zip(data.recipeNames, results.rows).map { name, rows in
        let sums = rows.total.placement
        return "\(sums.differingProbabilities) of \(sums.probabilities) probabilities"
          + (sums.outputs > 0 ? " and \(sums.differingOutputs) of \(sums.outputs) outputs" : "")
          + " differ in a bit under \(name)" + (compared.count > 1 ? " (\(pattern))" : "")
      }
    }
    return Finding(
      heading: "Two forms of the anchor",
      text:
        "Shared and copied, it is one thing in exact arithmetic; emulated, with tiles cut at other places, \(PageText.list(parts))."
    )
  }

  /// Always there: that nothing is missing is a finding too.
  private static func nonFinite(_ data: PatternPageData) -> Finding {
    var parts = data.report.results[0].drift.nonFinite.inWords
    for (pattern, results) in data.patterns {
      for (recipe, name) in data.recipeNames.enumerated() {
        guard let found = results.nonFiniteInWords(recipe) else { continue }
        parts.append("under \(pattern) and \(name) \(found)")
      }
    }
    return Finding(nonFinite: parts)
  }
}
