// Certified scores, set-up included, against an ordinary matrix product, MPFR loops and FLINT.

import BenchmarkHarness
import RoPEDrift

extension BenchmarkPart {
  /// Rows `certified-*`.
  static let certifiedScores = BenchmarkPart(
    name: "certified", summary: "correctly rounded binary64 scores against dgemm, MPFR and FLINT"
  ) { context in
    let tokens = context.size(4096, quick: 256)
    let real = try CertifiedScores(.real(tokens: tokens))
    let normal = try CertifiedScores(.normal(tokens: tokens))
    return try real.rows(context, prefix: "certified", isMain: true)
      + normal.rows(context, prefix: "certified-normal", isMain: false)
  }
}

/// All T × T certified scores of one head.
private final class CertifiedScores {
  private let vectors: AttentionVectors
  private let embedding: RotaryEmbedding
  private let scores: Buffer<Double>
  private var counts = ReferenceHead.Counts()

  init(_ vectors: AttentionVectors) throws {
    self.vectors = vectors
    embedding = try AttentionVectors.embedding()
    scores = Buffer(vectors.tokens * vectors.tokens, repeating: 0)
  }

  /// Set-up and scores: from q, k and positions to T × T binary64 numbers.
  private func run() throws {
    let (tokens, channels) = (vectors.tokens, AttentionVectors.channels)
    let problem = try ReferenceProblem(embedding: embedding, scale: .inverseSquareRootOfHeadSize)
    let trigonometry = ReferenceTrigonometry(angles: problem.angles, positions: Array(0..<tokens))
    let head = ReferenceHead(
      problem: problem, trigonometry: trigonometry, keys: vectors.keys, keyRows: Array(0..<tokens))
    counts = ReferenceHead.Counts()
    // Tiles of 32 queries, as the product calls it.
    try vectors.queries.withUnsafeBufferPointer { queries in
      for first in stride(from: 0, to: tokens, by: 32) {
        let tile = first..<min(first + 32, tokens)
        counts += try head.scores(
          queries: UnsafeBufferPointer(
            rebasing: queries[tile.lowerBound * channels..<tile.upperBound * channels]),
          queryRows: Array(tile), keys: tile.map { _ in 0..<tokens },
          into: UnsafeMutableBufferPointer(start: scores.base + first * tokens, count: tile.count * tokens),
          stride: tokens)
      }
    }
  }

  func rows(_ context: BenchmarkContext, prefix: String, isMain: Bool) throws -> [MeasuredRow] {
    let tokens = vectors.tokens
    let product = Buffer(tokens * tokens, repeating: 0.0)
    let certified = Contender.timed("certified scores, set-up included", work: Double(tokens * tokens)) {
      try self.run()
    }
    let matrix = MatrixProduct.binary64(vectors, scores: product)
    var contenders = [certified, matrix]
    var loops: [Contender] = []
    var flint: (Contender, share: () -> Double)?
    let sample = RotatedSample(vectors, side: context.size(256, quick: 32), precision: 256)
    if isMain {
      let side = context.size(64, quick: 16)
      loops = [
        sample.contender(side: side),
        RotatedSample(vectors, side: side, precision: 128).contender(side: side),
      ]
      flint = FLINTLibrary()?.contender(sample, precision: 128)
      if flint == nil {
        BenchmarkContext.note(
          "FLINT is not installed; its row is left out (Debian: apt-get install libflint-dev libflint-arb-dev)"
        )
      }
      contenders += loops + (flint.map { [$0.0] } ?? [])
    }
    let samples = try context.measure("certified scores, T = \(tokens), \(vectors.origin)", contenders)
    let side = try TimedSide(certified, unit: "score", in: samples)
    let size = "T = \(tokens), d = \(AttentionVectors.channels)"
    var rows = [
      MeasuredRow(
        "\(prefix)-dgemm",
        "certified binary64 scores, set-up included, \(size)\(isMain ? "" : ", normal input")",
        quantity: "× the time of dgemm", value: try samples.timeRatio(certified.name, to: matrix.name),
        target: isMain ? .atMost(5) : nil, sides: [side, try TimedSide(matrix, unit: "score", in: samples)],
        notes: ["input: \(vectors.origin)", tierText, try check(context, isMain: isMain)])
    ]
    for loop in loops {
      rows.append(
        MeasuredRow(
          "\(prefix)-\(loop.name.contains("256") ? "mpfr256" : "mpfr128")",
          "certified binary64 scores against the \(loop.name)", quantity: "× faster",
          value: try samples.rateRatio(certified.name, to: loop.name),
          target: loop.name.contains("256") ? .atLeast(450) : nil,
          sides: [side, try TimedSide(loop, unit: "score", in: samples)],
          notes: [
            "the loop runs over \(Int(loop.work)) of the scores, on vectors that are rotated and kept before"
          ]))
    }
    if let (contender, share) = flint {
      rows.append(
        MeasuredRow(
          "\(prefix)-flint", "certified binary64 scores against FLINT's certified matrix product",
          quantity: "× faster", value: try samples.rateRatio(certified.name, to: contender.name),
          sides: [side, try TimedSide(contender, unit: "score", in: samples)],
          notes: [
            "a block of \(Int(contender.work)) scores, on vectors that are rotated and kept before; FLINT bounds "
              + "\(FigureText.number(100 * share())) % of them within 2^−54 relatively"
          ]))
    }
    return rows
  }

  /// Shares of the tiers, whichever there are.
  private var tierText: String {
    let tiers = Mirror(reflecting: counts).children.compactMap { child in
      (child.value as? Int).map { (child.label ?? "?", $0) }
    }
    let total = Double(tiers.reduce(0) { $0 + $1.1 })
    return "scores by tier: "
      + tiers.map { "\($0.0) \($0.1) (\((1e5 * Double($0.1) / total).rounded() / 1e3) %)" }
      .joined(separator: ", ")
  }

  /// Compares scores with those of the MPFR loop at 256 bits.
  ///
  /// - Throws: ``HarnessError/wrongResult(_:)`` where one differs.
  private func check(_ context: BenchmarkContext, isMain: Bool) throws -> String {
    let wanted = context.isQuick ? 1024 : isMain ? context.checkedScores : 65536
    let side = min(vectors.tokens, Int(Double(wanted).squareRoot().rounded(.up)))
    BenchmarkContext.note("comparing \(side * side) scores with MPFR at 256 bits")
    let sample = RotatedSample(vectors, side: side, precision: 256)
    let expected = Buffer(side * side, repeating: 0.0)
    sample.loop(rows: side, columns: side, scores: expected)
    var wrong = 0
    for (row, query) in sample.queryTokens.enumerated() {
      for (column, key) in sample.keyTokens.enumerated() {
        let (found, right) = (scores.base[query * vectors.tokens + key], expected.base[row * side + column])
        if found.bitPattern != right.bitPattern {
          wrong += 1
          BenchmarkContext.note("query \(query), key \(key): \(found), MPFR at 256 bits \(right)")
        }
      }
    }
    guard wrong == 0 else {
      throw HarnessError.wrongResult(
        "\(wrong) of \(side * side) certified scores differ from MPFR at 256 bits")
    }
    return "wrong roundings: 0 of \(side * side) scores that were compared with MPFR at 256 bits, bit for bit"
  }
}
