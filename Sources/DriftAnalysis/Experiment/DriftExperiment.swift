// What is measured: an input, a problem, recipes and shifts. Checked here, once, before any arithmetic; run in
// DriftExperiment+Run.swift.

import EmulatedEngine
import FloatingPointFormats
import ReferenceEngine
import RotaryAttention
import TensorIO

/// Two shifts Δ₁ and Δ₂ whose emulated runs are compared: δ = value(Δ₁) − value(Δ₂).
public struct ShiftPair: Sendable, Hashable {
  /// Δ₁, added to every position of the first run.
  public var first: Int
  /// Δ₂, added to every position of the second run.
  public var second: Int

  /// A pair of shifts.
  public init(_ first: Int, _ second: Int) {
    self.first = first
    self.second = second
  }
}

/// What can be wrong with the set-up of an experiment.
public enum ExperimentError: Error, Equatable, CustomStringConvertible {
  /// Nothing to compare.
  case empty(String)
  /// A layer that the input does not have.
  case unknownLayer(Int, known: [Int])
  /// A head that a layer does not have.
  case unknownHead(Int, layer: Int, heads: Int)
  /// Layers of different shapes in one experiment.
  case unequalLayers(Int, Int, what: String)
  /// Numbers or sizes beyond what a run can hold.
  case tooLarge(String)
  /// A recipe that stores a frequency that is not finite, where the reference was to take it as exact.
  case storedFrequencyNotFinite(recipe: String, pair: Int)
  /// A prefix length outside 1 … T.
  case lengthOutOfRange(Int, tokens: Int)
  /// A key that the input does not have.
  case keyOutOfRange(Int, tokens: Int)
  /// A query that a layer does not have.
  case queryOutOfRange(Int, queries: Int)
  /// Two recipes of one name.
  case repeatedRecipe(String)
  /// The same two shifts twice.
  case repeatedShifts(ShiftPair)
  /// Two patterns of one name.
  case repeatedPattern(String)
  /// A pattern over another number of tokens than the input has keys.
  case patternOfOtherTokens(Int, tokens: Int)
  /// A measurement that knows the causal mask over continuous positions only.
  case patternNotKnown(String, measurement: String)

  /// One sentence with the mend.
  public var description: String {
    switch self {
    case .empty(let what): "there are no \(what) to measure; name at least one"
    case .unknownLayer(let layer, let known):
      "the input has no layer \(layer); it has \(known.map(String.init).joined(separator: ", "))"
    case .unknownHead(let head, let layer, let heads):
      "layer \(layer) has no head \(head); it has heads 0 to \(heads - 1)"
    case .unequalLayers(let first, let second, let what):
      "layers \(first) and \(second) differ in \(what); measure them one at a time with --layers"
    case .tooLarge(let reason): reason
    case .storedFrequencyNotFinite(let recipe, let pair):
      "recipe \(recipe): the stored frequency of pair \(pair) is not finite, so it has no exact score; leave out --stored-frequencies"
    case .lengthOutOfRange(let length, let tokens):
      "length \(length) is not between 1 and the input's \(tokens) tokens; choose --lengths within them"
    case .keyOutOfRange(let key, let tokens):
      "there is no key \(key); the input has keys 0 to \(tokens - 1)"
    case .queryOutOfRange(let query, let queries):
      "there is no query \(query); the input has queries 0 to \(queries - 1)"
    case .repeatedRecipe(let name):
      "recipe '\(name)' is named twice; give your own recipes names of their own"
    case .patternOfOtherTokens(let count, let tokens):
      "the pattern is over \(count) tokens, but the input has \(tokens) keys; lay its documents out over those"
    case .patternNotKnown(let pattern, let measurement):
      "\(measurement) know the full mask over continuous positions only, not \(pattern); measure a report"
    case .repeatedPattern(let name): "pattern '\(name)' is named twice; leave one out"
    case .repeatedShifts(let pair): "shifts \(pair.first),\(pair.second) are named twice; leave one out"
    }
  }
}

/// A drift experiment: every recipe at every pair of shifts, on the chosen layers and heads, isolated mode (the same q and k,
/// only positions shifted).
public struct DriftExperiment: Sendable {
  /// q and k.
  public let input: AttentionInput
  /// Sizes, base, layout.
  public let embedding: RotaryEmbedding
  /// The scale of the logits.
  public let scale: AttentionScale
  /// The cap of cap·tanh(x/cap) over the scaled scores; nil for none.
  public let softcap: NumberLiteral?
  /// One a recipe.
  public let emulations: [Emulation]
  /// The layers, ascending.
  public let layers: [Int]
  /// The query heads of each layer, ascending.
  public let heads: [Int]
  /// Pairs of shifts with all tables, each with the error against the reference at its Δ₁.
  public let comparisons: [ShiftPair]
  /// Further pairs of shifts, totals only.
  public let sweep: [ShiftPair]
  /// Prefix lengths, ascending.
  public let lengths: [Int]
  /// The queries that are measured; nil for all.
  public let queries: Set<Int>?
  /// Which keys a query sees, and where tokens stand.
  public let pattern: AttentionPattern
  /// The pattern's causal problems, in the order of their queries.
  let sequences: [PackedSequence]
  /// Whether the reference takes each recipe's stored frequencies as exact.
  public let usesStoredFrequencies: Bool
  /// Sizes of every layer.
  public let shape: AttentionShape
  /// How many (query, key) pairs ``run(threads:progress:)`` works through: its progress ends at this.
  public let workload: Int

  /// Checks and makes an experiment.
  ///
  /// - Parameters:
  ///   - input: q and k.
  ///   - embedding: sizes, base, layout; its head size is the input's.
  ///   - scale: the scale of the logits.
  ///   - softcap: the cap of the logits; nil for none.
  ///   - recipes: at least one.
  ///   - layers: nil for all.
  ///   - heads: nil for all.
  ///   - comparisons: pairs with all tables and errors; may be empty where there is a sweep.
  ///   - sweep: may be empty where there is a comparison.
  ///   - lengths: nil for the powers of two from 64 to T, or T alone below 64.
  ///   - usesStoredFrequencies: whether the reference takes each recipe's stored frequencies as exact.
  ///   - pattern: of as many tokens as there are keys; nil for the causal mask over continuous positions.
  ///   - queries: nil for all; else every figure is over these queries alone, and n_j = 1/(those of them that see key j).
  /// - Throws: ``ExperimentError``, ``ProblemError``, ``UndecidedRounding``.
  public init(
    input: AttentionInput, embedding: RotaryEmbedding, scale: AttentionScale = .inverseSquareRootOfHeadSize,
    softcap: NumberLiteral? = nil, recipes: [Recipe], layers: [Int]? = nil, heads: [Int]? = nil,
    comparisons: [ShiftPair] = [ShiftPair(0, 16)],
    sweep: [ShiftPair] = [], lengths: [Int]? = nil, usesStoredFrequencies: Bool = false,
    pattern: AttentionPattern? = nil, queries: Set<Int>? = nil
  ) throws {
    guard !recipes.isEmpty else { throw ExperimentError.empty("recipes") }
    guard !comparisons.isEmpty || !sweep.isEmpty else { throw ExperimentError.empty("shifts") }
    self.input = input
    self.embedding = embedding
    self.scale = scale
    self.softcap = softcap
    self.usesStoredFrequencies = usesStoredFrequencies
    self.layers = Array(Set(layers ?? input.layers)).sorted()
    shape = try Self.commonShape(of: self.layers, input)
    self.pattern = pattern ?? AttentionPattern(causalOver: shape.keyTokens)
    guard self.pattern.tokens == shape.keyTokens else {
      throw ExperimentError.patternOfOtherTokens(self.pattern.tokens, tokens: shape.keyTokens)
    }
    sequences = self.pattern.sequences(queryTokens: shape.queryTokens)
    self.heads = Array(Set(heads ?? Array(0..<shape.heads))).sorted()
    guard !self.heads.isEmpty else { throw ExperimentError.empty("heads") }
    for head in self.heads where !(0..<shape.heads).contains(head) {
      throw ExperimentError.unknownHead(head, layer: self.layers[0], heads: shape.heads)
    }
    guard embedding.headSize == shape.headSize else {
      throw ProblemError.rotarySize(
        embedding.rotarySize, headSize: shape.headSize,
        reason: "was set for heads of \(embedding.headSize) channels")
    }
    self.comparisons = comparisons
    self.sweep = sweep
    if let repeated = Self.firstRepeated(comparisons) ?? Self.firstRepeated(sweep) {
      throw ExperimentError.repeatedShifts(repeated)
    }
    for pair in comparisons + sweep {
      for shift in [pair.first, pair.second] { try Self.check(shift: shift, of: self.pattern) }
    }
    self.lengths = Array(Set(lengths ?? Self.defaultLengths(shape.keyTokens))).sorted()
    for length in self.lengths where !(1...shape.keyTokens).contains(length) {
      throw ExperimentError.lengthOutOfRange(length, tokens: shape.keyTokens)
    }
    if let repeated = Self.firstRepeated(recipes.map(\.name)) {
      throw ExperimentError.repeatedRecipe(repeated)
    }
    self.queries = queries
    for query in (queries ?? []).sorted() where !(0..<shape.queryTokens).contains(query) {
      throw ExperimentError.queryOutOfRange(query, queries: shape.queryTokens)
    }
    let firstToken = shape.token(ofQuery: 0)
    let pairs = sequences.reduce(0) { sum, sequence in
      guard let queries else { return sum + sequence.visiblePairs }
      return sequence.queries.reduce(sum) { sum, token in
        guard queries.contains(token - firstToken) else { return sum }
        return sequence.visibleKeys(ofToken: token).reduce(sum) { $0 + $1.count }
      }
    }
    workload = try Self.workload(
      pairs: pairs, layers: self.layers, heads: self.heads,
      comparisons: comparisons.count + sweep.count)
    emulations = try recipes.map {
      try Emulation(recipe: $0, embedding: embedding, scale: scale, softcap: softcap)
    }
  }

  /// Whether a query is measured.
  func measures(query: Int) -> Bool { queries?.contains(query) ?? true }

  /// Every position of the pattern stays within ±2^53.
  private static func check(shift: Int, of pattern: AttentionPattern) throws {
    let (least, greatest) = (pattern.positions.min() ?? 0, pattern.positions.max() ?? 0)
    let (first, firstOverflows) = least.addingReportingOverflow(shift)
    let (last, lastOverflows) = greatest.addingReportingOverflow(shift)
    guard !firstOverflows, !lastOverflows, first >= -TokenPositions.limit, last <= TokenPositions.limit else {
      throw ProblemError.positionOutOfRange(
        first: firstOverflows ? Int.min : first, last: lastOverflows ? Int.max : last, shift: shift)
    }
  }

  private static func firstRepeated<Element: Hashable>(_ elements: [Element]) -> Element? {
    var seen: Set<Element> = []
    return elements.first { !seen.insert($0).inserted }
  }

  /// Powers of two from 64 to T; T alone where it is below 64.
  static func defaultLengths(_ tokens: Int) -> [Int] {
    tokens < 64 ? [tokens] : Array(sequence(first: 64) { $0 * 2 <= tokens ? $0 * 2 : nil })
  }

  private static func commonShape(of layers: [Int], _ input: AttentionInput) throws -> AttentionShape {
    for layer in layers where !input.layers.contains(layer) {
      throw ExperimentError.unknownLayer(layer, known: input.layers)
    }
    guard let firstLayer = layers.first else { throw ExperimentError.empty("layers") }
    let first = try input.shape(ofLayer: firstLayer)
    for layer in layers.dropFirst() {
      let other = try input.shape(ofLayer: layer)
      let differences = [
        ("heads", first.queryHeads != other.queryHeads || first.kvHeads != other.kvHeads),
        ("head size", first.headSize != other.headSize),
        ("tokens", first.queryTokens != other.queryTokens || first.keyTokens != other.keyTokens),
      ].filter(\.1).map(\.0)
      if !differences.isEmpty {
        throw ExperimentError.unequalLayers(
          firstLayer, layer, what: differences.joined(separator: " and "))
      }
    }
    return try AttentionShape(
      heads: first.queryHeads, keyValueHeads: first.kvHeads, queryTokens: first.queryTokens,
      keyTokens: first.keyTokens, headSize: first.headSize)
  }

  /// Pairs of all passes; layers, heads and pairs within what the accumulators' places and counts can hold.
  private static func workload(pairs: Int, layers: [Int], heads: [Int], comparisons: Int) throws -> Int {
    guard (layers.last ?? 0) <= RowPlace.layerLimit else {
      throw ExperimentError.tooLarge(
        "layer \(layers.last ?? 0) is above \(RowPlace.layerLimit), the greatest layer number that a report can hold; "
          + "save the layers under smaller numbers")
    }
    guard (heads.last ?? 0) <= RowPlace.headLimit else {
      throw ExperimentError.tooLarge(
        "head \(heads.last ?? 0) is above \(RowPlace.headLimit), the greatest head number that a report can hold; choose --heads below it"
      )
    }
    var total = pairs
    for factor in [layers.count, heads.count, comparisons] {
      let (product, overflow) = total.multipliedReportingOverflow(by: factor)
      guard !overflow, product < 1 << 60 else {
        throw ExperimentError.tooLarge(
          "the run would work through more than 2^60 pairs of queries and keys; choose fewer --layers, --heads or tokens"
        )
      }
      total = product
    }
    return total
  }
}
