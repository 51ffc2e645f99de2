// The dot stage by the compiled kernels: which recipes they compute, and vectors in the form in which they read them.

import FloatingPointFormats
import ReferenceEngine
import RoundingKernels

/// A dot stage as the kernels take it.
struct DotPlan: Sendable {
  var plan: ropedrift_dot_plan
  /// Whether the operands are read as binary64; binary32 numbers otherwise.
  let readsBinary64: Bool

  /// Nil where the kernels do not compute the stage: exact sums, lanes added in order, fused blocks, more than two roundings, another rounding than to nearest even (but
  /// for a matrix unit's own), formats without subnormals or of more than 50 bits that are not binary64.
  init?(_ dot: Recipe.Dot) {
    var plan = ropedrift_dot_plan()
    switch dot.order {
    case .sequential: plan.order = Int32(ROPEDRIFT_DOT_IN_ORDER)
    case .sequentialFused: (plan.order, plan.is_fused) = (Int32(ROPEDRIFT_DOT_IN_ORDER), 1)
    case .pairwise: plan.order = Int32(ROPEDRIFT_DOT_PAIRWISE)
    case .lanes(let count, let neighbours, let isFused):
      (plan.order, plan.is_fused) = (Int32(ROPEDRIFT_DOT_LANES), isFused ? 1 : 0)
      (plan.count, plan.neighbours) = (count, neighbours)
    case .blocks(let size): (plan.order, plan.count) = (Int32(ROPEDRIFT_DOT_BLOCKS), size)
    case .tensorCore(let block, let bits, let rounding):
      guard rounding == .towardZero || rounding == .nearestEven else { return nil }
      (plan.order, plan.count) = (Int32(ROPEDRIFT_DOT_TENSOR_CORE), block)
      (plan.alignment_bits, plan.truncates) = (Int32(bits), rounding == .towardZero ? 1 : 0)
    case .lanesInOrder, .blocksFused, .exact: return nil
    }
    let formats = dot.rounding.formats.compactMap(ropedrift_narrow_format.init)
    guard dot.rounding.rounding == .nearestEven, (1...2).contains(formats.count),
      formats.count == dot.rounding.formats.count
    else { return nil }
    plan.format_count = Int32(formats.count)
    plan.formats.0 = formats[0]
    plan.formats.1 = formats[formats.count - 1]
    guard ropedrift_dot_computes(&plan) != 0 else { return nil }
    readsBinary64 = ropedrift_dot_reads_binary64(&plan) != 0
    self.plan = plan
  }
}

extension ropedrift_narrow_format {
  /// Nil where the fields cannot say what the format is.
  init?(_ format: FloatingPointFormat) {
    guard format.hasSubnormals, format.isSubset(of: .fp64) else { return nil }
    let largest = format.double(of: format.largestFiniteEncoding(isNegative: false))
    self.init(
      precision: Int32(format.precision), minimum_exponent: Int32(format.minimumExponent),
      maximum_exponent: Int32(format.maximumExponent), largest: largest,
      above_largest: format.saturates ? largest : format.specialValues == .nanOnly ? .nan : .infinity)
  }
}

/// One side's operands, packed for a plan.
struct DotVectors: Sendable {
  private enum Values: Sendable {
    case single([Float])
    case wide([Double])
  }

  /// Number of vectors.
  let count: Int
  private let channels: Int
  private let values: Values
  private let ranges: [ropedrift_dot_range]

  /// Packs a (count, channels) row-major matrix, of binary32 values unless the plan reads binary64.
  init(_ matrix: [Double], side: VectorPlace.Side, plan: DotPlan, channels: Int) {
    let count = matrix.count / channels
    let panels = (count + Int(ROPEDRIFT_DOT_PANEL) - 1) / Int(ROPEDRIFT_DOT_PANEL)
    let room = side == .query ? count * channels : panels * channels * Int(ROPEDRIFT_DOT_PANEL)
    var plan = plan
    var ranges = [ropedrift_dot_range](
      repeating: ropedrift_dot_range(), count: side == .query ? count : panels)
    func pack(_ values: UnsafeMutableRawPointer?) {
      let pack = side == .query ? ropedrift_dot_pack_queries : ropedrift_dot_pack_keys
      pack(
        &plan.plan, matrix, count, channels, KernelPath.ofProcess.allowsVectors, values, &ranges)
    }
    if plan.readsBinary64 {
      var wide = [Double](repeating: 0, count: room)
      wide.withUnsafeMutableBytes { pack($0.baseAddress) }
      values = .wide(wide)
    } else {
      var single = [Float](repeating: 0, count: room)
      single.withUnsafeMutableBytes { pack($0.baseAddress) }
      values = .single(single)
    }
    self.count = count
    self.channels = channels
    self.ranges = ranges
  }

  /// Panels as they are, for a plan that reads binary32.
  init(_ panels: VectorPanels) {
    (count, channels, ranges) = (panels.count, panels.columns, panels.ranges)
    values = .single(panels.values)
  }

  private func withVectors(_ body: (ropedrift_dot_vectors) -> Void) {
    ranges.withUnsafeBufferPointer { ranges in
      func pass(_ values: UnsafeRawPointer?) {
        body(
          ropedrift_dot_vectors(
            values: values, ranges: ranges.baseAddress, count: count, channels: channels))
      }
      switch values {
      case .single(let values): values.withUnsafeBytes { pass($0.baseAddress) }
      case .wide(let values): values.withUnsafeBytes { pass($0.baseAddress) }
      }
    }
  }

  /// The accumulated sums of these queries with keys: that of query i and key j, counted from the ranges' beginnings, goes to place
  /// i·stride + j.
  ///
  /// - Parameters:
  ///   - plan: what both sides were packed for.
  ///   - queries: which queries.
  ///   - keys: the packed keys.
  ///   - range: which of them.
  ///   - path: the widest vectors, or none.
  ///   - scores: room for the last place at least.
  ///   - stride: places from one query's sums to the next one's.
  func accumulate(
    _ plan: DotPlan, queries: Range<Int>, keys: DotVectors, range: Range<Int>,
    path: KernelPath = .ofProcess, into scores: UnsafeMutableBufferPointer<Double>, stride: Int
  ) {
    accumulate(
      plan, queries: queries, keys: keys, range: range, allowsVectors: path == .automatic ? 1 : 0,
      into: scores, stride: stride)
  }

  /// The same with the kernel's own number for the vectors it may use: 0 none, 1 the widest, 2 at most 256 bits.
  func accumulate(
    _ plan: DotPlan, queries: Range<Int>, keys: DotVectors, range: Range<Int>, allowsVectors: Int32,
    into scores: UnsafeMutableBufferPointer<Double>, stride: Int
  ) {
    guard !queries.isEmpty, !range.isEmpty else { return }
    precondition(channels == keys.channels && queries.upperBound <= count && range.upperBound <= keys.count)
    precondition(scores.count >= (queries.count - 1) * stride + range.count)
    var plan = plan.plan
    let size = ropedrift_dot_scratch_size(&plan, queries.count, channels)
    withVectors { own in
      keys.withVectors { others in
        var (own, others) = (own, others)
        withUnsafeTemporaryAllocation(byteCount: size, alignment: 64) { scratch in
          ropedrift_dot_products(
            &plan, &own, queries.lowerBound, queries.count, &others, range.lowerBound, range.count,
            allowsVectors, scratch.baseAddress, scores.baseAddress, stride)
        }
      }
    }
  }
}
