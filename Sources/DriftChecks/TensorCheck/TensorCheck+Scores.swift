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
    let chosen = kernel.tensors.indices.filter { kernel.tensors[$0].kind == .logits }
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
      let layer = kernel.tensors[index].layer
      var group: ScoreKeys?
      for head in 0..<layer.queryHeads {
        let keyHead = layer.kvHead(ofQueryHead: head)
        if group?.head != keyHead {
          group = nil
          group = try ScoreKeys(self, source, table, trigonometry, layer, head: keyHead)
        }
        let rows = try HeadScores(self, source, table, group!, layer, head: head)
        let tiles = stride(from: 0, to: layer.queryTokens, by: Self.tileQueries).map {
          $0..<min(layer.queryTokens, $0 + Self.tileQueries)
        }
        let found = try concurrentMap(count: tiles.count, threads: threads) { number in
          let tally = try compareLogits(tiles[number], rows, kernel.tensors[index], source)
          progress(tally.accuracy.count)
          return tally
        }
        for tally in found { tallies[index].merge(tally) }
      }
    }
  }

  private func compareLogits(
    _ tile: Range<Int>, _ head: HeadScores, _ tensor: KernelTensor, _ source: RecipeSource
  ) throws -> TensorTallies {
    let layer = tensor.layer
    let exact = try head.exactScores(tile)
    var tally = TensorTallies(self, tensor, source, rows: tile)
    for query in tile {
      let visible = head.visible(query)
      let start = (head.head * layer.queryTokens + query) * layer.keyTokens
      let values = try tensor.tensor.elements(start + visible.lowerBound..<start + visible.upperBound)
      let own = try head.recipeScores(query)
      let first = (query - tile.lowerBound) * layer.keyTokens
      let all = 0..<visible.count
      Self.withRows([values, exact, own ?? []], [all, first..<first + visible.count, all]) { buffers in
        tally.add(
          buffers[0], high: buffers[1], low: nil, recipe: own == nil ? nil : buffers[2], row: query,
          firstIndex: start + visible.lowerBound)
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

/// The keys of one key head, for the exact scores and for the recipe's.
private struct ScoreKeys: Sendable {
  let head: Int
  let reference: ReferenceHead
  let emulated: EmulatedKeys?

  init(
    _ check: TensorCheck, _ source: RecipeSource, _ table: RotaryTable?,
    _ trigonometry: ReferenceTrigonometry,
    _ layer: AttentionLayer, head: Int
  ) throws {
    self.head = head
    let keys = try check.input.read(.key, layer: layer.index, head: head)
    reference = ReferenceHead(
      problem: check.reference, trigonometry: trigonometry, keys: keys, keyRows: Array(0..<layer.keyTokens))
    if let emulation = source.emulation, let table {
      emulated = try EmulatedKeys(
        InputMatrix(keys, emulation: emulation, side: .key, layer: layer.index, head: head),
        emulation: emulation, table: table, layer: layer.index, head: head)
    } else {
      emulated = nil
    }
  }
}

/// The scores of one query head.
private struct HeadScores: Sendable {
  let head: Int
  private let keys: ScoreKeys
  private let emulated: EmulatedHead?
  private let queries: [Double]
  private let layer: AttentionLayer
  private let shape: AttentionShape

  init(
    _ check: TensorCheck, _ source: RecipeSource, _ table: RotaryTable?, _ keys: ScoreKeys,
    _ layer: AttentionLayer,
    head: Int
  ) throws {
    self.head = head
    self.keys = keys
    self.layer = layer
    shape = try AttentionShape(
      heads: layer.queryHeads, keyValueHeads: layer.kvHeads, queryTokens: layer.queryTokens,
      keyTokens: layer.keyTokens, headSize: layer.headSize)
    queries = try check.input.read(.query, layer: layer.index, head: head)
    if let emulation = source.emulation, let table, let emulatedKeys = keys.emulated {
      emulated = try EmulatedHead(
        InputMatrix(queries, emulation: emulation, side: .query, layer: layer.index, head: head),
        keys: emulatedKeys, emulation: emulation, table: table, firstRow: layer.keyTokens - layer.queryTokens,
        layer: layer.index, head: head)
    } else {
      emulated = nil
    }
  }

  /// The keys that a query sees.
  func visible(_ query: Int) -> Range<Int> { AttentionMask.causal.visibleKeys(ofQuery: query, in: shape) }

  /// (tile, keys): exact scores, correctly rounded to binary64; places of keys that a query does not see hold nothing.
  func exactScores(_ tile: Range<Int>) throws -> [Double] {
    let size = layer.headSize
    var scores = [Double](repeating: 0, count: tile.count * layer.keyTokens)
    try scores.withUnsafeMutableBufferPointer { scores in
      try queries.withUnsafeBufferPointer { queries in
        _ = try keys.reference.scores(
          queries: UnsafeBufferPointer(
            rebasing: queries[tile.lowerBound * size..<tile.upperBound * size]),
          queryRows: tile.map { shape.token(ofQuery: $0) }, keys: tile.map(visible), into: scores,
          stride: layer.keyTokens)
      }
    }
    return scores
  }

  /// The recipe's logits of one query against the keys that it sees; nil where the recipe has none.
  func recipeScores(_ query: Int) throws -> [Double]? {
    guard let emulated else { return nil }
    let visible = visible(query)
    var row = [Double](repeating: 0, count: visible.count)
    try row.withUnsafeMutableBufferPointer {
      try emulated.logits(query: query, keys: visible, into: $0)
    }
    return row
  }
}
