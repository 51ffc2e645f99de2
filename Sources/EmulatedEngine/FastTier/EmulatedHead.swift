// One head under one recipe at one shift: its rotated vectors, and its logits row by row.

import ArbitraryPrecision
import FloatingPointFormats
import ReferenceEngine
import RotaryAttention

/// The keys of one key head, rotated and stored as a recipe stores them; shared by the query heads of its group.
public final class EmulatedKeys: Sendable {
  let matrix: RotatedMatrix
  let blocks: KeyBlocks?
  let wideBlocks: WideKeyBlocks?
  let certified: CertifiedDot?
  /// The first key's index in the file.
  let firstToken: Int

  /// Rotates the keys: token t has row t of the table.
  ///
  /// - Throws: ``UndecidedRounding``.
  public init(
    _ input: InputMatrix, emulation: Emulation, table: RotaryTable, layer: Int, head: Int
  ) throws {
    let rotated = try emulation.rotatedMatrix(
      input, table: table, firstRow: 0, side: .key, layer: layer, head: head)
    if case .numbers(let values) = rotated, emulation.usesBinary32Kernel {
      blocks = KeyBlocks(values, channels: emulation.embedding.headSize)
      matrix = .packed
      wideBlocks = nil
    } else {
      blocks = nil
      matrix = rotated
      wideBlocks =
        if case .numbers(let values) = rotated {
          WideKeyBlocks(values, emulation.recipe.dot, channels: emulation.embedding.headSize)
        } else { nil }
    }
    firstToken = input.firstToken
    certified = try CertifiedDot(emulation: emulation, table: table, keys: input.values)
  }
}

/// The logits of one query head against the keys of its group.
public final class EmulatedHead: Sendable {
  private let emulation: Emulation
  private let keys: EmulatedKeys
  private let queries: RotatedMatrix
  private let positions: TokenPositions
  private let singleQueries: [Float]
  private let firstRow: Int
  private let firstToken: Int
  private let layer: Int
  private let head: Int
  private let dotArithmetic: ScalarArithmetic?
  private let logitStage: RowStages

  /// Rotates the queries: query i has row i + firstRow of the table.
  ///
  /// - Throws: ``UndecidedRounding``.
  public init(
    _ input: InputMatrix, keys: EmulatedKeys, emulation: Emulation, table: RotaryTable, firstRow: Int,
    layer: Int, head: Int
  ) throws {
    self.emulation = emulation
    self.keys = keys
    self.firstRow = firstRow
    firstToken = input.firstToken
    positions = table.positions
    self.layer = layer
    self.head = head
    let rotated = try emulation.rotatedMatrix(
      input, table: table, firstRow: firstRow, side: .query, layer: layer, head: head)
    if case .numbers(let values) = rotated, keys.blocks != nil {
      singleQueries = values.map { Float($0) }
      queries = .packed
    } else {
      singleQueries = []
      queries = rotated
    }
    let chain = emulation.recipe.dot.rounding
    dotArithmetic = chain.isExact ? nil : ScalarArithmetic(chain)
    logitStage = RowStages(emulation)
  }

  /// The logits of one query against a range of keys, both counted from the first of their matrices, rounded to binary64 where the recipe leaves them exact.
  ///
  /// - Throws: ``UndecidedRounding``.
  public func logits(
    query: Int, keys range: Range<Int>, into row: UnsafeMutableBufferPointer<Double>
  ) throws {
    let size = emulation.embedding.headSize
    let row = UnsafeMutableBufferPointer(rebasing: row[0..<range.count])
    if let certified = keys.certified, case .unrotated(let values) = queries,
      try certified.logits(
        query: Array(values[query * size..<(query + 1) * size]), queryRow: query + firstRow, keys: range,
        head: place(query, 0), into: row)
    {
      return
    }
    if let blocks = keys.blocks, !singleQueries.isEmpty {
      singleQueries.withUnsafeBufferPointer { queries in
        let vector = UnsafeBufferPointer(rebasing: queries[query * size..<(query + 1) * size])
        blocks.accumulate(emulation.recipe.dot.order, vector, keys: range, into: row)
      }
      try scale(row, query: query, keys: range)
      return
    }
    if let blocks = keys.wideBlocks, case .numbers(let q) = queries {
      q.withUnsafeBufferPointer {
        blocks.accumulate($0.baseAddress! + query * size, keys: range, into: row)
      }
      try scale(row, query: query, keys: range)
      return
    }
    if case .numbers(let q) = queries, case .numbers(let k) = keys.matrix, let dotArithmetic {
      var accumulation = ScalarAccumulation(emulation.recipe.dot, dotArithmetic, channels: size)
      q.withUnsafeBufferPointer { q in
        k.withUnsafeBufferPointer { k in
          for (offset, key) in range.enumerated() {
            row[offset] = accumulation.accumulate(
              q.baseAddress! + query * size, k.baseAddress! + key * size, channels: size,
              place(query, key).counter(.dot))
          }
        }
      }
      try scale(row, query: query, keys: range)
      return
    }
    for (offset, key) in range.enumerated() {
      row[offset] = try plainLogit(query: query, key: key).binary64()
    }
  }

  private func place(_ query: Int, _ key: Int) -> ScorePlace {
    ScorePlace(query: firstToken + query, key: keys.firstToken + key, layer: layer, head: head)
  }

  private func scale(_ row: UnsafeMutableBufferPointer<Double>, query: Int, keys range: Range<Int>) throws {
    try logitStage.scale(
      row, query: firstToken + query,
      keys: keys.firstToken + range.lowerBound..<keys.firstToken + range.upperBound,
      layer: layer, head: head)
  }

  private func plainLogit(query: Int, key: Int) throws -> StageValue {
    let q = try vector(queries, query, side: .query)
    let k = try vector(keys.matrix, key, side: .key)
    return try emulation.logit(emulation.dot(q, k, place(query, key)), place(query, key)).logit
  }

  private func vector(_ matrix: RotatedMatrix, _ token: Int, side: VectorPlace.Side) throws -> [StageValue] {
    let size = emulation.embedding.headSize
    switch matrix {
    case .numbers(let values): return values[token * size..<(token + 1) * size].map(StageValue.number)
    case .values(let rows): return rows[token]
    case .packed: preconditionFailure("packed vectors go through their kernel")
    case .unrotated(let values):
      // What the certified tier leaves: vectors with a NaN or an infinity. The plain tier gives them IEEE 754's results.
      let position = positions.position(ofToken: side == .query ? token + firstRow : token)
      let place = VectorPlace(
        side, token: (side == .query ? firstToken : keys.firstToken) + token, layer: layer, head: head)
      let table = try (0..<emulation.embedding.pairCount).map {
        try emulation.tableEntry(position: position, pair: $0)
      }
      let input = values[token * size..<(token + 1) * size].map(StageValue.number)
      let stored = try emulation.rotated(emulation.rotation(input, table: table, place), place)
      return try emulation.operands(stored, place)
    }
  }
}

extension Emulation {
  /// Whether the dot stage is what ``KeyBlocks`` computes: binary32, nearest even, on binary32 operands.
  var usesBinary32Kernel: Bool {
    recipe.dot.rounding == RoundingChain([.fp32]) && KeyBlocks.computes(recipe.dot.order)
      && hasBinary32Operands(.query) && hasBinary32Operands(.key)
  }

  private func hasBinary32Operands(_ side: VectorPlace.Side) -> Bool {
    if let stored = recipe.dot.operand(of: side).stored { return stored.isSubset(of: .fp32) }
    if recipe.logit.scalesOperand(of: side) {
      return recipe.logit.scaledOperand.stored?.isSubset(of: .fp32) == true
    }
    return (recipe.rotated.stored ?? recipe.rotation.rounding.stored)?.isSubset(of: .fp32) == true
      && (embedding.rotarySize == embedding.headSize || recipe.rotated.stored != nil
        || recipe.input.stored?.isSubset(of: .fp32) == true)
  }
}
