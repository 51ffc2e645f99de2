// Logits, and what is made from them: rows of scores, a head at a time, never all of them.

import EmulatedEngine
import FloatingPointFormats
import ReferenceEngine
import RotaryAttention
import TensorIO

extension TensorCheck {
  /// Queries that one thread takes.
  static let tileQueries = 32

  /// Compares every tensor that needs scores.
  func compareScores(
    _ sources: [RecipeSource], into tallies: inout [TensorTallies], threads: Int,
    progress: @Sendable (Int) -> Void
  ) throws {
    let chosen = kernel.tensors.indices.filter { kernel.tensors[$0].kind.needsScores }
    guard !chosen.isEmpty else { return }
    let trigonometry = ReferenceTrigonometry(
      angles: reference.angles, attentionFactor: reference.attentionFactor, positions: kernel.positions,
      threads: threads)
    var known: (recipe: Recipe, table: RotaryTable)?
    for index in chosen {
      let source = sources[index]
      var table: RotaryTable?
      if let emulation = source.emulation {
        if known?.recipe != emulation.recipe {
          known = (
            emulation.recipe,
            try RotaryTable.table(for: emulation, positions: kernel.positions, threads: threads)
          )
        }
        table = known!.table
      }
      let tensor = kernel.tensors[index]
      let layer = tensor.layer
      var group: ScoreKeys?
      for head in 0..<layer.queryHeads {
        let keyHead = layer.kvHead(ofQueryHead: head)
        if group?.head != keyHead {
          group = nil
          group = try ScoreKeys(self, tensor, source, table, trigonometry, head: keyHead)
        }
        let rows = try HeadScores(self, tensor, source, table, group!, head: head)
        let tiles = stride(from: 0, to: layer.queryTokens, by: Self.tileQueries).map {
          $0..<min(layer.queryTokens, $0 + Self.tileQueries)
        }
        let found = try concurrentMap(count: tiles.count, threads: threads) { number in
          let tally = try compareRows(tiles[number], rows, tensor, source)
          progress(tally.accuracy.count)
          return tally
        }
        for tally in found { tallies[index].merge(tally) }
      }
    }
  }

  private func compareRows(
    _ tile: Range<Int>, _ head: HeadScores, _ tensor: KernelTensor, _ source: RecipeSource
  ) throws -> TensorTallies {
    let layer = tensor.layer
    let isOutput = tensor.kind == .output
    let exact = try head.exactRows(tile)
    var own = try head.recipeRows(tile)
    if source.roundsOwn { own = own?.map { tensor.format.rounded($0) } }
    var tally = TensorTallies(self, tensor, source, rows: tile)
    tally.referenceBound = exact.bound
    let length = isOutput ? layer.headSize : layer.keyTokens
    for query in tile {
      let columns = isOutput ? 0..<layer.headSize : head.visible(query)
      let start = (head.head * layer.queryTokens + query) * length
      let values = try tensor.tensor.elements(start + columns.lowerBound..<start + columns.upperBound)
      let first = (query - tile.lowerBound) * length
      let place = first..<first + columns.count
      Self.withRows([values, exact.values, own ?? []], [0..<columns.count, place, place]) { buffers in
        tally.add(
          buffers[0], high: buffers[1], low: nil, recipe: own == nil ? nil : buffers[2], row: query,
          firstIndex: start + columns.lowerBound)
      }
    }
    return tally
  }

  /// Runs of several arrays as buffers; an empty array gives an empty one.
  static func withRows(
    _ arrays: [[Double]], _ ranges: [Range<Int>], _ body: ([UnsafeBufferPointer<Double>]) -> Void
  ) {
    func open(_ index: Int, _ buffers: [UnsafeBufferPointer<Double>]) {
      guard index < arrays.count else { return body(buffers) }
      arrays[index].withUnsafeBufferPointer { all in
        let range = all.isEmpty ? 0..<0 : ranges[index]
        open(index + 1, buffers + [UnsafeBufferPointer(rebasing: all[range])])
      }
    }
    open(0, [])
  }
}

/// The keys of one key head, and its values where the output is asked for, for the exact rows and for the recipe's.
private struct ScoreKeys: Sendable {
  let head: Int
  let reference: ReferenceHead
  let referenceValues: ReferenceValues?
  let emulated: EmulatedKeys?
  let emulatedValues: EmulatedValues?

  init(
    _ check: TensorCheck, _ tensor: KernelTensor, _ source: RecipeSource, _ table: RotaryTable?,
    _ trigonometry: ReferenceTrigonometry, head: Int
  ) throws {
    self.head = head
    let layer = tensor.layer
    let keys = try check.input.read(.key, layer: layer.index, head: head)
    let values =
      tensor.kind == .output ? try check.input.read(.value, layer: layer.index, head: head) : nil
    reference = ReferenceHead(
      problem: check.reference, trigonometry: trigonometry, keys: keys,
      keyRows: Array(0..<layer.keyTokens))
    referenceValues = values.map { ReferenceValues($0, channels: layer.headSize) }
    guard let emulation = source.emulation, let table else {
      (emulated, emulatedValues) = (nil, nil)
      return
    }
    emulated = try EmulatedKeys(
      InputMatrix(keys, emulation: emulation, side: .key, layer: layer.index, head: head),
      emulation: emulation, table: table, layer: layer.index, head: head)
    emulatedValues = values.map {
      EmulatedValues(
        InputMatrix($0, emulation: emulation, side: .value, layer: layer.index, head: head),
        emulation: emulation, layer: layer.index, head: head)
    }
  }
}

/// Rows of one query head: its logits, its probabilities or its outputs.
private struct HeadScores: Sendable {
  let head: Int
  private let kind: CheckedStage
  private let format: FloatingPointFormat
  private let keys: ScoreKeys
  private let emulated: EmulatedHead?
  private let queries: [Double]
  private let layer: AttentionLayer
  private let shape: AttentionShape

  init(
    _ check: TensorCheck, _ tensor: KernelTensor, _ source: RecipeSource, _ table: RotaryTable?,
    _ keys: ScoreKeys, head: Int
  ) throws {
    self.head = head
    self.keys = keys
    kind = tensor.kind
    format = tensor.format
    layer = tensor.layer
    shape = try AttentionShape(
      heads: layer.queryHeads, keyValueHeads: layer.kvHeads, queryTokens: layer.queryTokens,
      keyTokens: layer.keyTokens, headSize: layer.headSize)
    queries = try check.input.read(.query, layer: layer.index, head: head)
    if let emulation = source.emulation, let table, let emulatedKeys = keys.emulated {
      emulated = try EmulatedHead(
        InputMatrix(queries, emulation: emulation, side: .query, layer: layer.index, head: head),
        keys: emulatedKeys, emulation: emulation, table: table,
        firstRow: layer.keyTokens - layer.queryTokens,
        layer: layer.index, head: head)
    } else {
      emulated = nil
    }
  }

  /// The keys that a query sees.
  func visible(_ query: Int) -> Range<Int> { shape.causalKeys(ofQuery: query) }

  /// (tile, keys), or (tile, d) of outputs: the exact values rounded to binary64 (logits correctly, others within a bound), and the
  /// greatest bound on the error of one, in units in the last place of the tensor's format at it. Every query sees the keys from 0
  /// on; places of keys that it does not see hold nothing.
  func exactRows(_ tile: Range<Int>) throws -> (values: [Double], bound: Double) {
    let size = layer.headSize
    let ranges = tile.map(visible)
    let rows = tile.map { shape.token(ofQuery: $0) }
    let stored = Array(queries[tile.lowerBound * size..<tile.upperBound * size])
    var scores = [Double](repeating: 0, count: tile.count * layer.keyTokens)
    return try stored.withUnsafeBufferPointer { stored in
      if kind == .logits {
        try scores.withUnsafeMutableBufferPointer {
          _ = try keys.reference.scores(
            queries: stored, queryRows: rows, keys: ranges, into: $0, stride: layer.keyTokens)
        }
        return (scores, 0)
      }
      var outputs = [Double](repeating: 0, count: kind == .output ? tile.count * size : 0)
      var bounds = outputs
      let block = try scores.withUnsafeMutableBufferPointer { scores in
        try outputs.withUnsafeMutableBufferPointer { outputs in
          try bounds.withUnsafeMutableBufferPointer { bounds in
            try keys.reference.attention(
              queries: stored, queryRows: rows, keys: ranges, values: keys.referenceValues,
              probabilities: scores, stride: layer.keyTokens,
              outputs: kind == .output ? outputs : nil, outputBounds: kind == .output ? bounds : nil)
          }
        }
      }
      var greatest = 0.0
      if kind == .output {
        for (output, bound) in zip(outputs, bounds) where bound > 0 {
          if let unit = format.unitInLastPlace(at: output) { greatest = max(greatest, bound / unit) }
        }
        return (outputs, greatest)
      }
      for bound in block.probabilityBounds where bound > 0 {
        // A value below 2^(e + 1) whose ulp is 2^(e − p + 1).
        greatest = max(greatest, bound * Double(sign: .plus, exponent: format.precision, significand: 1))
      }
      return (scores, greatest)
    }
  }

  /// The recipe's rows in the same places; nil where the recipe has none.
  func recipeRows(_ tile: Range<Int>) throws -> [Double]? {
    guard let emulated else { return nil }
    var scores = [Double](repeating: 0, count: tile.count * layer.keyTokens)
    guard kind != .logits else {
      try scores.withUnsafeMutableBufferPointer { scores in
        for query in tile {
          let start = (query - tile.lowerBound) * layer.keyTokens
          try emulated.logits(
            query: query, keys: visible(query),
            into: UnsafeMutableBufferPointer(rebasing: scores[start..<start + visible(query).count]))
        }
      }
      return scores
    }
    var outputs = [Double](repeating: 0, count: kind == .output ? tile.count * layer.headSize : 0)
    try scores.withUnsafeMutableBufferPointer { scores in
      try outputs.withUnsafeMutableBufferPointer { outputs in
        try emulated.attention(
          queries: tile, keys: tile.map(visible), values: keys.emulatedValues, probabilities: scores,
          stride: layer.keyTokens, outputs: kind == .output ? outputs : nil)
      }
    }
    return kind == .output ? outputs : scores
  }
}
