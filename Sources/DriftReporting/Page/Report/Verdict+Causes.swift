// The findings about causes and about what is not finite.

import DriftAnalysis
import FloatingPointFormats

extension Verdict {
  /// One a recipe that was taken apart.
  static func stages(_ data: ReportPageData) -> [Finding] {
    data.measurements.attributions.compactMap { attribution in
      switch attribution {
      case .left(let recipe, let reason):
        return Finding(
          heading: "Which rounding",
          text: (recipe.map { "\(data.shown($0)) was not taken apart: " } ?? "Nothing was taken apart: ")
            + reason + ".")
      case .measured(let results, let layer, let head):
        guard let recipe = results.recipes.first, let comparison = recipe.comparisons.first else {
          return nil
        }
        let parts = ValueSpace.allCases.compactMap { cause(recipe, comparison.all, $0) }
        guard !parts.isEmpty else { return nil }
        return Finding(
          heading: "Which rounding",
          text:
            "\(data.shown(recipe.variants.recipe.name)) on layer \(layer) head \(head) alone, by root mean square drift: "
            + parts.joined(separator: "; ") + ".")
      }
    }
  }

  private static func cause(
    _ recipe: AttributionResults.OfRecipe, _ part: AttributionResults.Part, _ space: ValueSpace
  ) -> String? {
    let quantity: StageQuantity = space == .logit ? .logitDrift : .probabilityDrift
    let stages = recipe.variants.stages
    let shares = stages.indices.compactMap { stage in
      part.share(quantity, ofStage: stage).map { (stage: stage, share: $0) }
    }
    guard let greatest = firstMaximum(shares, by: \.share), greatest.share > 0 else { return nil }
    var text =
      "in \(space.plural) \(stages[greatest.stage].name) rounded alone gives most, \(PageText.percent(greatest.share)) of the whole mean square"
    let savings = stages.indices.compactMap { stage in
      part.saved(quantity, byStage: stage).map { (stage: stage, saved: $0) }
    }
    if let best = firstMaximum(savings, by: \.saved), best.saved > 0 {
      text +=
        ", and leaving \(stages[best.stage].name) unrounded takes away most, \(PageText.percent(best.saved)) of the root mean square"
    }
    return text
  }

  /// The angle errors of binary32 and of the worst.
  static func angles(_ data: ReportPageData) -> Finding? {
    let known = data.measurements.angles.compactMap {
      group -> (name: String, worst: LocatedError, last: Int)? in
      guard
        let worst = firstMaximum(group.results.ranges.compactMap { $0.total.angle }, by: \.magnitude)
      else { return nil }
      return (data.shown(group.names[0]), worst, group.results.ranges.last!.positions.upperBound)
    }
    guard !known.isEmpty else { return nil }
    let isCommon = known.allSatisfy { $0.last == known[0].last }
    let parts = known.map { entry in
      "\(PageText.number(entry.worst.magnitude)) rad under \(entry.name) (pair \(entry.worst.pair), position \(entry.worst.position)"
        + (isCommon ? ")" : ", of positions up to \(entry.last))")
    }
    return Finding(
      heading: "Angles",
      text:
        "\(isCommon ? "Up to position \(known[0].last) stored" : "Stored") angles are off by up to \(PageText.list(parts))."
    )
  }

  /// Elements of q and k that a recipe's input format cannot hold; recipes of equal counts together.
  static func inputRounding(_ data: ReportPageData) -> Finding? {
    var groups: [(counts: InputRoundingCounts, names: [String])] = []
    for (name, recipe) in data.recipes {
      let counts = recipe.inputRounding
      guard counts.overflow + counts.underflow > 0 else { continue }
      if let index = groups.firstIndex(where: { $0.counts == counts }) {
        groups[index].names.append(name)
      } else {
        groups.append((counts, [name]))
      }
    }
    guard !groups.isEmpty else { return nil }
    let parts = groups.map { group in
      "under \(PageText.list(group.names)) \(PageText.count(group.counts.overflow, "element")) of q and k overflow, \(group.counts.underflow) lose bits "
        + "below the normal range and \(group.counts.flushedToZero) of those become zero"
    }
    return Finding(
      heading: "Input",
      text: "In the input format, \(parts.joined(separator: "; ")). That is error, not drift.")
  }

  /// Always there: that nothing is missing is a finding too.
  static func nonFinite(_ data: ReportPageData) -> Finding {
    var parts = data.results.nonFinite.inWords
    for (name, recipe) in data.recipes {
      for comparison in recipe.comparisons {
        guard let drift = comparison.totals.nonFiniteInWords else { continue }
        parts.append(
          "under \(name), shifts \(comparison.shifts.first) against \(comparison.shifts.second), \(drift)")
      }
    }
    return Finding(nonFinite: parts)
  }
}
