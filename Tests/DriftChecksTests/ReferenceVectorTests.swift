// Exact tables and rotated vectors, component by component, against exact reals.

import ArbitraryPrecision
import FloatingPointFormats
import ReferenceEngine
import RotaryAttention
import Testing

@testable import DriftChecks

@Suite struct ReferenceVectorTests {
  /// Whether high + low is within 2^−60 of an exact real, relatively, with high the nearest binary64 number.
  private func expectClose(
    _ high: Double, _ low: Double, _ exact: ExactReal, _ what: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let nearest = FloatingPointFormat.fp64.rounded(try exact.exactValue())
    // Two candidates where the exact value lies within 2^-60 of the middle between two numbers.
    #expect(
      high == nearest || abs(low) >= high.ulp * (0.5 - 0x1p-8), "\(what): \(high), nearest \(nearest)",
      sourceLocation: sourceLocation)
    if exact.isZero {
      #expect(high == 0 && low == 0, "\(what)", sourceLocation: sourceLocation)
      return
    }
    let rest = FloatingPointFormat.fp64.rounded(
      try ExactReal.sum([exact, -ExactReal(high), -ExactReal(low)]).exactValue())
    #expect(abs(rest) <= abs(high) * 0x1p-60, "\(what): \(rest)", sourceLocation: sourceLocation)
  }

  @Test(arguments: [
    ("none", RotaryLayout.halfSplit, 8), ("none", .interleaved, 6), ("linear:factor=4", .halfSplit, 8),
    ("yarn:factor=4,original=64", .halfSplit, 8),
    ("llama3:factor=8,low=1,high=4,original=8192", .interleaved, 8),
  ])
  func componentsAreExact(_ scaling: String, _ layout: RotaryLayout, _ rotarySize: Int) throws {
    let embedding = try RotaryEmbedding(
      headSize: 8, rotarySize: rotarySize, base: NumberLiteral(10_000), layout: layout,
      scaling: scaling == "none" ? .none : RotaryScaling(spelling: scaling))
    let problem = try ReferenceProblem(embedding: embedding, scale: .inverseSquareRootOfHeadSize)
    let positions = [0, 1, -3, 131_071, 1_000_003, 1 << 53, 7, 7]
    let vectors = ReferenceVectors(
      problem: problem,
      trigonometry: ReferenceTrigonometry(
        angles: problem.angles, attentionFactor: problem.attentionFactor, positions: positions))
    var input: [Double] = []
    for row in positions.indices {
      input += (0..<8).map { channel in
        channel == row ? 0 : Double((row * 37 + channel * 11) % 29 - 14) / 8
      }
    }
    let (high, low) = try vectors.rotated(input, firstRow: 0)
    let table = try vectors.table(rows: 0..<positions.count)
    for (row, position) in positions.enumerated() {
      let exact = problem.rotated(Array(input[row * 8..<(row + 1) * 8]), position: position)
      for channel in 0..<8 {
        try expectClose(
          high[row * 8 + channel], low[row * 8 + channel], exact[channel], "row \(row) channel \(channel)")
      }
      for pair in 0..<embedding.pairCount {
        let angle = problem.angles.angle(position: position, pair: pair)
        let index = row * embedding.pairCount + pair
        try expectClose(
          table.cosine.high[index], table.cosine.low[index], problem.attentionFactor * angle.cosine,
          "cos \(row) \(pair)")
        try expectClose(
          table.sine.high[index], table.sine.low[index], problem.attentionFactor * angle.sine,
          "sin \(row) \(pair)")
      }
    }
  }

  @Test func cancellationIsDecidedExactly() throws {
    // x·cos 1 − y·sin 1 with x/y the binary64 number next to tan 1: about 2^-53 of the terms, and further pairs beside it.
    let embedding = try RotaryEmbedding(headSize: 2, base: NumberLiteral(10_000), layout: .interleaved)
    let problem = try ReferenceProblem(embedding: embedding, scale: .inverseSquareRootOfHeadSize)
    let vectors = ReferenceVectors(
      problem: problem,
      trigonometry: ReferenceTrigonometry(angles: problem.angles, positions: [1]))
    let tangent = FloatingPointFormat.fp64.rounded(
      try (problem.angles.units[0].sine * problem.angles.units[0].cosine.reciprocal).exactValue())
    for x in [tangent, tangent.nextUp, tangent * 3, tangent * 0x1p-700, tangent * 0x1p900] {
      let input = [x, x / tangent]
      let (high, low) = try vectors.rotated(input, firstRow: 0)
      let exact = problem.rotated(input, position: 1)
      for channel in 0..<2 { try expectClose(high[channel], low[channel], exact[channel], "\(x) \(channel)") }
    }
  }

  @Test func whatHasNoExactValueIsNaN() throws {
    let embedding = try RotaryEmbedding(
      headSize: 6, rotarySize: 4, base: NumberLiteral(10_000), layout: .halfSplit)
    let problem = try ReferenceProblem(embedding: embedding, scale: .inverseSquareRootOfHeadSize)
    let vectors = ReferenceVectors(
      problem: problem, trigonometry: ReferenceTrigonometry(angles: problem.angles, positions: [3]))
    let (high, _) = try vectors.rotated([.infinity, 1, 1, 1, .nan, 2], firstRow: 0)
    #expect(high[0].isNaN && high[2].isNaN && high[4].isNaN)
    #expect(high[1].isFinite && high[3].isFinite && high[5] == 2)
  }
}
