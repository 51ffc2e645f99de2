// The comparison of shared attention with one device: its figures from outputs that are computed again, a token at a time.

import EmulatedEngine
import FloatingPointFormats
import ReferenceEngine
import RotaryAttention
import TensorIO
import Testing

@testable import DriftAnalysis

@Suite("Sequence parallelism") struct SequenceParallelTests {
  private static let input = try! AttentionInput.open(
    "synthetic:normal,heads=4,kv_heads=2,layers=1,head_dim=8,rotary_size=8,dtype=bf16,tokens=48")
  private static let embedding = try! RotaryEmbedding(
    headSize: 8, base: NumberLiteral("10000"), layout: .halfSplit)

  private static func recipe() throws -> Recipe {
    var recipe = try RecipeRegistry.named("hf-llama/flash-attn-2/bf16")
    recipe.softmax?.algorithm = .online(tile: Recipe.Softmax.TileSize(8), order: .descending)
    return recipe
  }

  private static func comparison(
    heads: [Int], _ ways: [SequenceParallelComparison.Way], measuresError: Bool = true
  ) throws -> SequenceParallelComparison {
    try SequenceParallelComparison(
      input: input, layer: input.layerShapes[0], heads: heads, embedding: embedding, recipe: recipe(),
      shift: 1000, ways: ways, measuresError: measuresError)
  }

  /// Outputs of one head one query at a time: one device's, and those of a schedule.
  private static func outputs(_ comparison: SequenceParallelComparison, head: Int, _ schedule: RingSchedule?)
    throws -> [Double]
  {
    let emulation = comparison.emulation
    let table = try RotaryTable.tables(for: [emulation], positions: comparison.positions, threads: 1)[0]
    let keyHead = head / 2
    func matrix(_ tensor: AttentionTensor, _ side: VectorPlace.Side, _ head: Int) throws -> InputMatrix {
      InputMatrix(
        try input.read(tensor, layer: 0, head: head), emulation: emulation, side: side, layer: 0, head: head)
    }
    let keys = try EmulatedKeys(
      matrix(.key, .key, keyHead), emulation: emulation, table: table, layer: 0, head: keyHead)
    let rows = try EmulatedHead(
      matrix(.query, .query, head), keys: keys, emulation: emulation, table: table, firstRow: 0, layer: 0,
      head: head)
    let values = EmulatedValues(
      try matrix(.value, .value, keyHead), emulation: emulation, layer: 0, head: keyHead)
    var outputs: [Double] = []
    for query in 0..<48 {
      var row = [Double](repeating: 0, count: 8)
      var room = [Double](repeating: 0, count: 48)
      try row.withUnsafeMutableBufferPointer { row in
        if let schedule {
          try RingAttention(emulation).outputs(
            queries: query..<query + 1, head: rows, schedule: schedule, values: values, into: row)
        } else {
          try room.withUnsafeMutableBufferPointer {
            try rows.attention(
              queries: query..<query + 1, keys: [0..<query + 1], values: values, probabilities: $0,
              stride: 48,
              outputs: row)
          }
        }
      }
      outputs += row
    }
    return outputs
  }

  @Test("figures are those of the outputs one by one, for any number of threads")
  func figures() throws {
    let ways: [SequenceParallelComparison.Way] = [
      .init(.ulysses, ranks: 2), .init(.ulysses, ranks: 4), .init(.ring, ranks: 1), .init(.ring, ranks: 4),
      .init(.zigzagRing, ranks: 3),
    ]
    let comparison = try Self.comparison(heads: [1, 2], ways)
    let results = try comparison.run(threads: 1)
    #expect(try comparison.run(threads: 2) == results)
    for (way, result) in zip(ways, results) {
      #expect(result.way == way && result.outputs == 2 * 48 * 8 && result.nonFinite == 0)
      var differing = 0
      var byToken = [Double](repeating: 0, count: 48)
      var greatest = SequenceParallelResult.Greatest(value: 0, head: 1, token: 0, channel: 0)
      for head in [1, 2] {
        let one = try Self.outputs(comparison, head: head, nil)
        let schedule =
          way.kind == .ulysses ? nil : try RingSchedule(way.kind, ranks: way.ranks, tokens: 48)
        for (index, shared) in try Self.outputs(comparison, head: head, schedule).enumerated() {
          let difference = abs(shared - one[index])
          if shared.bitPattern != one[index].bitPattern { differing += 1 }
          byToken[index / 8] += difference
          if difference > greatest.value {
            greatest = .init(value: difference, head: head, token: index / 8, channel: index % 8)
          }
        }
      }
      #expect(result.differing == differing)
      #expect(result.difference == greatest)
      for (found, sum) in zip(result.meanByToken, byToken) {
        #expect(abs(try #require(found) - sum / 16) < 1e-15)
      }
      #expect(abs(try #require(result.meanDifference) - byToken.reduce(0, +) / 768) < 1e-15)
      if way.kind == .ulysses || way.ranks == 1 {
        #expect(differing == 0 && result.sharedError == result.oneDeviceError)
      } else {
        #expect(differing > 0)
        // The first rank's tokens meet nobody else.
        let own = way.kind == .ring ? 12 : 8
        #expect(result.meanByToken.prefix(own).allSatisfy { $0 == 0 })
      }
    }
  }

  @Test("errors are those against the reference's outputs") func errors() throws {
    let comparison = try Self.comparison(heads: [3], [.init(.ring, ranks: 2)])
    let result = try comparison.run(threads: 2)[0]
    let problem = try ReferenceProblem(embedding: Self.embedding, scale: .inverseSquareRootOfHeadSize)
    let head = ReferenceHead(
      problem: problem, trigonometry: ReferenceTrigonometry(angles: problem.angles, positions: Array(0..<48)),
      keys: try Self.input.keys(layer: 0, kvHead: 1), keyRows: Array(0..<48))
    let values = ReferenceValues(try Self.input.values(layer: 0, kvHead: 1), channels: 8)
    let queries = try Self.input.queries(layer: 0, head: 3)
    let one = try Self.outputs(comparison, head: 3, nil)
    let shared = try Self.outputs(comparison, head: 3, RingSchedule(.ring, ranks: 2, tokens: 48))
    var expected = (one: 0.0, shared: 0.0)
    for query in 0..<48 {
      var (p, o, bound) = (
        [Double](repeating: 0, count: 48), [Double](repeating: 0, count: 8), [Double](repeating: 0, count: 8)
      )
      try queries[query * 8..<(query + 1) * 8].withUnsafeBufferPointer { queries in
        try p.withUnsafeMutableBufferPointer { p in
          try o.withUnsafeMutableBufferPointer { o in
            try bound.withUnsafeMutableBufferPointer {
              _ = try head.attention(
                queries: queries, queryRows: [query], keys: [0..<query + 1], values: values, probabilities: p,
                stride: 48, outputs: o, outputBounds: $0)
            }
          }
        }
      }
      for channel in 0..<8 {
        expected.one = max(expected.one, abs(one[query * 8 + channel] - o[channel]))
        expected.shared = max(expected.shared, abs(shared[query * 8 + channel] - o[channel]))
      }
    }
    #expect(result.oneDeviceError?.value == expected.one && result.sharedError?.value == expected.shared)
    let bound = try #require(result.referenceBound)
    #expect(bound > 0 && bound < 1e-12)
    let without = try Self.comparison(heads: [3], [.init(.ring, ranks: 2)], measuresError: false)
    let plain = try without.run(threads: 1)[0]
    #expect(plain.oneDeviceError == nil && plain.referenceBound == nil)
    #expect(plain.differing == result.differing)
  }

  @Test("what cannot be shared is refused") func refusals() throws {
    #expect(throws: SequenceParallelismError.headsDoNotDivide(ranks: 3, heads: 4)) {
      _ = try Self.comparison(heads: [0], [.init(.ulysses, ranks: 3)])
    }
    #expect(throws: SequenceParallelismError.ranks(0)) {
      _ = try Self.comparison(heads: [0], [.init(.ulysses, ranks: 0)])
    }
    #expect(throws: SequenceParallelismError.tokensDoNotDivide(.zigzagRing, ranks: 5, tokens: 48)) {
      _ = try Self.comparison(heads: [0], [.init(.zigzagRing, ranks: 5)])
    }
    let decoding = try AttentionInput.open(
      "synthetic:normal,heads=1,kv_heads=1,layers=1,head_dim=8,rotary_size=8,tokens=8,query_tokens=4")
    #expect(throws: SequenceParallelismError.queriesAreNotAllTokens(queries: 4, tokens: 8)) {
      _ = try SequenceParallelComparison(
        input: decoding, layer: decoding.layerShapes[0], heads: [0], embedding: Self.embedding,
        recipe: Self.recipe(), ways: [.init(.ring, ranks: 2)])
    }
    #expect(throws: SequenceParallelismError.needsOnlineSoftmax(recipe: "fp32")) {
      _ = try SequenceParallelComparison(
        input: Self.input, layer: Self.input.layerShapes[0], heads: [0], embedding: Self.embedding,
        recipe: RecipeRegistry.named("fp32"), ways: [.init(.ring, ranks: 2)])
    }
  }
}
