// Vectors side by side in the kernels' lanes, and their rotation there: with a few keys and many queries it is the queries that fill
// the lanes.

import FloatingPointFormats
import ReferenceEngine
import RotaryAttention
import RoundingKernels

/// Rows of binary32 numbers in panels of 32, column by column.
struct VectorPanels: Sendable {
  /// Number of rows.
  let count: Int
  /// Numbers of a row.
  let columns: Int
  /// No number has a significand of more bits.
  let width: Int
  /// (panels, columns, 32), zeros in the lanes beyond.
  let values: [Float]
  /// What is known of the numbers of each panel.
  let ranges: [ropedrift_dot_range]

  fileprivate init(
    count: Int, columns: Int, width: Int, values: [Float], ranges: [ropedrift_dot_range]
  ) {
    (self.count, self.columns, self.width) = (count, columns, width)
    (self.values, self.ranges) = (values, ranges)
  }

  /// Packs binary32 rows.
  init(_ rows: UnsafeBufferPointer<Float>, columns: Int, width: Int, path: KernelPath = .ofProcess) {
    self.init(
      UnsafeRawBufferPointer(rows), isBinary32: true, count: columns > 0 ? rows.count / columns : 0,
      columns: columns, width: width, path: path)
  }

  /// Packs rows of binary64 numbers that binary32 holds.
  init(_ rows: UnsafeBufferPointer<Double>, columns: Int, width: Int, path: KernelPath = .ofProcess) {
    self.init(
      UnsafeRawBufferPointer(rows), isBinary32: false, count: columns > 0 ? rows.count / columns : 0,
      columns: columns, width: width, path: path)
  }

  private init(
    _ rows: UnsafeRawBufferPointer, isBinary32: Bool, count: Int, columns: Int, width: Int, path: KernelPath
  ) {
    let panels = Self.panels(of: count)
    var ranges = [ropedrift_dot_range](repeating: ropedrift_dot_range(), count: panels)
    let room = panels * columns * Int(ROPEDRIFT_DOT_PANEL)
    values = [Float](unsafeUninitializedCapacity: room) { values, initialized in
      if let start = rows.baseAddress, room > 0 {
        ropedrift_pack_panels(
          start, isBinary32 ? 1 : 0, count, columns, Int32(width), path.allowsVectors, values.baseAddress,
          &ranges)
        initialized = room
      }
    }
    (self.count, self.columns, self.width, self.ranges) = (count, columns, width, ranges)
  }

  fileprivate static func panels(of count: Int) -> Int {
    (count + Int(ROPEDRIFT_DOT_PANEL) - 1) / Int(ROPEDRIFT_DOT_PANEL)
  }
}

/// The cosines and sines of consecutive positions in panels, a position a lane.
public struct TablePanels: Sendable {
  let cosines: VectorPanels
  let sines: VectorPanels

  init(cosines: VectorPanels, sines: VectorPanels) { (self.cosines, self.sines) = (cosines, sines) }

  /// Rows of a table, or nil where the recipe's entries need not be binary32 numbers.
  ///
  /// - Parameters:
  ///   - table: with numbers for `rows`.
  ///   - rows: which rows of it.
  ///   - emulation: the recipe.
  public init?(_ table: RotaryTable, rows: Range<Int>, emulation: Emulation) {
    guard case .numbers(let cosine, let sine) = table.storage,
      let format = emulation.recipe.table.stored ?? emulation.recipe.trig.rounding.stored,
      format.isSubset(of: .fp32)
    else { return nil }
    let pairs = emulation.embedding.pairCount
    func panels(_ numbers: [Double]) -> VectorPanels {
      numbers.withUnsafeBufferPointer {
        VectorPanels(
          UnsafeBufferPointer(rebasing: $0[rows.lowerBound * pairs..<rows.upperBound * pairs]),
          columns: pairs, width: format.precision)
      }
    }
    (cosines, sines) = (panels(cosine), panels(sine))
  }
}

/// The rotation and rotated stages on panels.
struct PanelRotation: Sendable {
  private let plan: ropedrift_rotation_plan
  private let recipe: Recipe

  /// Nil where ``RotationPlan`` is, and where binary32 lanes do not give the stages' roundings: products that stay exact, fused steps
  /// in other formats than binary32, formats of more than 11 bits other than it.
  init?(_ recipe: Recipe, _ embedding: RotaryEmbedding) {
    guard var plan = RotationPlan(recipe, embedding)?.plan, embedding.pairCount > 0 else { return nil }
    // What storing changes nothing of is not stored again.
    if recipe.rotated.keeps(recipe.rotation.rounding.stored),
      embedding.rotarySize == embedding.headSize
        || recipe.input.stored.map({ recipe.rotated.keeps($0) }) == true
    {
      plan.stored_count = 0
    }
    guard ropedrift_rotation_computes_panels(&plan) != 0 else { return nil }
    self.plan = plan
    self.recipe = recipe
  }

  /// Rotates vectors, each by the table's entry in its lane; nil where a product might be no binary32 number.
  func rotate(_ vectors: VectorPanels, _ table: TablePanels, allowsVectors: Int32) -> VectorPanels? {
    precondition(
      vectors.columns == plan.channels && table.cosines.columns == plan.pairs
        && table.cosines.count == vectors.count)
    guard vectors.count > 0 else { return vectors }
    var plan = plan
    let rotated = recipe.rotation.rounding.formats[recipe.rotation.rounding.formats.count - 1].precision
    let width =
      plan.stored_count > 0
      ? recipe.rotated.formats[recipe.rotated.formats.count - 1].precision
      : plan.channels == 2 * plan.pairs ? rotated : max(rotated, vectors.width)
    var ranges = vectors.ranges
    var left = 0
    let values = [Float](unsafeUninitializedCapacity: vectors.values.count) { values, initialized in
      left = ropedrift_rotate_panels(
        &plan, vectors.values, vectors.ranges, table.cosines.values, table.cosines.ranges, table.sines.values,
        table.sines.ranges, vectors.ranges.count, Int32(width), allowsVectors, values.baseAddress, &ranges)
      initialized = left == 0 ? vectors.values.count : 0
    }
    guard left == 0 else { return nil }
    return VectorPanels(
      count: vectors.count, columns: vectors.columns, width: width, values: values, ranges: ranges)
  }
}
