// The cheapest mend: every set of stages is tried on the metric itself, on a sample of queries where there are too many, and what
// is shown has been measured in full.

import ArbitraryPrecision
import EmulatedEngine
import FloatingPointFormats
import TensorIO

/// A search for mends of one recipe.
///
/// 1. With more options than ``fullLimit`` and more queries than ``screeningSize``: every option's metric over a seeded sample of
///    queries. Measured in full are then the recipe itself, each stage widened alone, all stages widened, the options on the
///    screened frontier, and with a budget those whose screened figure is within ``screeningSlack`` times the budget, in their
///    order up to the first that holds. A figure of a sample proves nothing about all queries: an option that the screening left
///    out might do better.
/// 2. Otherwise every option in full, and then nothing is left out.
/// 3. The errors of the recipe itself, the single stages, the frontier and the chosen option.
public struct MendSearch: Sendable {
  /// The sets.
  public let options: MendOptions
  /// What options are ranked by.
  public let metric: DriftMetric
  /// The budget; nil for the frontier alone.
  public let budget: DriftBudget?
  /// Input, problem, shifts.
  public let problem: StageAttribution.Problem
  /// The queries of the screening; nil where every option is measured in full.
  public let screeningQueries: Set<Int>?
  /// The seed that they are drawn with.
  public let seed: UInt64

  /// Up to this many options are all measured in full.
  public static let fullLimit = 64
  /// Queries of a screening.
  public static let screeningSize = 64
  /// An option whose screened figure is within this many times the budget is measured in full.
  public static let screeningSlack = Rational(5, 4)
  /// Options of one run while the order of a budget is followed.
  static let stride = 16

  /// A search.
  ///
  /// - Parameters:
  ///   - recipe: what is to be mended.
  ///   - problem: what is measured.
  ///   - metric: what options are ranked by; the budget's where there is one.
  ///   - budget: nil for the frontier alone.
  ///   - seed: of the screening's queries.
  /// - Throws: as ``MendOptions/init(_:problem:)``.
  public init(
    _ recipe: Recipe, problem: StageAttribution.Problem, metric: DriftMetric, budget: DriftBudget? = nil,
    seed: UInt64 = 1
  ) throws {
    self.problem = problem
    self.metric = budget?.metric ?? metric
    self.budget = budget
    self.seed = seed
    options = try MendOptions(recipe, problem: problem)
    let queries = try StageAttribution.shape(problem).queryTokens
    screeningQueries =
      options.all.count > Self.fullLimit && queries > Self.screeningSize
      ? Self.sample(Self.screeningSize, of: queries, seed: seed) : nil
  }

  /// `count` different numbers of 0 ..< n, a function of the seed alone.
  static func sample(_ count: Int, of n: Int, seed: UInt64) -> Set<Int> {
    let ranks = (0..<n).map {
      (Philox.bits(seed: seed, counter: RoundingCounter(UInt32(truncatingIfNeeded: $0))), $0)
    }
    return Set(ranks.sorted { $0 < $1 }.prefix(count).map(\.1))
  }

  /// Searches.
  ///
  /// - Parameters:
  ///   - threads: no byte of the result depends on it.
  ///   - note: called with what is done next.
  /// - Throws: as ``DriftExperiment/run(threads:progress:)``.
  public func run(threads: Int, note: @escaping @Sendable (String) -> Void = { _ in }) throws -> MendResults {
    var run = SearchRun(self, threads: threads, note: note)
    try run.screen()
    let chosen = try budget.flatMap { try run.firstWithin($0) }
    return MendResults(search: self, mends: try run.finish(chosen: chosen), chosen: chosen)
  }
}

/// A search under way.
private struct SearchRun {
  private let search: MendSearch
  private let threads: Int
  private let note: @Sendable (String) -> Void
  private var mends: [MeasuredMend]

  init(_ search: MendSearch, threads: Int, note: @escaping @Sendable (String) -> Void) {
    self.search = search
    self.threads = threads
    self.note = note
    mends = search.options.all.map { MeasuredMend(option: $0) }
  }

  private var name: String { search.options.recipe.name }

  /// The recipe itself and each stage widened alone.
  private var singles: [Int] { mends.indices.filter { mends[$0].option.stages.count <= 1 } }

  mutating func screen() throws {
    guard let queries = search.screeningQueries else { return try measure(Array(mends.indices)) }
    note("screening \(mends.count) mends of \(name) on \(queries.count) queries")
    // Neighbours in the order of stages share tables and rotated vectors.
    let places = search.options.stages
    let order = mends.indices.map { index in
      (
        mends[index].option.stages.reduce(0) { $0 | 1 << (places.count - 1 - places.firstIndex(of: $1)!) },
        index
      )
    }.sorted { $0 < $1 }.map(\.1)
    for (index, figure) in zip(order, try figures(order, queries: queries)) {
      mends[index].screenedFigure = figure
    }
    try measure(singles + [mends.count - 1] + MendResults.frontier(mends, \.screenedFigure))
  }

  /// The first option within the budget, by number of stages, then cost.
  mutating func firstWithin(_ budget: DriftBudget) throws -> Int? {
    let candidates = mends.indices.filter {
      mends[$0].evidence != .screened
        || budget.admits(mends[$0].screenedFigure, slack: MendSearch.screeningSlack)
    }
    var start = 0
    while start < candidates.count {
      let end = min(start + MendSearch.stride, candidates.count)
      try measure(Array(candidates[start..<end]))
      if let first = candidates[start..<end].first(where: { budget.admits(mends[$0].figure) }) {
        return first
      }
      start = end
    }
    return nil
  }

  /// Marks the frontier and measures the errors of what is shown.
  mutating func finish(chosen: Int?) throws -> [MeasuredMend] {
    let frontier = MendResults.frontier(mends, \.figure)
    for index in frontier { mends[index].isOnFrontier = true }
    let shown = Set(singles + frontier + (chosen.map { [$0] } ?? [])).sorted()
    note("measuring the errors of \(shown.count) mends of \(name)")
    let recipes = shown.map { mends[$0].option.recipe }
    var errors: [ErrorResults] = []
    for batch in StageAttribution.batches(
      recipes, keyTokens: try StageAttribution.shape(search.problem).keyTokens)
    {
      errors += try search.problem.experiment(batch).run(threads: threads).recipes.map {
        $0.comparisons[0].error
      }
    }
    for (index, error) in zip(shown, errors) {
      mends[index].evidence = .driftAndError
      mends[index].logitError = SpreadFigures(error.logit.absolute)
      mends[index].probabilityError = SpreadFigures(error.probability.absolute)
    }
    return mends
  }

  private mutating func measure(_ indices: [Int]) throws {
    let new = Set(indices).filter { mends[$0].evidence == .screened }.sorted()
    guard !new.isEmpty else { return }
    note("measuring the drift of \(new.count) mends of \(name) in full")
    for (index, figure) in zip(new, try figures(new, queries: nil)) {
      (mends[index].figure, mends[index].evidence) = (figure, .drift)
    }
  }

  /// The metric of some options over all queries or some, the drift's totals alone.
  private func figures(_ indices: [Int], queries: Set<Int>?) throws -> [Double?] {
    let recipes = indices.map { mends[$0].option.recipe }
    var figures: [Double?] = []
    for batch in StageAttribution.batches(
      recipes, keyTokens: try StageAttribution.shape(search.problem).keyTokens)
    {
      let results = try search.problem.experiment(batch, totalsOnly: true, queries: queries).run(
        threads: threads)
      figures += results.recipes.map { search.metric.worst($0.sweep.map(\.totals)) }
    }
    return figures
  }
}
