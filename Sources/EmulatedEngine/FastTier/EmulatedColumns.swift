// The logits of a few keys against many queries. The queries take the keys' place in the kernels, where they stand in the lanes, and
// the keys the queries': the products and sums of every order are the same.

import FloatingPointFormats
import ReferenceEngine
import RotaryAttention

/// Some consecutive queries of one head, read and rounded only as far as a recipe's way asks for. For one thread.
public final class ColumnQueries {
  /// How many.
  public let count: Int
  /// The first one's index.
  public var firstQuery: Int { place.firstQuery }
  private let emulation: Emulation
  private let place: (layer: Int, head: Int, firstQuery: Int)
  private let format: FloatingPointFormat
  private let rows: [Float]?
  private let stored: () throws -> [Double]
  private var roundedRows: InputMatrix?
  private var packed: VectorPanels??

  /// Queries for all emulations with one input stage.
  ///
  /// - Parameters:
  ///   - emulation: any of them.
  ///   - count: how many queries.
  ///   - format: what the stored values are of.
  ///   - rows: (count, d) row-major as stored; nil for binary64.
  ///   - stored: the same in binary64; not asked for where it is not needed.
  ///   - layer: with the next two what makes random words distinct.
  ///   - head: the query head.
  ///   - firstQuery: the first query's index.
  public init(
    _ emulation: Emulation, count: Int, format: FloatingPointFormat, rows: [Float]?,
    stored: @escaping () throws -> [Double], layer: Int, head: Int, firstQuery: Int
  ) {
    (self.emulation, self.count, self.format, self.rows) = (emulation, count, format, rows)
    self.stored = stored
    place = (layer, head, firstQuery)
  }

  /// The queries after the input stage.
  ///
  /// - Throws: what reading throws.
  public func matrix() throws -> InputMatrix {
    if let roundedRows { return roundedRows }
    let matrix = InputMatrix(
      try stored(), emulation: emulation, side: .query, layer: place.layer, head: place.head,
      firstToken: place.firstQuery)
    roundedRows = matrix
    return matrix
  }

  /// The same in panels; nil where they need not be binary32 numbers.
  func panels() throws -> VectorPanels? {
    if let packed { return packed }
    let input = emulation.recipe.input
    let columns = emulation.embedding.headSize
    var result: VectorPanels?
    if let rows, input.keeps(format) {
      result = rows.withUnsafeBufferPointer {
        VectorPanels($0, columns: columns, width: format.precision)
      }
    } else if (input.stored ?? format).isSubset(of: .fp32) {
      result = try matrix().values.withUnsafeBufferPointer {
        VectorPanels($0, columns: columns, width: (input.stored ?? format).precision)
      }
    }
    packed = .some(result)
    return result
  }
}

/// A few keys of one key head under one recipe at one shift.
public struct EmulatedColumns: Sendable {
  private let emulation: Emulation
  private let tokens: [Int]
  private let plan: DotPlan
  private let keys: DotVectors
  private let rotation: PanelRotation?
  private let stages: RowStages

  /// Rotates the keys: token t of an input has row t of its table.
  ///
  /// - Parameters:
  ///   - inputs: keys after the input stage, each matrix with a table of its own.
  ///   - emulation: the recipe.
  ///   - layer: with `head` what makes random words distinct.
  ///   - head: the key head.
  /// - Returns: nil where the kernels of dot products do not compute the recipe's sums; ``EmulatedHead`` does.
  /// - Throws: ``UndecidedRounding``.
  public init?(
    _ inputs: [(matrix: InputMatrix, table: RotaryTable)], emulation: Emulation, layer: Int, head: Int
  ) throws {
    guard let plan = emulation.dotPlan else { return nil }
    let size = emulation.embedding.headSize
    var values: [Double] = []
    var tokens: [Int] = []
    for (matrix, table) in inputs {
      let rotated = try emulation.rotatedMatrix(
        matrix, table: table, firstRow: 0, side: .key, layer: layer, head: head)
      guard case .numbers(let numbers) = rotated else { return nil }
      values += numbers
      tokens += (0..<numbers.count / size).map { matrix.firstToken + $0 }
    }
    (self.emulation, self.plan, self.tokens) = (emulation, plan, tokens)
    keys = DotVectors(values, side: .query, plan: plan, channels: size)
    let recipe = emulation.recipe
    let readsStored = !recipe.logit.scalesOperand(of: .query) && recipe.dot.operand(of: .query).isExact
    rotation = readsStored && !plan.readsBinary64 ? PanelRotation(recipe, emulation.embedding) : nil
    stages = RowStages(emulation)
  }

  /// Whether ``logits(of:table:panels:firstRow:layer:head:path:)`` has a use for panels of the table.
  public var readsPanels: Bool { rotation != nil }

  /// The logits, rounded to binary64 where the recipe leaves them exact: those of key j against all queries from j·count on, bit for
  /// bit those of ``EmulatedHead``.
  ///
  /// - Parameters:
  ///   - queries: the queries.
  ///   - table: query i has row i + firstRow of it.
  ///   - panels: the same rows in panels; nil where there are none.
  ///   - firstRow: see `table`.
  ///   - layer: with `head` what makes random words distinct.
  ///   - head: the query head.
  ///   - path: the widest vectors, or none.
  /// - Returns: nil where rotated queries stay exact reals.
  /// - Throws: ``UndecidedRounding``, and what reading throws.
  public func logits(
    of queries: ColumnQueries, table: RotaryTable, panels: TablePanels?, firstRow: Int, layer: Int, head: Int,
    path: KernelPath = .ofProcess
  ) throws -> [Double]? {
    guard
      let vectors = try rotated(
        queries, table: table, panels: panels, firstRow: firstRow, layer: layer, head: head, path: path)
    else { return nil }
    let count = queries.count
    return try [Double](unsafeUninitializedCapacity: tokens.count * count) { logits, initialized in
      keys.accumulate(
        plan, queries: 0..<tokens.count, keys: vectors, range: 0..<count, path: path, into: logits,
        stride: count)
      for (index, key) in tokens.enumerated() {
        try stages.scale(
          column: UnsafeMutableBufferPointer(rebasing: logits[index * count..<(index + 1) * count]),
          firstQuery: queries.firstQuery, key: key, layer: layer, head: head)
      }
      initialized = tokens.count * count
    }
  }

  /// The rotated queries in panels: rotated there where that is possible, else row by row and packed.
  private func rotated(
    _ queries: ColumnQueries, table: RotaryTable, panels: TablePanels?, firstRow: Int, layer: Int, head: Int,
    path: KernelPath
  ) throws -> DotVectors? {
    if let rotation, let panels, let vectors = try queries.panels(),
      let rotated = rotation.rotate(vectors, panels, allowsVectors: path.allowsVectors)
    {
      return DotVectors(rotated)
    }
    let matrix = try emulation.rotatedMatrix(
      try queries.matrix(), table: table, firstRow: firstRow, side: .query, layer: layer, head: head)
    guard case .numbers(let values) = matrix else { return nil }
    return DotVectors(values, side: .key, plan: plan, channels: emulation.embedding.headSize)
  }
}
