// Which stage's rounding causes how much of drift and error: variants of each recipe in one experiment, so that every figure is
// the report's own.

import EmulatedEngine
import FloatingPointFormats
import ReferenceEngine
import RotaryAttention
import TensorIO

/// An attribution: recipes, their variants and the experiment's set-up.
public struct StageAttribution: Sendable {
  /// What the experiment is made of, except for recipes.
  public struct Problem: Sendable {
    /// q and k.
    public var input: AttentionInput
    /// Sizes, base, layout.
    public var embedding: RotaryEmbedding
    /// The scale of the logits.
    public var scale: AttentionScale
    /// The cap of the logits; nil for none.
    public var softcap: NumberLiteral?
    /// Nil for all.
    public var layers: [Int]?
    /// Nil for all.
    public var heads: [Int]?
    /// Pairs of shifts.
    public var comparisons: [ShiftPair]
    /// Whether the reference takes each recipe's stored frequencies as exact.
    public var usesStoredFrequencies: Bool
    /// Who sees whom, and where tokens stand; nil for the causal mask over continuous positions.
    public var pattern: AttentionPattern?

    /// A problem.
    public init(
      input: AttentionInput, embedding: RotaryEmbedding, scale: AttentionScale = .inverseSquareRootOfHeadSize,
      softcap: NumberLiteral? = nil, layers: [Int]? = nil, heads: [Int]? = nil,
      comparisons: [ShiftPair] = [ShiftPair(0, 16)],
      usesStoredFrequencies: Bool = false, pattern: AttentionPattern? = nil
    ) {
      self.input = input
      self.embedding = embedding
      self.scale = scale
      self.softcap = softcap
      self.layers = layers
      self.heads = heads
      self.comparisons = comparisons
      self.usesStoredFrequencies = usesStoredFrequencies
      self.pattern = pattern
    }

    /// The recipe as this problem applies it: without the steps of a softcap where there is none.
    func applied(_ recipe: Recipe) -> Recipe {
      var result = recipe
      if softcap == nil { result.logit.softcap = nil }
      return result
    }

    /// The experiment of some recipes: tables and errors, or the drift's totals alone.
    ///
    /// - Throws: ``ExperimentError``, ``ProblemError``, ``UndecidedRounding``.
    public func experiment(
      _ recipes: [Recipe], totalsOnly: Bool = false, queries: Set<Int>? = nil
    ) throws -> DriftExperiment {
      try DriftExperiment(
        input: input, embedding: embedding, scale: scale, softcap: softcap, recipes: recipes, layers: layers,
        heads: heads,
        comparisons: totalsOnly ? [] : comparisons, sweep: totalsOnly ? comparisons : [], lengths: [],
        usesStoredFrequencies: usesStoredFrequencies, pattern: pattern, queries: queries)
    }
  }

  /// Input, problem, shifts.
  public let problem: Problem
  /// One a recipe.
  public let variants: [StageVariants]
  /// The experiments to run, each a part of the recipes that fits in memory.
  public let experiments: [DriftExperiment]

  /// Checks and makes an attribution.
  ///
  /// - Parameters:
  ///   - problem: what is measured.
  ///   - recipes: at least one.
  ///   - carrier: how stages that are not rounded pass their values on.
  /// - Throws: ``AttributionError``, ``ExperimentError``, ``ProblemError``, ``UndecidedRounding``.
  public init(_ problem: Problem, recipes: [Recipe], carrier: StageCarrier = .binary64) throws {
    self.problem = problem
    guard !recipes.isEmpty else { throw ExperimentError.empty("recipes") }
    // What a recipe cannot do on this problem is said of it, not of one of its variants.
    for recipe in recipes {
      _ = try Emulation(
        recipe: recipe, embedding: problem.embedding, scale: problem.scale, softcap: problem.softcap)
    }
    variants = try recipes.map { try StageVariants(problem.applied($0), carrier: carrier) }
    var names: Set<String> = []
    for name in variants.flatMap(\.recipes).map(\.name) where !names.insert(name).inserted {
      throw ExperimentError.repeatedRecipe(name)
    }
    experiments = try Self.batches(variants.flatMap(\.recipes), keyTokens: Self.shape(problem).keyTokens).map
    {
      try problem.experiment($0)
    }
  }

  /// The sizes of the first layer; the experiment has all the same.
  static func shape(_ problem: Problem) throws -> AttentionShape {
    try problem.experiment([RecipeRegistry.all[0]]).shape
  }

  /// Recipes in runs that keep their vectors and accumulators within about half a gigabyte (8 KiB a token and recipe): at least
  /// four, because every run computes the reference's rows again. No figure depends on the cut.
  static func batches(_ recipes: [Recipe], keyTokens: Int) -> [[Recipe]] {
    let size = max(4, (1 << 29) / (8192 * max(keyTokens, 1)))
    return stride(from: 0, to: recipes.count, by: size).map {
      Array(recipes[$0..<min($0 + size, recipes.count)])
    }
  }

  /// (query, key) pairs that ``run(threads:progress:)`` works through.
  public var workload: Int { experiments.reduce(0) { $0 + $1.workload } }

  /// Measures everything.
  ///
  /// - Parameters:
  ///   - threads: no byte of the result depends on it.
  ///   - progress: called with the number of pairs that were worked through since the last call.
  /// - Throws: as ``DriftExperiment/run(threads:progress:)``.
  public func run(threads: Int, progress: @Sendable (Int) -> Void = { _ in }) throws -> AttributionResults {
    var results: [DriftResults] = []
    for experiment in experiments { results.append(try experiment.run(threads: threads, progress: progress)) }
    return AttributionResults(self, results)
  }
}
