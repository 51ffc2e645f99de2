// The pattern's sequences as the run meets them: their queries in the file, their tables, what is kept from head to head.

import EmulatedEngine
import ReferenceEngine
import RotaryAttention
import TensorIO

extension DriftExperiment {
  /// A sequence's queries, counted from the file's first.
  func queries(of sequence: PackedSequence) -> Range<Int> {
    let first = shape.token(ofQuery: 0)
    return sequence.queries.lowerBound - first..<sequence.queries.upperBound - first
  }

  /// Pairs of the measured ones among some queries of a sequence.
  func visiblePairs(of queries: Range<Int>, in sequence: PackedSequence) -> Int {
    queries.filter(measures).reduce(0) { sum, query in
      sequence.visibleKeys(ofToken: shape.token(ofQuery: query)).reduce(sum) { $0 + $1.count }
    }
  }

  /// What the input stages do to the q and k of the chosen layers and heads, by recipe. Every vector counts once, however many sequences
  /// hold it, and a key head as often as it is turned to: once for each run of query heads of its group.
  func inputRoundingCounts(threads: Int) throws -> [InputRoundingCounts] {
    let shared = try SharedStages(emulations)
    var counts = emulations.map { _ in InputRoundingCounts() }
    func add(_ tensor: AttentionTensor, _ layer: Int, _ head: Int, tokens count: Int) throws {
      // Some rows at a time, so that a long window is never whole in memory for this.
      for start in stride(from: 0, to: count, by: 1 << 14) {
        let rows = start..<min(start + 1 << 14, count)
        let stored = try input.read(tensor, layer: layer, head: head, tokens: rows)
        let inputs = try concurrentMap(count: shared.inputs.count, threads: threads) {
          InputMatrix(
            stored, emulation: shared.inputs[$0], side: tensor == .query ? .query : .key, layer: layer,
            head: head, firstToken: rows.lowerBound)
        }
        for (recipe, input) in shared.inputOfRecipe.enumerated() { counts[recipe] += inputs[input] }
      }
    }
    for layer in layers {
      var last: Int?
      for head in heads {
        let keyHead = shape.keyValueHead(ofHead: head)
        if keyHead != last { try add(.key, layer, keyHead, tokens: shape.keyTokens) }
        last = keyHead
        try add(.query, layer, head, tokens: shape.queryTokens)
      }
    }
    return counts
  }
}

extension AttentionInput {
  /// The rows of runs of tokens one after another, row-major, exactly as stored.
  ///
  /// - Throws: ``TensorFileError``.
  func read(_ tensor: AttentionTensor, layer: Int, head: Int, tokens runs: [Range<Int>]) throws -> [Double] {
    if runs.count == 1 { return try read(tensor, layer: layer, head: head, tokens: runs[0]) }
    return try runs.flatMap { try read(tensor, layer: layer, head: head, tokens: $0) }
  }
}

extension PairGeometry {
  /// The geometry of an experiment's pattern: distances from the nearest to the farthest of its pairs.
  ///
  /// - Throws: ``AnalysisError/tooManyDistances(limit:)``.
  init(_ experiment: DriftExperiment) throws {
    let positions = experiment.pattern.positions
    // Positions ascend within what a query sees: it stands at distance 0 from itself and farthest from the first key of all.
    var farthest = 0
    for sequence in experiment.sequences {
      for token in sequence.queries {
        let first = sequence.token(ofKey: sequence.visibleKeys(ofToken: token)[0].lowerBound)
        farthest = max(farthest, positions[token] - positions[first])
      }
    }
    try self.init(
      queryPositions: Array(positions[experiment.shape.token(ofQuery: 0)...]), keyPositions: positions,
      distances: 0...farthest,
      visibleKeys: { experiment.pattern.visibleTokens(ofToken: experiment.shape.token(ofQuery: $0)) })
  }
}

/// The tables of a pattern's sequences at both shifts: kept where they are small, else made again for every head.
struct SequenceTables {
  private let experiment: DriftExperiment
  private let shifts: [Int]
  private let emulations: [Emulation]
  private let isKept: Bool
  private var kept: [Int: [[RotaryTable]]] = [:]

  /// Bytes of tables that may be kept beside the one in use.
  private static let limit = 1 << 28

  init(_ experiment: DriftExperiment, shifts: ShiftPair, emulations: [Emulation]) {
    self.experiment = experiment
    self.shifts = [shifts.first, shifts.second]
    self.emulations = emulations
    let rows = experiment.sequences.reduce(0) { $0 + $1.keyCount }
    let bytes = rows * experiment.embedding.pairCount * 16 * 2 * emulations.count
    isKept = experiment.sequences.count == 1 || bytes <= Self.limit
  }

  /// (2)(emulations): the tables of a sequence, a row a key.
  mutating func tables(_ index: Int, threads: Int) throws -> [[RotaryTable]] {
    if let tables = kept[index] { return tables }
    let positions = experiment.pattern.positions
    let keys = experiment.sequences[index].keyTokens
    let tables = try shifts.map { shift in
      try RotaryTable.tables(for: emulations, positions: keys.map { positions[$0] + shift }, threads: threads)
    }
    if isKept { kept[index] = tables }
    return tables
  }
}

/// What belongs to the sequences of one key head: kept for the other query heads of its group where the window is short or is one sequence.
struct SequenceCache<Value> {
  private let isKept: Bool
  private var head: Int?
  private var kept: [Int: Value] = [:]

  init(_ experiment: DriftExperiment, tokenLimit: Int) {
    let keys = experiment.sequences.reduce(0) { $0 + $1.keyCount }
    isKept = experiment.sequences.count == 1 || keys <= tokenLimit
  }

  /// Turns to a key head.
  mutating func begin(_ head: Int) {
    if head != self.head { kept = [:] }
    self.head = head
  }

  /// What belongs to a sequence.
  mutating func value(_ index: Int, _ make: () throws -> Value) rethrows -> Value {
    if let value = kept[index] { return value }
    let value = try make()
    if isKept { kept[index] = value }
    return value
  }
}
