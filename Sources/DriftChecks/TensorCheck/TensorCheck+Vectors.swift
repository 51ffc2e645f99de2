// Tables and rotated vectors, by blocks of tokens: the angles of a block are computed once for all layers and heads.

import EmulatedEngine
import FloatingPointFormats
import ReferenceEngine
import RotaryAttention
import TensorIO

extension TensorCheck {
  /// Tokens whose angles are alive at a time.
  static let blockTokens = 2048
  /// Tokens that one thread takes.
  static let unitTokens = 256

  /// One thread's work: some rows of one head of one tensor (of tables, head 0).
  private struct Unit: Sendable {
    let tensor: Int
    let head: Int
    /// Tokens, counted in the input.
    let tokens: Range<Int>
  }

  /// Compares every table and every rotated tensor.
  func compareVectors(
    _ sources: [RecipeSource], into tallies: inout [TensorTallies], threads: Int,
    progress: @Sendable (Int) -> Void
  ) throws {
    let chosen = kernel.tensors.indices.filter { !kernel.tensors[$0].kind.needsScores }
    guard !chosen.isEmpty else { return }
    let needsTable = chosen.contains { kernel.tensors[$0].kind.stage == "table" }
    for start in stride(from: 0, to: kernel.positions.count, by: Self.blockTokens) {
      let block = start..<min(kernel.positions.count, start + Self.blockTokens)
      let positions = Array(kernel.positions[block])
      let exact = ReferenceVectors(
        problem: reference,
        trigonometry: ReferenceTrigonometry(
          angles: reference.angles, attentionFactor: reference.attentionFactor, positions: positions,
          threads: threads))
      let tables = try recipeTables(sources, chosen, positions, threads: threads)
      let units = chosen.flatMap { self.units(of: $0, in: block) }
      let exactTable = needsTable ? try self.exactTable(exact, rows: block.count, threads: threads) : nil
      let found = try concurrentMap(count: units.count, threads: threads) { number in
        let unit = units[number]
        let tally = try compare(
          unit, sources[unit.tensor], tables[unit.tensor] ?? nil, exact, exactTable, blockStart: start)
        progress(tally.accuracy.count)
        return tally
      }
      for (unit, tally) in zip(units, found) { tallies[unit.tensor].merge(tally) }
    }
  }

  /// The recipe's table at some positions, for each tensor; recipes that are equal share one.
  private func recipeTables(
    _ sources: [RecipeSource], _ chosen: [Int], _ positions: [Int], threads: Int
  ) throws -> [Int: RotaryTable] {
    var known: [(recipe: Recipe, table: RotaryTable)] = []
    var tables: [Int: RotaryTable] = [:]
    for index in chosen {
      guard let emulation = sources[index].emulation else { continue }
      if let same = known.first(where: { $0.recipe == emulation.recipe }) {
        tables[index] = same.table
        continue
      }
      let table = try RotaryTable.table(for: emulation, positions: positions, threads: threads)
      known.append((emulation.recipe, table))
      tables[index] = table
    }
    return tables
  }

  private func units(of index: Int, in block: Range<Int>) -> [Unit] {
    let tensor = kernel.tensors[index]
    let layer = tensor.layer
    let (heads, first) =
      switch tensor.kind {
      case .rotatedQuery: (layer.queryHeads, layer.keyTokens - layer.queryTokens)
      case .rotatedKey: (layer.kvHeads, 0)
      default: (1, 0)
      }
    let tokens = max(block.lowerBound, first)..<max(block.upperBound, first)
    return (0..<heads).flatMap { head in
      stride(from: tokens.lowerBound, to: tokens.upperBound, by: Self.unitTokens).map {
        Unit(tensor: index, head: head, tokens: $0..<min(tokens.upperBound, $0 + Self.unitTokens))
      }
    }
  }

  /// f·cos and f·sin of a block.
  private struct ExactTable: Sendable {
    var cosine: (high: [Double], low: [Double]) = ([], [])
    var sine: (high: [Double], low: [Double]) = ([], [])
  }

  private func exactTable(_ exact: ReferenceVectors, rows: Int, threads: Int) throws -> ExactTable {
    let size = Self.unitTokens
    let pieces = try concurrentMap(count: (rows + size - 1) / size, threads: threads) {
      try exact.table(rows: $0 * size..<min(rows, ($0 + 1) * size))
    }
    var table = ExactTable()
    for piece in pieces {
      table.cosine.high += piece.cosine.high
      table.cosine.low += piece.cosine.low
      table.sine.high += piece.sine.high
      table.sine.low += piece.sine.low
    }
    return table
  }

  private func compare(
    _ unit: Unit, _ source: RecipeSource, _ table: RotaryTable?, _ exact: ReferenceVectors,
    _ exactTable: ExactTable?, blockStart: Int
  ) throws -> TensorTallies {
    let tensor = kernel.tensors[unit.tensor]
    switch tensor.kind {
    case .cosine, .sine:
      return try compareTable(unit, tensor, source, table, exactTable!, blockStart: blockStart)
    default: return try compareVectors(unit, tensor, source, table, exact, blockStart: blockStart)
    }
  }

  private func compareTable(
    _ unit: Unit, _ tensor: KernelTensor, _ source: RecipeSource, _ table: RotaryTable?,
    _ exactTable: ExactTable,
    blockStart: Int
  ) throws -> TensorTallies {
    let pairs = embedding.pairCount
    let columns = tensor.tensor.shape[1]
    let isCosine = tensor.kind == .cosine
    let exact = isCosine ? exactTable.cosine : exactTable.sine
    let stored = table?.storedNumbers.map { isCosine ? $0.cosine : $0.sine }
    let stored0 = try tensor.tensor.elements(
      unit.tokens.lowerBound * columns..<unit.tokens.upperBound * columns)
    var tally = TensorTallies(self, tensor, source, rows: unit.tokens)
    var row = [Double](repeating: 0, count: pairs)
    for token in unit.tokens {
      for pair in 0..<pairs {
        row[pair] =
          stored0[
            (token - unit.tokens.lowerBound) * columns + tensor.pairing.column(ofPair: pair)]
      }
      let place = (token - blockStart) * pairs..<(token - blockStart + 1) * pairs
      Self.withRows([row, exact.high, exact.low, stored ?? []], [0..<pairs, place, place, place]) { buffers in
        tally.add(
          buffers[0], high: buffers[1], low: buffers[2], recipe: stored == nil ? nil : buffers[3], row: token,
          firstIndex: token * columns, stride: tensor.pairing == .neighbours ? 2 : 1)
      }
    }
    return tally
  }

  private func compareVectors(
    _ unit: Unit, _ tensor: KernelTensor, _ source: RecipeSource, _ table: RotaryTable?,
    _ exact: ReferenceVectors,
    blockStart: Int
  ) throws -> TensorTallies {
    let layer = tensor.layer
    let size = layer.headSize
    let isQuery = tensor.kind == .rotatedQuery
    let offset = isQuery ? layer.keyTokens - layer.queryTokens : 0
    let rows = unit.tokens.lowerBound - offset..<unit.tokens.upperBound - offset
    let firstRow = unit.tokens.lowerBound - blockStart
    let vectors = try input.read(
      isQuery ? .query : .key, layer: layer.index, head: unit.head, tokens: rows)
    let rotated = try exact.rotated(vectors, firstRow: firstRow)
    var own: [Double]?
    if let emulation = source.emulation, let table {
      let side: VectorPlace.Side = isQuery ? .query : .key
      let matrix = InputMatrix(
        vectors, emulation: emulation, side: side, layer: layer.index, head: unit.head,
        firstToken: rows.lowerBound)
      own = try emulation.storedVectors(
        matrix, table: table, firstRow: firstRow, side: side, layer: layer.index, head: unit.head)
    }
    let start = (unit.head * (isQuery ? layer.queryTokens : layer.keyTokens) + rows.lowerBound) * size
    let values = try tensor.tensor.elements(start..<start + rows.count * size)
    var tally = TensorTallies(self, tensor, source, rows: rows)
    for row in rows {
      let place = (row - rows.lowerBound) * size..<(row - rows.lowerBound + 1) * size
      Self.withRows([values, rotated.high, rotated.low, own ?? []], [place, place, place, place]) { buffers in
        tally.add(
          buffers[0], high: buffers[1], low: buffers[2], recipe: own == nil ? nil : buffers[3], row: row,
          firstIndex: start + place.lowerBound)
      }
    }
    return tally
  }
}
