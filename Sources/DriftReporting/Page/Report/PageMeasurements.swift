// What a page shows beyond the report's tables: a recipe taken apart on its worst head, and the errors of angles. Both cost time of
// their own, so each says on what part it was measured, or why it was not.

import DriftAnalysis
import EmulatedEngine
import FloatingPointFormats
import ReferenceEngine
import RotaryAttention

/// Attribution and angles for a page.
public struct PageMeasurements: Sendable {
  /// Which recipes are taken apart.
  public enum AttributionChoice: Sendable, Hashable {
    /// The one with the greatest D, if its head is not too long (``PageMeasurements/pairLimit``).
    case greatestDrift
    /// Those named, however long it takes.
    case recipes([String])
    /// None.
    case none
  }

  /// One recipe taken apart.
  public enum Attribution: Sendable {
    /// What was found on one head.
    case measured(AttributionResults, layer: Int, head: Int)
    /// Nothing, and why: a sentence without its full stop.
    case left(recipe: String?, reason: String)
  }

  /// Recipes whose angles are the same numbers.
  public struct AngleGroup: Sendable {
    /// Their names, the one that was measured first.
    public let names: [String]
    /// Ranges of positions and their errors, of the one that was measured.
    public let measured: AngleResults
    /// The same without what was asked.
    public var results: AngleRecipeResults { measured.recipes[0] }
  }

  /// One a recipe that was asked for, or that has the greatest drift.
  public let attributions: [Attribution]
  /// One a different arithmetic of angles, binary32 included.
  public let angles: [AngleGroup]
  /// Base, sizes and scaling of the angles.
  public let embedding: RotaryEmbedding

  /// (query, key) pairs of a head beyond which attribution is done only where it was asked for: about a minute.
  public static let pairLimit = 1 << 20
  /// The last position at which angles are measured.
  public static let lastPosition = 131_071
  /// The same for recipes that the fast evaluation of angles does not know.
  public static let lastPositionOfSlowRecipes = 511

  /// Measures.
  ///
  /// - Parameters:
  ///   - results: the report's.
  ///   - choice: the recipes to take apart; names of the experiment's.
  ///   - threads: no byte depends on it.
  ///   - willMeasure: is called with what comes next, for people who wait.
  /// - Throws: as ``DriftExperiment/run(threads:progress:)`` and ``AngleExperiment/run(threads:slow:progress:)``.
  public init(
    of results: DriftResults, attributing choice: AttributionChoice = .greatestDrift, threads: Int,
    willMeasure: (String) -> Void = { _ in }
  ) throws {
    embedding = results.experiment.embedding
    attributions = try Self.recipes(choice, results).map { recipe in
      guard let recipe else {
        return .left(recipe: nil, reason: "no recipe has a D above zero between the shifts compared first")
      }
      return try Self.attribution(
        of: recipe, results, isAsked: choice != .greatestDrift, threads: threads, willMeasure: willMeasure)
    }
    willMeasure("errors of angles")
    angles = try Self.angles(of: results, threads: threads)
  }

  // MARK: Attribution

  /// The recipes to take apart; one that is nil where there should be one and none has any drift.
  private static func recipes(_ choice: AttributionChoice, _ results: DriftResults) -> [RecipeResults?] {
    switch choice {
    case .none: return []
    case .recipes(let names): return results.recipes.filter { names.contains($0.name) }
    case .greatestDrift:
      let known = results.recipes.compactMap { recipe in
        recipe.comparisons.first?.totals.dWeighted.map { (recipe, $0) }
      }
      return [firstMaximum(known, by: \.1).flatMap { $0.1 > 0 ? $0.0 : nil }]
    }
  }

  private static func attribution(
    of recipe: RecipeResults, _ results: DriftResults, isAsked: Bool, threads: Int,
    willMeasure: (String) -> Void
  ) throws -> Attribution {
    let experiment = results.experiment
    let heads = recipe.comparisons.first?.heads ?? []
    let known = heads.compactMap { head in head.totals.dWeighted.map { (head, $0) } }
    guard let worst = firstMaximum(known, by: \.1), worst.1 > 0, let shifts = experiment.comparisons.first
    else {
      return .left(
        recipe: recipe.name,
        reason: "none of its heads has a finite D above zero between the shifts compared first")
    }
    let pairs = worst.0.totals.visiblePairs
    guard isAsked || pairs <= pairLimit else {
      return .left(
        recipe: recipe.name,
        reason: "a head has \(pairs) pairs, more than the \(pairLimit) up to which this is done unasked")
    }
    willMeasure("stages of \(recipe.name) on layer \(worst.0.layer) head \(worst.0.head)")
    do {
      let problem = StageAttribution.Problem(
        input: experiment.input, embedding: experiment.embedding, scale: experiment.scale,
        softcap: experiment.softcap, layers: [worst.0.layer], heads: [worst.0.head], comparisons: [shifts],
        usesStoredFrequencies: experiment.usesStoredFrequencies, pattern: experiment.pattern)
      let attribution = try StageAttribution(problem, recipes: [recipe.emulation.recipe])
      return .measured(try attribution.run(threads: threads), layer: worst.0.layer, head: worst.0.head)
    } catch let error as AttributionError {
      return .left(recipe: recipe.name, reason: error.description)
    }
  }

  // MARK: Angles

  /// What decides an angle.
  private struct AngleArithmetic: Hashable {
    let frequency: Recipe.InverseFrequency
    let position: RoundingChain
    let angle: Recipe.Angle

    init(_ recipe: Recipe) {
      (frequency, position, angle) = (recipe.inverseFrequency, recipe.position, recipe.angle)
    }
  }

  private static func angles(of results: DriftResults, threads: Int) throws -> [AngleGroup] {
    var groups: [(recipe: Recipe, names: [String])] = []
    let measured = results.recipes.map(\.emulation.recipe)
    // binary32 is often taken for exact; its line belongs in every picture.
    let binary32 = try RecipeRegistry.named("fp32")
    for recipe in measured + (measured.contains { $0.name == binary32.name } ? [] : [binary32]) {
      let arithmetic = AngleArithmetic(recipe)
      if let index = groups.firstIndex(where: { AngleArithmetic($0.recipe) == arithmetic }) {
        groups[index].names.append(recipe.name)
      } else {
        groups.append((recipe, [recipe.name]))
      }
    }
    return try groups.map { group in
      func measure(_ ranges: [ClosedRange<Int>]) throws -> AngleResults {
        try AngleExperiment(
          embedding: results.experiment.embedding, recipes: [group.recipe], ranges: ranges
        ).run(threads: threads)
      }
      let isFast = try measure([0...0]).recipes[0].isFast
      let ranges =
        isFast ? AngleExperiment.octaves(of: 0...lastPosition) : [0...lastPositionOfSlowRecipes]
      return AngleGroup(names: group.names, measured: try measure(ranges))
    }
  }
}

/// The first of the greatest elements.
func firstMaximum<Element>(_ elements: [Element], by value: (Element) -> Double) -> Element? {
  elements.reduce(nil as Element?) { best, element in
    guard let best, value(best) >= value(element) else { return element }
    return best
  }
}
