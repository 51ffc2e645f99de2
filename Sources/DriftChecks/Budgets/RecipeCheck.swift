// A recipe held to a budget: the run, the verdict, and where a limit is exceeded the reason.

import ArbitraryPrecision
import DriftAnalysis
import EmulatedEngine
import FloatingPointFormats
import ReferenceEngine
import RotaryAttention
import TensorIO

/// What one limit of a budget found.
public struct LimitResult: Sendable, Hashable {
  /// The limit.
  public let limit: CheckBudget.Limit
  /// The measured figure; nil where no pair defines it.
  public let figure: Double?
  /// Pairs in its scope that are NaN or infinite, or whose reference is.
  public let nonfiniteCount: Int
  /// Where a greatest value stands; nil for sums and for distances.
  public let place: PairPlace?
  /// Whether the figure is within the limit and every value is finite.
  public let passes: Bool
}

/// A budget on a problem, checked before anything runs.
public struct RecipeCheck: Sendable {
  /// The recipe.
  public let recipe: Recipe
  /// Input, embedding, scale, layers, heads.
  public let problem: StageAttribution.Problem
  /// The limits.
  public let budget: CheckBudget
  private let experiment: DriftExperiment

  /// Sets up a check.
  ///
  /// - Parameters:
  ///   - recipe: the arithmetic.
  ///   - problem: what it runs on; its shifts are replaced by the budget's.
  ///   - budget: nil for ``CheckBudget/standard(for:_:)``.
  /// - Throws: ``BudgetError`` for a limit on a layer or head that is not measured, ``ExperimentError``, ``ProblemError``,
  ///   ``TensorFileError``, ``UndecidedRounding``.
  public init(_ recipe: Recipe, _ problem: StageAttribution.Problem, _ budget: CheckBudget? = nil) throws {
    let budget = try budget ?? CheckBudget.standard(for: recipe, problem)
    var problem = problem
    problem.comparisons = [budget.shifts]
    self.recipe = recipe
    self.problem = problem
    self.budget = budget
    experiment = try problem.experiment([recipe])
    for limit in budget.limits {
      if let layer = limit.layer, !experiment.layers.contains(layer) {
        throw BudgetError.notMeasured("\(limit.words): layer \(layer) is not measured")
      }
      if let head = limit.head, !experiment.heads.contains(head) {
        throw BudgetError.notMeasured("\(limit.words): head \(head) is not measured")
      }
    }
  }

  /// Pairs that ``run(threads:progress:)`` works through, unless a limit is exceeded.
  public var workload: Int { experiment.workload }

  /// Runs the recipe and holds it to the budget.
  ///
  /// Where a limit on an error is exceeded, the same limit is tried on exact logits and probabilities rounded once to the recipe's
  /// formats: a limit that these exceed too is refused. Where one is exceeded, the stages' shares at its worst place's head are
  /// found (heads of up to 4096 tokens).
  ///
  /// - Parameters:
  ///   - threads: no bit of the result depends on it.
  ///   - progress: called with the number of pairs worked through since the last call.
  /// - Throws: ``BudgetError/impossible(metric:limit:reason:)``, ``UndecidedRounding``, ``TensorFileError``.
  public func run(threads: Int, progress: @Sendable (Int) -> Void = { _ in }) throws -> RecipeVerdict {
    let results = try experiment.run(threads: threads, progress: progress)
    let found = budget.limits.map { Self.measure($0, results) }
    try refuseImpossible(found, threads: threads)
    let worst = found.first { !$0.passes }
    return RecipeVerdict(
      check: self, results: found, nonFiniteInput: results.nonFinite,
      failure: try worst.map { try failure($0, results, threads: threads) })
  }

  private static func measure(_ limit: CheckBudget.Limit, _ results: DriftResults) -> LimitResult {
    let comparison = results.recipes[0].comparisons[0]
    let measured: MeasuredFigure
    if let distances = limit.distances {
      measured = limit.metric.figure(comparison, distances: distances)
    } else if let layer = limit.layer, let head = limit.head {
      let index = comparison.heads.firstIndex { ($0.layer, $0.head) == (layer, head) }!
      let error = comparison.error.heads[index]
      measured = limit.metric.figure(comparison.heads[index].totals, error.logit, error.probability)
    } else if let layer = limit.layer {
      let index = comparison.layers.firstIndex { $0.layer == layer }!
      let error = comparison.error.layers[index]
      measured = limit.metric.figure(comparison.layers[index].totals, error.logit, error.probability)
    } else {
      measured = limit.metric.figure(comparison.totals, comparison.error.logit, comparison.error.probability)
    }
    return LimitResult(
      limit: limit, figure: measured.value, nonfiniteCount: measured.nonfiniteCount, place: measured.place,
      passes: measured.nonfiniteCount == 0 && limit.admits(measured.value))
  }

  /// Limits on errors that even exact values rounded once exceed.
  private func refuseImpossible(_ found: [LimitResult], threads: Int) throws {
    let suspects = found.filter { result in
      guard case .error = result.limit.metric.kind else { return false }
      return !result.passes && result.nonfiniteCount == 0
    }
    // Below a softcap that the recipe rounds, the last rounding is not the logit's own.
    guard !suspects.isEmpty, problem.softcap == nil else { return }
    let best = try problem.experiment([recipe.roundedOnce]).run(threads: threads)
    for suspect in suspects {
      let result = Self.measure(suspect.limit, best)
      guard !suspect.limit.admits(result.figure), let figure = result.figure else { continue }
      throw BudgetError.impossible(
        metric: suspect.limit.words.replacing(
          " \(suspect.limit.metric.isLowerBound ? "≥" : "≤") \(suspect.limit.limit.text)", with: ""),
        limit: suspect.limit.limit.text,
        reason:
          "exact values, rounded once to the recipe's formats (logits \(recipe.logitFormat?.spelling ?? "exact"), probabilities \(recipe.probability.stored?.spelling ?? "exact")), already give \(figure)"
      )
    }
  }
}

extension Recipe {
  /// The recipe with nothing rounded but what it stores at last: each logit and each probability, once.
  var roundedOnce: Recipe {
    var best = self
    best.name = "\(name)+rounded-once"
    best.inverseFrequency = InverseFrequency(formula: .pow, rounding: .exact)
    best.position = .exact
    best.angle = Angle(rounding: .exact)
    best.trig = Trig(rounding: .exact)
    best.table = .exact
    best.input = .exact
    best.rotation.rounding = .exact
    best.rotated = .exact
    best.dot = Dot(order: .exact, rounding: .exact)
    best.logit = Logit(
      storedScore: .exact, scaleFactor: .exact, rounding: RoundingChain(logitFormat.map { [$0] } ?? []))
    best.probability = RoundingChain(probability.stored.map { [$0] } ?? [])
    return best
  }

  /// Holds the recipe to a budget on an input: the check to write in a test.
  ///
  ///     let verdict = try RecipeRegistry.named("hf-bf16").check(input, budget)
  ///     #expect(verdict.passes, "\(verdict)")
  ///
  /// - Parameters:
  ///   - input: queries and keys, and in its metadata layout, base, rotary size and scaling, where `embedding` is nil.
  ///   - budget: nil for what follows from the formats, ``CheckBudget/standard(for:_:)``.
  ///   - embedding: nil for the metadata's, ``TensorIO/AttentionInput/rotaryEmbedding(headSize:)``.
  ///   - scale: what multiplies q·k.
  ///   - softcap: the cap of the logits; nil for none.
  ///   - layers: nil for all.
  ///   - heads: nil for all.
  ///   - threads: no bit of the verdict depends on it.
  /// - Throws: as ``RecipeCheck``; ``TensorFileError`` where the metadata leaves something open.
  public func check(
    _ input: AttentionInput, _ budget: CheckBudget? = nil, embedding: RotaryEmbedding? = nil,
    scale: AttentionScale = .inverseSquareRootOfHeadSize, softcap: NumberLiteral? = nil, layers: [Int]? = nil,
    heads: [Int]? = nil, threads: Int = 2
  ) throws -> RecipeVerdict {
    let first = try input.shape(ofLayer: layers?.first ?? input.layers[0])
    let embedding = try embedding ?? input.rotaryEmbedding(headSize: first.headSize)
    let problem = StageAttribution.Problem(
      input: input, embedding: embedding, scale: scale, softcap: softcap, layers: layers, heads: heads)
    return try RecipeCheck(self, problem, budget).run(threads: threads)
  }
}

extension AttentionInput {
  /// The embedding that the metadata states: `rope.layout`, `rope.base`, `rope.rotary_size` (all channels if absent), `rope.scaling`.
  ///
  /// - Throws: ``TensorFileError`` of kind wrongField where layout or base is missing or a value is not understood;
  ///   ``ProblemError`` where the values do not fit a head of this size.
  public func rotaryEmbedding(headSize: Int) throws -> RotaryEmbedding {
    func wrong(_ key: String, _ expected: String) -> TensorFileError {
      TensorFileError(
        .wrongField, file: spelling, expected: expected, found: metadata[key].map { "'\($0)'" } ?? "none",
        mend: "write \(key) into the file's metadata, or give the embedding")
    }
    guard let layout = metadata[Metadata.layout].flatMap(RotaryLayout.init(rawValue:)) else {
      throw wrong(Metadata.layout, "half-split or interleaved as \(Metadata.layout)")
    }
    guard let base = metadata[Metadata.base].flatMap({ try? NumberLiteral($0) }) else {
      throw wrong(Metadata.base, "a number as \(Metadata.base)")
    }
    var rotarySize: Int?
    if let text = metadata[Metadata.rotarySize] {
      guard let size = Int(text) else {
        throw wrong(Metadata.rotarySize, "an integer as \(Metadata.rotarySize)")
      }
      rotarySize = size
    }
    let scaling = metadata[Metadata.scaling]
    return try RotaryEmbedding(
      headSize: headSize, rotarySize: rotarySize, base: base, layout: layout,
      scaling: scaling == nil || scaling == "none" ? .none : RotaryScaling(spelling: scaling!))
  }
}
