// What an attribution found, by recipe, pair of shifts, scope and variant.

import EmulatedEngine

/// What an attribution found.
public struct AttributionResults: Sendable {
  /// One recipe's part.
  public struct OfRecipe: Sendable {
    /// The recipe and its variants.
    public let variants: StageVariants
    /// One a pair of shifts.
    public let comparisons: [Comparison]
  }

  /// One recipe at one pair of shifts.
  public struct Comparison: Sendable {
    /// Δ₁ and Δ₂.
    public let shifts: ShiftPair
    /// Scopes in the order of rows: all, layers, heads, first key.
    public let scopes: [Part]
    /// Over all layers and heads.
    public var all: Part { scopes[0] }
  }

  /// One scope of a comparison.
  public struct Part: Sendable {
    /// What the part is about.
    public let scope: AttributionScope
    fileprivate let figures: [StageVariant: StageFigures]

    /// The figures of a variant.
    public subscript(variant: StageVariant) -> StageFigures { figures[variant]! }

    /// The share of a stage that is rounded alone; see ``StageQuantity/share(only:recipe:)``.
    public func share(_ quantity: StageQuantity, ofStage stage: Int) -> Double? {
      quantity.share(only: self[.only(stage)], recipe: self[.recipe])
    }

    /// What leaving a stage unrounded saves; see ``StageQuantity/saved(without:recipe:)``.
    public func saved(_ quantity: StageQuantity, byStage stage: Int) -> Double? {
      quantity.saved(without: self[.without(stage)], recipe: self[.recipe])
    }

    /// The quantities in which a variant does not stand out from the floor: neither zero by theorem nor at least 2^10 times the
    /// floor's figure. Nothing may be read off them but that they are small.
    public func atTheFloor(_ variant: StageVariant) -> [StageQuantity] {
      let (figures, floor) = (self[variant], self[.floor])
      return StageQuantity.allCases.filter { quantity in
        guard variant != .floor, !(quantity.isDrift && figures.driftIsByTheorem),
          let value = quantity.value(figures), let least = quantity.value(floor)
        else { return false }
        return value < 0x1p10 * least
      }
    }
  }

  /// The recipes as they are, as a report of them alone would have it.
  public let report: DriftResults
  /// One a recipe.
  public let recipes: [OfRecipe]

  init(_ attribution: StageAttribution, _ results: [DriftResults]) {
    var found: [String: RecipeResults] = [:]
    for recipe in results.flatMap(\.recipes) { found[recipe.name] = recipe }
    let headCount = results[0].experiment.layers.count * results[0].experiment.heads.count
    recipes = attribution.variants.map { variants in
      let runs = variants.all.map { variant in
        found[variants.recipe(rounding: variant.rounded(of: variants.stages.count)).name]!
      }
      return OfRecipe(
        variants: variants,
        comparisons: attribution.problem.comparisons.indices.map { index in
          Comparison(variants, runs.map { $0.comparisons[index] }, headCount: headCount)
        })
    }
    report = DriftResults(
      experiment: results[0].experiment, recipes: attribution.variants.map { found[$0.recipe.name]! },
      nonFinite: results[0].nonFinite, referenceCounts: results[0].referenceCounts)
  }
}

extension AttributionResults.Comparison {
  fileprivate init(_ variants: StageVariants, _ runs: [ComparisonResults], headCount: Int) {
    shifts = runs[0].shifts
    let scopes: [AttributionScope] =
      [.all] + runs[0].layers.map { .layer($0.layer) }
      + runs[0].heads.map { .head(layer: $0.layer, head: $0.head) } + [.firstKey]
    self.scopes = scopes.map { scope in
      var figures: [StageVariant: StageFigures] = [:]
      for (variant, run) in zip(variants.all, runs) {
        let measured = StageFigures(run, scope, headCount: headCount)
        // Carried in binary64 such a variant would show the floor's drift, which is not its own.
        let isByTheorem = variants.carrier == .binary64 && variants.hasNoDrift(variant)
        figures[variant] = isByTheorem ? measured.withoutDrift : measured
      }
      return AttributionResults.Part(scope: scope, figures: figures)
    }
  }
}
