// The run over windows: distractors once a window, in chunks, shared by all trials; then the trials of every head.

import EmulatedEngine
import ReferenceEngine
import RotaryAttention
import TensorIO

extension NeedleExperiment {
  /// Keys whose tables are alive at a time. No byte depends on it.
  private static let chunkSize = 1 << 14

  /// Measures everything.
  ///
  /// - Parameters:
  ///   - threads: how many heads are worked on at a time; no byte of the result depends on it.
  ///   - progress: called with the number of distractors that were worked through since the last call.
  /// - Throws: ``TensorIO/TensorFileError``, ``ReferenceEngine/UndecidedRounding``.
  public func run(threads: Int, progress: @escaping @Sendable (Int) -> Void = { _ in }) throws
    -> NeedleResults
  {
    let units = layers.flatMap { layer in heads.map { NeedleUnit(layer: layer, head: $0) } }
    return NeedleResults(
      experiment: self,
      windows: try windows.map { window in
        let ranks = try distractors(of: window, units, threads: threads, progress: progress)
        let trigonometry = ReferenceTrigonometry(
          angles: problem.angles, attentionFactor: problem.attentionFactor,
          positions: window.positions, threads: threads)
        let found = try concurrentMap(count: units.count, threads: threads) { unit in
          try NeedleTrials(self, window, units[unit], ranks[unit], trigonometry).run()
        }
        var tasks = tasks.map { NeedleTaskResults(task: $0, recipes: emulations.count) }
        for unit in found { for index in tasks.indices { tasks[index].merge(unit[index]) } }
        return NeedleWindowResults(window: window, tasks: tasks)
      }, nonFinite: try input.nonFiniteCounts(layers: layers))
  }

  /// The greatest logits of every unit's distractors.
  private func distractors(
    of window: Window, _ units: [NeedleUnit], threads: Int, progress: @escaping @Sendable (Int) -> Void
  ) throws -> [NeedleRanks] {
    let tokens = window.tokens.flatMap { $0 }
    // Replacing all needles' keys leaves one, and the next.
    let limit = 2 * tasks.map { $0.count(needles) }.max()! + 2
    var ranks = units.map { _ in NeedleRanks(queries: queries, recipes: emulations.count, limit: limit) }
    for start in stride(from: 0, to: window.visible, by: Self.chunkSize) {
      let keys = start..<min(start + Self.chunkSize, window.visible)
      // Rows of the chunk's keys, then the query's.
      let positions = window.positions[keys] + [window.queryPosition]
      let tables = try RotaryTable.tables(
        for: emulations, positions: positions.map { $0 + shift }, threads: threads)
      let trigonometry = ReferenceTrigonometry(
        angles: problem.angles, attentionFactor: problem.attentionFactor, positions: Array(positions),
        threads: threads)
      let before = ranks
      ranks = try concurrentMap(count: units.count, threads: threads) { index in
        let unit = units[index]
        let found = try chunk(
          keys, tokens: Array(tokens[keys]), unit, before[index], tables: tables, trigonometry)
        progress(keys.count * queries)
        return found
      }
    }
    return ranks
  }

  /// One head's logits of a chunk.
  private func chunk(
    _ keys: Range<Int>, tokens: [Int], _ unit: NeedleUnit, _ before: NeedleRanks, tables: [RotaryTable],
    _ trigonometry: ReferenceTrigonometry
  ) throws -> NeedleRanks {
    var ranks = before
    let size = shape.headSize
    let keyHead = shape.keyValueHead(ofHead: unit.head)
    let source = try input.read(.key, layer: unit.layer, head: keyHead)
    var stored = [Double]()
    stored.reserveCapacity(keys.count * size)
    for token in tokens {
      let row = sourceOfKey(layer: unit.layer, head: keyHead, token: token)
      stored += source[row * size..<(row + 1) * size]
    }
    let queryVectors = try self.queryVectors(unit)
    var row = [Double](repeating: 0, count: keys.count)
    let reference = ReferenceHead(
      problem: problem, trigonometry: trigonometry, keys: stored, keyRows: Array(0..<keys.count))
    for query in 0..<queries {
      try row.withUnsafeMutableBufferPointer { row in
        _ = try queryVectors.withUnsafeBufferPointer {
          try reference.scores(
            query: UnsafeBufferPointer(rebasing: $0[query * size..<(query + 1) * size]), queryRow: keys.count,
            keys: 0..<keys.count, into: row)
        }
        ranks.reference[query].add(UnsafeBufferPointer(row), first: keys.lowerBound)
      }
    }
    for (recipe, emulation) in emulations.enumerated() {
      let head = try self.head(
        emulation, table: tables[recipe], keys: stored, firstToken: keys.lowerBound, queries: queryVectors,
        unit, keyHead)
      for query in 0..<queries {
        try row.withUnsafeMutableBufferPointer { row in
          try head[query].logits(query: 0, keys: 0..<keys.count, into: row)
          ranks.emulated[recipe][query].add(UnsafeBufferPointer(row), first: keys.lowerBound)
        }
      }
    }
    return ranks
  }

  /// Heads of single queries at the position of the table's last row, over keys at the rows before it.
  func head(
    _ emulation: Emulation, table: RotaryTable, keys stored: [Double], firstToken: Int,
    queries vectors: [Double], _ unit: NeedleUnit, _ keyHead: Int
  ) throws -> [EmulatedHead] {
    let size = shape.headSize
    let keys = try EmulatedKeys(
      InputMatrix(
        stored, emulation: emulation, side: .key, layer: unit.layer, head: keyHead, firstToken: firstToken),
      emulation: emulation, table: table, layer: unit.layer, head: keyHead)
    return try (0..<vectors.count / size).map { query in
      try EmulatedHead(
        InputMatrix(
          Array(vectors[query * size..<(query + 1) * size]), emulation: emulation, side: .query,
          layer: unit.layer, head: unit.head, firstToken: query),
        keys: keys, emulation: emulation, table: table, firstRow: stored.count / size, layer: unit.layer,
        head: unit.head)
    }
  }

  /// (queries, d): the drawn query vectors of a head.
  func queryVectors(_ unit: NeedleUnit) throws -> [Double] {
    try (0..<queries).flatMap { query in
      let row = draw(.query, layer: unit.layer, head: unit.head, query, 0, below: shape.queryTokens)
      return try input.read(.query, layer: unit.layer, head: unit.head, tokens: row..<row + 1)
    }
  }
}

/// A layer and a query head.
struct NeedleUnit: Sendable {
  let layer: Int
  let head: Int
}

/// The greatest logits of the distractors of one head: exact ones at shift 0, emulated ones at the experiment's shift.
struct NeedleRanks: Sendable {
  /// (queries).
  var reference: [RankedLogits]
  /// (recipes)(queries).
  var emulated: [[RankedLogits]]

  init(queries: Int, recipes: Int, limit: Int) {
    reference = Array(repeating: RankedLogits(limit: limit), count: queries)
    emulated = Array(repeating: reference, count: recipes)
  }
}
