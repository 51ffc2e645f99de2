// Rows of one recipe on the q and k of several captures, each at its shift.

import EmulatedEngine
import ReferenceEngine
import RotaryAttention
import TensorIO

/// One recipe at both shifts.
struct EmulatedRunRows: RunRows {
  private let experiment: PropagatedExperiment
  private let emulation: Emulation
  private let stages: RowStages
  /// At Δ₁ and Δ₂.
  private let tables: [RotaryTable]

  init(_ experiment: PropagatedExperiment, _ emulation: Emulation, threads: Int) throws {
    self.experiment = experiment
    self.emulation = emulation
    stages = RowStages(emulation)
    tables = try [experiment.first.shift, experiment.second.shift].map { shift in
      try RotaryTable.tables(
        for: [emulation],
        positions: TokenPositions(tokens: experiment.isolated.shape.keyTokens, shift: shift),
        threads: threads)[0]
    }
  }

  func head(layer: Int, head: Int, threads: Int) throws -> any HeadRows {
    let sources = experiment.rowSources
    let shape = experiment.isolated.shape
    let keyHead = shape.keyValueHead(ofHead: head)
    let heads = try concurrentMap(count: sources.count, threads: threads) { index in
      let source = sources[index]
      let keys = InputMatrix(
        try source.input.keys(layer: layer, kvHead: keyHead), emulation: emulation, side: .key, layer: layer,
        head: keyHead)
      let queries = InputMatrix(
        try source.input.queries(layer: layer, head: head), emulation: emulation, side: .query, layer: layer,
        head: head)
      let table = tables[source.run]
      return try EmulatedHead(
        queries,
        keys: EmulatedKeys(keys, emulation: emulation, table: table, layer: layer, head: keyHead),
        emulation: emulation, table: table, firstRow: shape.token(ofQuery: 0), layer: layer, head: head)
    }
    return EmulatedHeadRows(
      heads: heads, emulation: emulation, stages: stages, shape: shape, layer: layer, head: head)
  }
}

/// One head under one recipe, for every capture and shift.
private struct EmulatedHeadRows: HeadRows {
  let heads: [EmulatedHead]
  let emulation: Emulation
  let stages: RowStages
  let shape: AttentionShape
  let layer: Int
  let head: Int

  var runCount: Int { heads.count }
  func runs(of mode: PropagatedMode) -> (Int, Int) { mode.sources }
  func queries(of tile: Range<Int>) -> [Int] { Array(tile) }
  func visibleKeys(ofQuery query: Int) -> Int { shape.token(ofQuery: query) + 1 }

  func write(
    run: Int, queries: [Int], logits: UnsafeMutableBufferPointer<Double>,
    probabilities: UnsafeMutableBufferPointer<Double>, stride: Int
  ) throws {
    let emulated = heads[run]
    let block = queries[0]..<queries[queries.count - 1] + 1
    if emulated.gainsFromBlocks {
      // What a query does not see is computed and not read.
      try emulated.logits(
        queries: block, keys: 0..<visibleKeys(ofQuery: block.upperBound - 1), into: logits, stride: stride)
    } else {
      for (index, query) in queries.enumerated() {
        try emulated.logits(
          query: query, keys: 0..<visibleKeys(ofQuery: query),
          into: UnsafeMutableBufferPointer(rebasing: logits[index * stride..<(index + 1) * stride]))
      }
    }
    guard emulation.recipe.softmax == nil else {
      return try emulated.attention(
        queries: block, keys: queries.map { 0..<visibleKeys(ofQuery: $0) }, values: nil,
        probabilities: probabilities, stride: stride)
    }
    withUnsafeTemporaryAllocation(of: Double.self, capacity: stride) { softmax in
      for (index, query) in queries.enumerated() {
        let keys = visibleKeys(ofQuery: query)
        let row = index * stride..<index * stride + keys
        let values = UnsafeMutableBufferPointer(rebasing: softmax[..<keys])
        defaultSoftmax(UnsafeBufferPointer(rebasing: logits[row]), into: values)
        let stored = UnsafeMutableBufferPointer(rebasing: probabilities[row])
        if !stages.round(UnsafeBufferPointer(values), query: query, layer: layer, head: head, into: stored) {
          _ = stored.update(fromContentsOf: values)
        }
      }
    }
  }
}

/// Rows as the runs stored them.
struct StoredRunRows: RunRows {
  private let stored: StoredAttention
  private let shape: AttentionShape

  init(_ stored: StoredAttention, shape: AttentionShape) {
    self.stored = stored
    self.shape = shape
  }

  func head(layer: Int, head: Int, threads: Int) throws -> any HeadRows {
    StoredHeadRows(stored: stored, shape: shape, layer: layer, head: head)
  }
}

private struct StoredHeadRows: HeadRows {
  let stored: StoredAttention
  let shape: AttentionShape
  let layer: Int
  let head: Int

  var runCount: Int { stored.runs.count }
  /// A and B, A and C.
  func runs(of mode: PropagatedMode) -> (Int, Int) { mode == .null ? (0, 2) : (0, 1) }
  func visibleKeys(ofQuery query: Int) -> Int { shape.token(ofQuery: query) + 1 }

  func queries(of tile: Range<Int>) -> [Int] { stored.queries.filter(tile.contains) }

  func write(
    run: Int, queries: [Int], logits: UnsafeMutableBufferPointer<Double>,
    probabilities: UnsafeMutableBufferPointer<Double>, stride: Int
  ) throws {
    for (index, query) in queries.enumerated() {
      let keys = visibleKeys(ofQuery: query)
      let row = index * stride..<index * stride + keys
      try stored.read(
        run: run, layer: layer, head: head, query: query, shape: shape,
        logits: UnsafeMutableBufferPointer(rebasing: logits[row]),
        probabilities: UnsafeMutableBufferPointer(rebasing: probabilities[row]))
    }
  }
}
