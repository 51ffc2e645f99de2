// Attention to the end in the orders of fused kernels: QKᵀ, online softmax and the product with the values, against sgemm's rate.

import BenchmarkHarness
import RoPEDrift

extension BenchmarkPart {
  /// Rows `online-*`.
  static let onlineSoftmax = BenchmarkPart(
    name: "online", summary: "online softmax with QKᵀ and PV in the orders of fused kernels, against sgemm"
  ) { context in
    try OnlineSoftmax(context).rows()
  }
}

private struct OnlineSoftmax {
  private let context: BenchmarkContext
  private let vectors: AttentionVectors
  private let values: [Double]
  private let channels = AttentionVectors.channels
  /// Queries of a call, as in a tile of the product.
  private let block = 32

  /// Recipe, title and target of each row.
  private static let cases: [(recipe: String, title: String, target: Target?)] = [
    ("hf-llama/flash-attn-2/bf16", "FlashAttention 2 in bf16", .atLeast(0.3)),
    ("hf-llama/flash-attn-2/fp16", "FlashAttention 2 in fp16", .atLeast(0.3)),
    ("hf-llama/flash-attn-3/bf16", "FlashAttention 3 in bf16", nil),
    ("hf-llama/flex/bf16", "FlexAttention in bf16", nil),
    ("hf-llama/sdpa-flash/fp32", "PyTorch's flash attention in fp32", nil),
  ]

  init(_ context: BenchmarkContext) throws {
    self.context = context
    let tokens = context.size(4096, quick: 256)
    vectors = try AttentionVectors.real(tokens: tokens)
    values = try SampleExtension(tokens: tokens).vectors(.value, head: 0)
  }

  func rows() throws -> [MeasuredRow] {
    let (tokens, channels) = (vectors.tokens, channels)
    let visible = tokens * (tokens + 1) / 2
    let operations = Double(4 * channels * visible)
    let sgemm = MatrixProduct.binary32(
      queries: Buffer(vectors.queries.map(Float.init), zero: 0),
      keys: Buffer(vectors.keys.map(Float.init), zero: 0),
      channels: channels, scores: Buffer(tokens * tokens, repeating: Float(0)),
      operations: Double(2 * tokens * tokens * channels))
    let contenders = try Self.cases.map { try contender($0.recipe, operations: operations) }
    let samples = try context.measure("attention, T = \(tokens), d = \(channels)", [sgemm] + contenders)
    return try zip(Self.cases, contenders).map { kind, contender in
      MeasuredRow(
        "online-\(kind.recipe.split(separator: "/").dropFirst().joined(separator: "-"))",
        "attention in the order of \(kind.title), T = \(tokens), d = \(channels)",
        quantity: "of sgemm's rate",
        value: try samples.rateRatio(contender.name, to: sgemm.name), target: kind.target,
        sides: try [contender, sgemm].map { try TimedSide($0, unit: "operation", in: samples) },
        notes: [
          "recipe \(kind.recipe); causal, one head, one thread, \(block) queries at a time; scores, online softmax and outputs from rotated vectors, 4·d operations a visible pair for the two products; input: \(vectors.origin)"
        ])
    }
  }

  /// A recipe's outputs of all queries, those of the last block held against the reference's.
  private func contender(_ name: String, operations: Double) throws -> Contender {
    let (tokens, channels) = (vectors.tokens, channels)
    let emulation = try Emulation(
      recipe: RecipeRegistry.named(name), embedding: AttentionVectors.embedding(),
      scale: .inverseSquareRootOfHeadSize)
    let positions = try TokenPositions(tokens: tokens, shift: 0)
    let table = try RotaryTable.tables(for: [emulation], positions: positions, threads: 1)[0]
    func matrix(_ stored: [Double], _ side: VectorPlace.Side) -> InputMatrix {
      InputMatrix(stored, emulation: emulation, side: side, layer: 0, head: 0)
    }
    let keys = try EmulatedKeys(
      matrix(vectors.keys, .key), emulation: emulation, table: table, layer: 0, head: 0)
    let head = try EmulatedHead(
      matrix(vectors.queries, .query), keys: keys, emulation: emulation, table: table, firstRow: 0, layer: 0,
      head: 0)
    let operands = EmulatedValues(matrix(values, .value), emulation: emulation, layer: 0, head: 0)
    let outputs = Buffer(block * channels, repeating: 0.0)
    func run(_ first: Int) throws {
      let queries = first..<min(first + block, tokens)
      try head.attention(
        queries: queries, keys: queries.map { 0..<$0 + 1 }, values: operands, probabilities: nil, stride: 0,
        outputs: UnsafeMutableBufferPointer(start: outputs.base, count: queries.count * channels))
    }
    try run(tokens - block)
    try check(name, outputs, first: tokens - block)
    return .timed(name, work: operations) {
      for first in stride(from: 0, to: tokens, by: block) { try! run(first) }
    }
  }

  /// |output − exact| ≤ 2^−5 of the greatest value: a recipe that computes something else is off by more.
  private func check(_ name: String, _ outputs: Buffer<Double>, first: Int) throws {
    let tokens = vectors.tokens
    let problem = try ReferenceProblem(
      embedding: AttentionVectors.embedding(), scale: .inverseSquareRootOfHeadSize)
    let head = ReferenceHead(
      problem: problem,
      trigonometry: ReferenceTrigonometry(angles: problem.angles, positions: Array(0..<tokens)),
      keys: vectors.keys, keyRows: Array(0..<tokens))
    var exact = [Double](repeating: 0, count: block * channels)
    var bounds = exact
    var room = [Double](repeating: 0, count: block * tokens)
    try Array(vectors.queries[first * channels..<(first + block) * channels]).withUnsafeBufferPointer {
      queries in
      try room.withUnsafeMutableBufferPointer { room in
        try exact.withUnsafeMutableBufferPointer { exact in
          try bounds.withUnsafeMutableBufferPointer {
            _ = try head.attention(
              queries: queries, queryRows: Array(first..<first + block),
              keys: (first..<first + block).map { 0..<$0 + 1 },
              values: ReferenceValues(values, channels: channels), probabilities: room, stride: tokens,
              outputs: exact, outputBounds: $0)
          }
        }
      }
    }
    let greatest = values.map(\.magnitude).max()!
    for index in exact.indices where (outputs.base[index] - exact[index]).magnitude > greatest / 32 {
      throw HarnessError.wrongResult(
        "\(name): output \(index) is \(outputs.base[index]), far from \(exact[index])")
    }
  }
}
