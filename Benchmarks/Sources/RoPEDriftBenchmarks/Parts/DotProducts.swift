// Q·Kᵀ in stated orders with stated accumulators, against sgemm of the same shape, and against PyTorch and NumPy.

import BenchmarkHarness
import RoPEDrift
import RoundingKernels

extension BenchmarkPart {
  /// Rows `dot-*`.
  static let dotProducts = BenchmarkPart(
    name: "dots", summary: "QKᵀ in stated orders and accumulators against sgemm"
  ) { context in
    try DotProducts(context).rows()
  }
}

/// One order and accumulator of the table.
private struct DotCase {
  let identifier: String
  let title: String
  /// What q and k are rounded to.
  let operands: FloatingPointFormat
  let plan: ropedrift_dot_plan
  let target: Target?

  init(
    _ identifier: String, _ title: String, operands: FloatingPointFormat, order: Int, isFused: Bool = false,
    block: Int = 0, alignmentBits: Int32 = 0, accumulator: [FloatingPointFormat], target: Target? = nil
  ) {
    self.identifier = identifier
    self.title = title
    self.operands = operands
    self.target = target
    var plan = ropedrift_dot_plan()
    plan.order = Int32(order)
    plan.is_fused = isFused ? 1 : 0
    plan.count = block
    plan.alignment_bits = alignmentBits
    plan.truncates = block > 0 ? 1 : 0
    plan.format_count = Int32(accumulator.count)
    plan.formats.0 = Self.format(accumulator[0])
    plan.formats.1 = Self.format(accumulator.last!)
    self.plan = plan
  }

  /// A format that overflows to infinity.
  private static func format(_ format: FloatingPointFormat) -> ropedrift_narrow_format {
    ropedrift_narrow_format(
      precision: Int32(format.precision), minimum_exponent: Int32(format.minimumExponent),
      maximum_exponent: Int32(format.maximumExponent),
      largest: format.double(of: format.largestFiniteEncoding(isNegative: false)), above_largest: .infinity)
  }

  /// The orders and accumulators of the table.
  static let all: [DotCase] = {
    let inOrder = Int(ROPEDRIFT_DOT_IN_ORDER)
    var cases: [DotCase] = []
    for (name, format) in [("bf16", FloatingPointFormat.bf16), ("fp16", .fp16)] {
      cases += [
        DotCase(
          "dot-\(name)-fp32", "QKᵀ, \(name) operands, fp32 accumulation in order", operands: format,
          order: inOrder,
          accumulator: [.fp32], target: .atLeast(0.9)),
        DotCase(
          "dot-\(name)-accumulator", "QKᵀ, \(name) accumulator, product and sum each rounded",
          operands: format,
          order: inOrder, accumulator: [format], target: .atLeast(0.12)),
        DotCase(
          "dot-\(name)-chain", "QKᵀ, fp32 fused step, then rounded to \(name) (a stated double rounding)",
          operands: format, order: inOrder, isFused: true, accumulator: [.fp32, format],
          target: .atLeast(0.25)),
        DotCase(
          "dot-\(name)-fused", "QKᵀ, \(name) accumulator, correctly rounded fused step", operands: format,
          order: inOrder, isFused: true, accumulator: [format]),
        DotCase(
          "dot-\(name)-tensor-core",
          "QKᵀ, \(name) operands, tensor-core order: blocks of 16, fp32 accumulator, 2 alignment bits, truncated",
          operands: format, order: Int(ROPEDRIFT_DOT_TENSOR_CORE), block: 16, alignmentBits: 2,
          accumulator: [.fp32],
          target: .atLeast(0.1)),
      ]
    }
    cases.append(
      DotCase(
        "dot-fp32-fp32", "QKᵀ, fp32 operands, fp32 product and sum each rounded, in order", operands: .fp32,
        order: inOrder, accumulator: [.fp32]))
    return cases
  }()
}

private struct DotProducts {
  private let context: BenchmarkContext
  private let vectors: AttentionVectors
  private let channels = AttentionVectors.channels
  /// Queries of a call, as in a tile of the product.
  private let tile = 32

  init(_ context: BenchmarkContext) throws {
    self.context = context
    vectors = try AttentionVectors.real(tokens: context.size(4096, quick: 256))
  }

  func rows() throws -> [MeasuredRow] {
    let tokens = vectors.tokens
    let operations = Double(2 * tokens * tokens * channels)
    var rows: [MeasuredRow] = []
    for format in [FloatingPointFormat.bf16, .fp16, .fp32] {
      let cases = DotCase.all.filter { $0.operands == format }
      let rounder = NearestEvenRounder(format)!
      let (queries, keys) = (vectors.queries.map { rounder($0) }, vectors.keys.map { rounder($0) })
      let scores = Buffer(tokens * tokens, repeating: Float(0))
      let yardstick = MatrixProduct.binary32(
        queries: Buffer(queries.map(Float.init), zero: 0), keys: Buffer(keys.map(Float.init), zero: 0),
        channels: channels, scores: scores, operations: operations)
      let kernels = try cases.map {
        try contender($0, queries: queries, keys: keys, sgemm: yardstick, scores: scores)
      }
      let sizes = [tokens, tokens, channels]
      let others = try [
        context.python?.contender(
          "PyTorch \(format.spelling) matmul", "torch-matmul-\(format.spelling)", sizes, work: operations),
        format == .fp32
          ? context.python?.contender("NumPy fp32 matmul", "numpy-matmul-fp32", sizes, work: operations)
          : nil,
      ].compactMap { $0 }
      let samples = try context.measure("QKᵀ, \(format.spelling) operands", [yardstick] + kernels + others)
      for (kind, kernel) in zip(cases, kernels) {
        rows.append(
          MeasuredRow(
            kind.identifier, "\(kind.title), T = \(tokens), d = \(channels)", quantity: "of sgemm's rate",
            value: try samples.rateRatio(kernel.name, to: yardstick.name), target: kind.target,
            sides: try ([kernel, yardstick]).map { try TimedSide($0, unit: "operation", in: samples) },
            notes: [
              "packing included; tiles of \(tile) queries against all keys into one buffer, as the product calls it; "
                + "two operations a channel; input: \(vectors.origin), then rounded to \(format.spelling)"
            ]))
      }
      for other in others {
        rows.append(
          MeasuredRow(
            "\(kernels[0].name)-\(other.name.hasPrefix("NumPy") ? "numpy" : "torch")",
            "\(cases[0].title), against \(other.name)", quantity: "× its rate",
            value: try samples.rateRatio(kernels[0].name, to: other.name),
            sides: try ([kernels[0], other]).map { try TimedSide($0, unit: "operation", in: samples) }))
      }
    }
    return rows
  }

  /// The kernel as a contender, its scores held against sgemm's within what its roundings may cost.
  private func contender(
    _ kind: DotCase, queries: [Double], keys: [Double], sgemm: Contender, scores: Buffer<Float>
  ) throws -> Contender {
    let tokens = vectors.tokens
    let panel = Int(ROPEDRIFT_DOT_PANEL)
    let panels = (tokens + panel - 1) / panel
    let packedQueries = Buffer(tokens * channels, repeating: Float(0))
    let packedKeys = Buffer(panels * panel * channels, repeating: Float(0))
    let queryRanges = Buffer(tokens, repeating: ropedrift_dot_range())
    let keyRanges = Buffer(panels, repeating: ropedrift_dot_range())
    let tileScores = Buffer(tile * tokens, repeating: 0.0)
    var plan = kind.plan
    guard ropedrift_dot_computes(&plan) != 0, ropedrift_dot_reads_binary64(&plan) == 0 else {
      throw HarnessError.wrongResult("the kernels do not compute \(kind.identifier) from binary32 operands")
    }
    let scratch = Buffer(ropedrift_dot_scratch_size(&plan, tile, channels), repeating: UInt8(0))
    func run(_ finishedTile: (Int) throws -> Void) rethrows {
      ropedrift_dot_pack_queries(
        &plan, queries, tokens, channels, 1, packedQueries.base, queryRanges.base)
      ropedrift_dot_pack_keys(
        &plan, keys, tokens, channels, 1, packedKeys.base, keyRanges.base)
      var q = ropedrift_dot_vectors(
        values: packedQueries.base, ranges: queryRanges.base, count: tokens, channels: channels)
      var k = ropedrift_dot_vectors(
        values: packedKeys.base, ranges: keyRanges.base, count: tokens, channels: channels)
      for first in stride(from: 0, to: tokens, by: tile) {
        ropedrift_dot_products(
          &plan, &q, first, min(tile, tokens - first), &k, 0, tokens, 1, scratch.base, tileScores.base, tokens
        )
        try finishedTile(first)
      }
    }
    // Once, with a look at every score: |error| ≤ (d + 1)·2·2^(1 − p)·‖q‖‖k‖ for p bits of accumulator, sgemm's own error in it.
    _ = try sgemm.run()
    func norms(_ values: [Double]) -> [Double] {
      (0..<tokens).map { token in
        values[token * channels..<(token + 1) * channels].reduce(0) { $0 + $1 * $1 }.squareRoot()
      }
    }
    let (queryNorms, keyNorms) = (norms(queries), norms(keys))
    let precision = min(plan.formats.0.precision, plan.formats.1.precision)
    let factor =
      Double(2 * (channels + 1)) * Double(sign: .plus, exponent: 1 - Int(precision), significand: 1)
    try run { first in
      for row in first..<min(first + tile, tokens) {
        for column in 0..<tokens {
          let difference =
            tileScores.base[(row - first) * tokens + column] - Double(scores.base[row * tokens + column])
          guard difference.magnitude <= factor * queryNorms[row] * keyNorms[column] else {
            throw HarnessError.wrongResult(
              "\(kind.identifier): score (\(row), \(column)) is off sgemm's by \(difference)")
          }
        }
      }
    }
    return .timed(kind.identifier, work: Double(2 * tokens * tokens * channels)) { run { _ in } }
  }
}
