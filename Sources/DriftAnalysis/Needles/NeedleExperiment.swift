// Needles among real key vectors: does the right key still win? Set-up and checks; the run is in NeedleExperiment+Run.swift.

import EmulatedEngine
import FloatingPointFormats
import ReferenceEngine
import RotaryAttention
import TensorIO

/// What cannot be laid out.
public enum NeedleError: Error, Equatable, CustomStringConvertible {
  /// A window whose last query sees too few keys.
  case tooFewKeys(pattern: String, length: Int, visible: Int, needed: Int)
  /// A number that cannot be meant.
  case value(String)

  /// One sentence with the mend.
  public var description: String {
    switch self {
    case .tooFewKeys(let pattern, let length, let visible, let needed):
      "pattern \(pattern) at length \(length): the last token sees \(visible) keys, and needles between the first and its own need \(needed); "
        + "choose longer documents, another seed, or fewer needles"
    case .value(let reason): reason
    }
  }
}

/// Seeded retrieval layouts: the last token of a window is the query, needles stand among real key vectors, and it is counted how often
/// an emulated arithmetic loses them.
///
/// Keys of the window are the input's key vectors, drawn with replacement: token 0 holds the input's key 0, every other token one of the
/// others. Queries are the input's query vectors, drawn likewise. A needle has the direction of a key of the input; it is scaled so that the
/// exact logit is above all others by a target, and stored in the input's element type, which leaves it near the target: the margin that
/// counts is the certified one of the stored key. Every draw is a function of the seed and of what is drawn.
///
/// This is the arithmetic's part in such tasks: whether the greatest logits of one head stay where they are. It is no score of a model.
public struct NeedleExperiment: Sendable {
  /// One window under one pattern, as its last token sees it.
  public struct Window: Sendable {
    /// What the pattern is called.
    public let pattern: String
    /// Tokens of the window.
    public let length: Int
    /// The tokens that its last token sees, ascending runs.
    let tokens: [Range<Int>]
    /// Their positions.
    let positions: [Int]

    /// How many keys the last token sees, itself included.
    public var visible: Int { positions.count }
    /// The last token's position.
    public var queryPosition: Int { positions[positions.count - 1] }

    /// The window of a pattern.
    public init(_ name: String, _ pattern: AttentionPattern) {
      self.pattern = name
      length = pattern.tokens
      tokens = pattern.visibleTokens(ofToken: pattern.tokens - 1)
      positions = tokens.flatMap { $0.map { pattern.positions[$0] } }
    }
  }

  /// q and k; v is not needed.
  public let input: AttentionInput
  /// Sizes, base, layout.
  public let embedding: RotaryEmbedding
  /// One a recipe.
  public let emulations: [Emulation]
  /// The exact problem.
  let problem: ReferenceProblem
  /// The layers, ascending.
  public let layers: [Int]
  /// The query heads of each layer, ascending.
  public let heads: [Int]
  /// Sizes of every layer.
  public let shape: AttentionShape
  /// In the order in which they are shown.
  public let windows: [Window]
  /// The tasks.
  public let tasks: [NeedleTask]
  /// Needles of a task with several.
  public let needles: Int
  /// Depths, 0 … 1 of the keys that may be replaced.
  public let depths: [Double]
  /// Target margins in logits, above zero.
  public let targets: [Double]
  /// Queries that are drawn for each head and window.
  public let queries: Int
  /// The seed.
  public let seed: UInt64
  /// Δ, added to every position.
  public let shift: Int

  /// The ladder 2^−8 … 2^2.
  public static let defaultTargets = (-8...2).map { Double(sign: .plus, exponent: $0, significand: 1) }

  /// Checks and makes an experiment.
  ///
  /// - Parameters:
  ///   - drift: input, problem, recipes, layers and heads; nothing else of it counts.
  ///   - windows: at least one.
  ///   - tasks: at least one.
  ///   - needles: 2 … 64; also 1 where no task has several.
  ///   - depths: each 0 … 1, each once; at least one.
  ///   - targets: each above 0 and below 2^100, each once; at least one.
  ///   - queries: 1 … 1024.
  ///   - seed: any.
  ///   - shift: positions stay within ±2^53.
  /// - Throws: ``NeedleError``, ``ExperimentError``, ``ReferenceEngine/UndecidedRounding``, ``RotaryAttention/ProblemError``.
  public init(
    _ drift: DriftExperiment, windows: [Window], tasks: [NeedleTask] = NeedleTask.allCases, needles: Int = 4,
    depths: [Double] = [0, 0.25, 0.5, 0.75, 1], targets: [Double] = defaultTargets, queries: Int = 2,
    seed: UInt64 = 1, shift: Int = 0
  ) throws {
    for (list, what) in [
      (windows.isEmpty, "windows"), (tasks.isEmpty, "tasks"), (depths.isEmpty, "depths"),
      (targets.isEmpty, "margins"),
    ]
    where list { throw ExperimentError.empty(what) }
    guard ((tasks.allSatisfy { $0 == .single } ? 1 : 2)...64).contains(needles) else {
      throw NeedleError.value("\(needles) needles: tasks with several have 2 to 64")
    }
    guard (1...1024).contains(queries) else {
      throw NeedleError.value("\(queries) queries a head: there are 1 to 1024")
    }
    for depth in depths where !(0...1).contains(depth) {
      throw NeedleError.value("depth \(depth) lies outside 0 … 1")
    }
    for target in targets {
      guard target > 0 else {
        throw NeedleError.value("margin \(target): a needle is above the others by more than zero")
      }
      guard target < 0x1p100 else {
        throw NeedleError.value("margin \(target) is too large: margins are below 2^100 logits")
      }
    }
    for (numbers, what) in [(depths, "depth"), (targets, "margin")] {
      var seen: Set<Double> = []
      if let repeated = numbers.first(where: { !seen.insert($0).inserted }) {
        throw NeedleError.value("\(what) \(repeated) is named twice; name each once")
      }
    }
    let needed = tasks.map { $0.keysNeeded(needles) }.max()!
    for window in windows {
      guard window.visible >= needed else {
        throw NeedleError.tooFewKeys(
          pattern: window.pattern, length: window.length, visible: window.visible, needed: needed)
      }
      try Self.check(shift: shift, of: window)
    }
    input = drift.input
    embedding = drift.embedding
    emulations = drift.emulations
    layers = drift.layers
    heads = drift.heads
    shape = drift.shape
    problem = try ReferenceProblem(embedding: drift.embedding, scale: drift.scale, softcap: drift.softcap)
    self.windows = windows
    self.tasks = tasks
    self.needles = needles
    self.depths = depths
    self.targets = targets
    self.queries = queries
    self.seed = seed
    self.shift = shift
  }

  /// Every position that the query sees stays within ±2^53.
  private static func check(shift: Int, of window: Window) throws {
    let (first, firstOverflows) = window.positions.min()!.addingReportingOverflow(shift)
    let (last, lastOverflows) = window.positions.max()!.addingReportingOverflow(shift)
    guard !firstOverflows, !lastOverflows, first >= -TokenPositions.limit, last <= TokenPositions.limit else {
      // A sum leaves the integers on the side to which the shift goes.
      let beyond = shift > 0 ? Int.max : Int.min
      throw ProblemError.positionOutOfRange(
        first: firstOverflows ? beyond : first, last: lastOverflows ? beyond : last, shift: shift)
    }
  }

  /// Distractors of all windows, over heads and queries: what ``run(threads:progress:)`` counts.
  public var workload: Int {
    windows.reduce(0) { $0 + $1.visible } * layers.count * heads.count * queries
  }

  /// What a random index is drawn for.
  enum Draw: UInt32 {
    case key = 0x6B65_7973, query = 0x7175_6572, needle = 0x6E65_6564
  }

  /// An index below `count` for three coordinates; layer, head and kind are in the counter's last word and the key. The bias of a remainder
  /// of 64 bits is below 2^−40 for fewer than 2^24 rows.
  func draw(_ kind: Draw, layer: Int, head: Int, _ a: Int, _ b: Int, below count: Int) -> Int {
    let words = Philox.words(
      counter: SIMD4(
        UInt32(truncatingIfNeeded: a), UInt32(truncatingIfNeeded: b),
        UInt32(truncatingIfNeeded: layer << 16 | head),
        kind.rawValue),
      key: SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)))
    return Int((UInt64(words[0]) | UInt64(words[1]) << 32) % UInt64(count))
  }

  /// The row of the input that a token of a window holds.
  func sourceOfKey(layer: Int, head: Int, token: Int) -> Int {
    guard token > 0, shape.keyTokens > 1 else { return 0 }
    return 1 + draw(.key, layer: layer, head: head, token, 0, below: shape.keyTokens - 1)
  }
}
