// One head under one recipe at one shift: its rotated vectors, and its logits row by row.

import ArbitraryPrecision
import FloatingPointFormats
import ReferenceEngine
import RotaryAttention

/// The keys of one key head, rotated and stored as a recipe stores them; shared by the query heads of its group.
public final class EmulatedKeys: Sendable {
  let matrix: RotatedMatrix
  let packed: (plan: DotPlan, vectors: DotVectors)?
  let certified: CertifiedDot?
  /// The first key's index in the file.
  let firstToken: Int
  let table: RotaryTable
  /// The same for the scores before the logit stage, where a softmax stage reads those.
  let certifiedScores: CertifiedDot?

  /// Rotates the keys: token t has row t of the table.
  ///
  /// - Throws: ``UndecidedRounding``.
  public init(
    _ input: InputMatrix, emulation: Emulation, table: RotaryTable, layer: Int, head: Int
  ) throws {
    let rotated = try emulation.rotatedMatrix(
      input, table: table, firstRow: 0, side: .key, layer: layer, head: head)
    if case .numbers(let values) = rotated, let plan = emulation.dotPlan {
      packed = (
        plan, DotVectors(values, side: .key, plan: plan, channels: emulation.embedding.headSize)
      )
      // Queries that stay exact reals meet the keys one by one; only operands that are binary32 numbers on both sides cannot be.
      matrix = plan.readsBinary64 ? rotated : .packed
    } else {
      packed = nil
      matrix = rotated
    }
    firstToken = input.firstToken
    self.table = table
    certified = try CertifiedDot(emulation: emulation, table: table, keys: input.values)
    certifiedScores =
      certified != nil && emulation.readsScores
      ? try CertifiedDot(emulation: emulation.withStoredScoresAsLogits(), table: table, keys: input.values)
      : nil
  }
}

/// The logits of one query head against the keys of its group.
public final class EmulatedHead: Sendable {
  let emulation: Emulation
  private let keys: EmulatedKeys
  private let queries: RotatedMatrix
  private let table: RotaryTable
  private let packedQueries: DotVectors?
  private let firstRow: Int
  private let firstToken: Int
  private let layer: Int
  private let head: Int
  private let dotArithmetic: ScalarArithmetic?
  private let logitStage: RowStages
  private let givesScores: Bool
  let rowAttention: RowAttention
  let softmaxInputStage: SoftmaxInputStage?
  /// The same vectors with the scores before the logit stage in the place of logits; nil where the softmax stage reads logits.
  let scoreHead: EmulatedHead?
  var headSize: Int { emulation.embedding.headSize }
  var firstKeyToken: Int { keys.firstToken }

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
    self.table = table
    self.layer = layer
    self.head = head
    let rotated = try emulation.rotatedMatrix(
      input, table: table, firstRow: firstRow, side: .query, layer: layer, head: head)
    if case .numbers(let values) = rotated, let plan = keys.packed?.plan {
      packedQueries = DotVectors(
        values, side: .query, plan: plan, channels: emulation.embedding.headSize)
      queries = .packed
    } else {
      packedQueries = nil
      queries = rotated
    }
    let chain = emulation.recipe.dot.rounding
    dotArithmetic = chain.isExact ? nil : ScalarArithmetic(chain)
    logitStage = RowStages(emulation)
    givesScores = false
    rowAttention = RowAttention(emulation)
    softmaxInputStage = SoftmaxInputStage(emulation)
    scoreHead =
      emulation.readsScores
      ? EmulatedHead(
        scoresOf: emulation, keys: keys, queries: queries, packed: packedQueries, table: table,
        firstRow: firstRow, firstToken: firstToken, layer: layer, head: head) : nil
  }

  /// A head of these vectors with its stored scores in the place of logits.
  private init(
    scoresOf emulation: Emulation, keys: EmulatedKeys, queries: RotatedMatrix, packed: DotVectors?,
    table: RotaryTable, firstRow: Int, firstToken: Int, layer: Int, head: Int
  ) {
    self.emulation = emulation.withStoredScoresAsLogits()
    (self.keys, self.queries, self.table, packedQueries) = (keys, queries, table, packed)
    (self.firstRow, self.firstToken, self.layer, self.head) = (firstRow, firstToken, layer, head)
    let chain = emulation.recipe.dot.rounding
    dotArithmetic = chain.isExact ? nil : ScalarArithmetic(chain)
    logitStage = RowStages(self.emulation)
    givesScores = true
    rowAttention = RowAttention(emulation)
    softmaxInputStage = SoftmaxInputStage(emulation)
    scoreHead = nil
  }

  /// Whether a block of logits costs less than its rows one by one.
  public var gainsFromBlocks: Bool { keys.packed != nil && packedQueries != nil }

  /// The logits of a block of queries against a range of keys, rounded to binary64 where the recipe leaves them exact: that of query
  /// i and key j, counted from the ranges' beginnings, at place i·stride + j. Faster than row by row where the kernels know the
  /// recipe's dot stage, and the same bits.
  ///
  /// - Parameters:
  ///   - queries: which queries; may be empty.
  ///   - range: which keys; may be empty.
  ///   - block: room for the last place at least; other places are left alone.
  ///   - stride: places from one query's logits to the next one's.
  /// - Throws: ``UndecidedRounding``.
  public func logits(
    queries: Range<Int>, keys range: Range<Int>, into block: UnsafeMutableBufferPointer<Double>, stride: Int
  ) throws {
    guard !queries.isEmpty, !range.isEmpty else { return }
    func row(_ query: Int) -> UnsafeMutableBufferPointer<Double> {
      let start = (query - queries.lowerBound) * stride
      return UnsafeMutableBufferPointer(rebasing: block[start..<start + range.count])
    }
    guard let packed = keys.packed, let packedQueries else {
      for query in queries { try logits(query: query, keys: range, into: row(query)) }
      return
    }
    packedQueries.accumulate(
      packed.plan, queries: queries, keys: packed.vectors, range: range, into: block, stride: stride)
    for query in queries { try scale(row(query), query: query, keys: range) }
  }

  /// The logits of one query against a range of keys, both counted from the first of their matrices; rounded to binary64 where the
  /// recipe leaves them exact.
  ///
  /// - Throws: ``UndecidedRounding``.
  public func logits(
    query: Int, keys range: Range<Int>, into row: UnsafeMutableBufferPointer<Double>
  ) throws {
    let size = emulation.embedding.headSize
    let row = UnsafeMutableBufferPointer(rebasing: row[0..<range.count])
    if let certified = givesScores ? keys.certifiedScores : keys.certified,
      case .unrotated(let values) = queries,
      try certified.logits(
        query: Array(values[query * size..<(query + 1) * size]), queryRow: query + firstRow, keys: range,
        head: place(query, 0), into: row)
    {
      return
    }
    if let packed = keys.packed, let packedQueries {
      packedQueries.accumulate(
        packed.plan, queries: query..<query + 1, keys: packed.vectors, range: range, into: row,
        stride: range.count)
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

  /// Where a query's row stands.
  func scorePlace(_ query: Int) -> ScorePlace {
    ScorePlace(query: firstToken + query, key: 0, layer: layer, head: head)
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
      let position =
        side == .query
        ? table.position(ofRow: token + firstRow) : keys.table.position(ofRow: token)
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
  /// The dot stage for the kernels; nil where they do not know it, or where it reads operands that need not be binary32 numbers.
  var dotPlan: DotPlan? {
    guard let plan = DotPlan(recipe.dot) else { return nil }
    if plan.readsBinary64 { return plan }
    return hasBinary32Operands(.query) && hasBinary32Operands(.key) ? plan : nil
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
