// What the figures say in plain words. Every sentence is computed, holds its figure, and says which space, weight and sign it is about.

import DriftAnalysis
import FloatingPointFormats

/// The findings of a run, about the first pair of shifts.
enum Verdict {
  /// Findings in the order of the page; those that a run has nothing to say about are left out.
  static func findings(_ data: ReportPageData) -> [Finding] {
    guard !data.results.experiment.comparisons.isEmpty else { return [nonFinite(data)] }
    return [
      size(data, .probability), size(data, .logit), greatestKey(data, .logit),
      greatestKey(data, .probability),
      firstToken(data), sign(data), length(data), error(data),
    ].compactMap { $0 } + stages(data) + [angles(data), inputRounding(data)].compactMap { $0 } + [
      nonFinite(data)
    ]
  }

  static func totals(_ recipe: RecipeResults) -> DriftTotals { recipe.comparisons[0].totals }

  // MARK: How much

  private static func size(_ data: ReportPageData, _ space: ValueSpace) -> Finding {
    let symbol = FigureKind.D.name(space)
    let meaning =
      space == .logit
      ? "first token only, absolute, summed over heads" : "weighted, absolute, summed over heads"
    let heading = "Drift in \(space.plural)"
    let known = data.recipes.compactMap { name, recipe in
      FigureKind.D.value(totals(recipe), space).map { (name: name, value: $0) }
    }
    guard let worst = firstMaximum(known, by: \.value) else {
      return Finding(heading: heading, text: "No recipe has a finite \(symbol) (\(meaning)).")
    }
    if known.count == 1 {
      return Finding(
        heading: heading,
        text: worst.value == 0
          ? "\(worst.name) has no drift: \(symbol) is 0 (\(meaning))."
          : "\(worst.name): \(symbol) is \(PageText.number(worst.value)) (\(meaning)).")
    }
    var text: String
    let best = firstMaximum(known, by: { -$0.value })!
    if worst.value == 0 {
      text = "No recipe has any: \(symbol) (\(meaning)) is 0 under all \(known.count)."
    } else {
      text =
        "\(symbol) (\(meaning)) is greatest under \(worst.name), \(PageText.number(worst.value)), and least under \(best.name), "
        + "\(PageText.number(best.value))."
    }
    if let base = known.first(where: { $0.name == "fp32" }), base.value > 0 {
      let others = known.filter { $0.name != "fp32" }.sorted { $0.value > $1.value }
      if !others.isEmpty {
        text +=
          " In multiples of fp32's: "
          + PageText.list(others.map { "\(PageText.factor($0.value / base.value)) under \($0.name)" }) + "."
      }
    }
    return Finding(heading: heading, text: text)
  }

  // MARK: Which key

  private static func share(_ key: KeyDrift, _ space: ValueSpace) -> Double? {
    (space == .logit ? key.logitConcentration : key.probabilityConcentration).share
  }

  private static func greatestKey(_ data: ReportPageData, _ space: ValueSpace) -> Finding? {
    let worst = data.recipes.compactMap { name, recipe -> (name: String, key: KeyDrift, share: Double)? in
      let known = recipe.comparisons[0].keys.compactMap { key in share(key, space).map { (key, $0) } }
      return firstMaximum(known, by: \.1).map { (name, $0.0, $0.1) }
    }
    guard let first = worst.first else { return nil }
    let heading = "Greatest share in \(space.plural)"
    let qualifier = "of all |\(space == .logit ? "δs" : "δA")|, unweighted"
    if worst.count == 1 {
      return Finding(
        heading: heading,
        text:
          "Key \(first.key.key) has the greatest share \(qualifier): \(PageText.percent(first.share)) under \(first.name), "
          + uniform(first.key, space) + ".")
    }
    // Keys by how many recipes they lead under.
    var keys: [Int] = []
    for entry in worst where !keys.contains(entry.key.key) { keys.append(entry.key.key) }
    let parts = keys.map { key in
      let under = worst.filter { $0.key.key == key }
      let names = under.count == worst.count ? "all \(worst.count) recipes" : PageText.list(under.map(\.name))
      let shares = under.map(\.share)
      let (least, greatest) = (shares.min()!, shares.max()!)
      return "key \(key) under \(names) ("
        + (least == greatest
          ? PageText.percent(least) : "\(PageText.percent(least)) to \(PageText.percent(greatest))") + ")"
    }
    return Finding(
      heading: heading,
      text: "The greatest share \(qualifier), is carried by \(PageText.list(parts)).")
  }

  private static func uniform(_ key: KeyDrift, _ space: ValueSpace) -> String {
    let view = space == .logit ? key.logitConcentration : key.probabilityConcentration
    guard let share = view.share, let uniform = view.uniformShare, uniform > 0 else {
      return "with no uniform share"
    }
    return "\(PageText.factor(share / uniform)) times its uniform share of \(PageText.percent(uniform))"
  }

  // MARK: The first token

  private static func firstToken(_ data: ReportPageData) -> Finding? {
    let views = ValueSpace.allCases.map { space in
      data.recipes.compactMap { name, recipe -> (name: String, share: Double, uniform: Double)? in
        guard let view = totals(recipe).concentration(in: space), let share = view.share,
          let uniform = view.uniformShare
        else { return nil }
        return (name, share, uniform)
      }
    }
    guard views.contains(where: { !$0.isEmpty }) else { return nil }
    var sentences: [String] = []
    for (space, view) in zip(ValueSpace.allCases, views) {
      guard let any = view.first else {
        sentences.append("In \(space.plural) there is no drift to share.")
        continue
      }
      let leading = data.recipes.filter { leads($0.results, space) }.count
      let under =
        leading == 0
        ? "no recipe" : leading == view.count ? "every recipe" : "\(leading) of \(view.count) recipes"
      sentences.append(
        "In \(space.plural) it carries the greatest share under \(under): \(PageText.interval(view.map(\.share), PageText.percent)) of all "
          + "\(space.drift), unweighted, which is \(PageText.interval(view.map { $0.share / $0.uniform }, PageText.factor)) times its "
          + "uniform share of \(PageText.percent(any.uniform)).")
    }
    let weighted = data.recipes.compactMap { weightedShare($0.results) }
    if !weighted.isEmpty {
      sentences.append(
        "Of the weighted D, in which every key counts alike, it has \(PageText.interval(weighted, PageText.percent))."
      )
    }
    let changes = data.recipes.compactMap {
      totals($0.results).concentration(in: .probability)?.relativeChange
    }
    if !changes.isEmpty {
      let others = data.recipes.compactMap { relativeChangeOfOthers($0.results) }
      sentences.append(
        "Relative to the attention that it draws (Σ|δA|/ΣA) it changes by \(PageText.interval(changes, PageText.percent))"
          + (others.isEmpty
            ? "." : ", all other keys together by \(PageText.interval(others, PageText.percent))."))
    }
    let bounded = data.recipes.filter { $0.results.shareBound == .half }.count
    sentences.append(
      bounded == 0
        ? "No bound on unweighted probability shares holds, because A is rounded."
        : "Unweighted probability shares cannot exceed 1/2 under \(bounded) of \(PageText.count(data.recipes.count, "recipe")), where A is not rounded."
    )
    return Finding(heading: "The first token", text: sentences.joined(separator: " "))
  }

  /// Whether key 0 has the greatest share, alone or with others.
  private static func leads(_ recipe: RecipeResults, _ space: ValueSpace) -> Bool {
    let keys = recipe.comparisons[0].keys
    guard let first = keys.first, first.key == 0, let own = share(first, space) else { return false }
    return keys.allSatisfy { (share($0, space) ?? 0) <= own }
  }

  /// The first key's part of D, as tokens.csv has it.
  private static func weightedShare(_ recipe: RecipeResults) -> Double? {
    let comparison = recipe.comparisons[0]
    guard let first = comparison.keys.first, first.key == 0, let all = comparison.totals.dWeighted, all > 0,
      let sum = first.probability.sumOfMagnitudes
    else { return nil }
    return sum * Double(comparison.heads.count) / Double(first.count) / all
  }

  /// Σ|δA| / ΣA over the pairs of all keys but the first.
  private static func relativeChangeOfOthers(_ recipe: RecipeResults) -> Double? {
    var (drift, attention) = (0.0, 0.0)
    for key in recipe.comparisons[0].keys where key.key > 0 {
      guard let sum = key.probability.sumOfMagnitudes, let drawn = key.attention else { continue }
      drift += sum
      attention += drawn
    }
    return attention > 0 ? drift / attention : nil
  }
}
