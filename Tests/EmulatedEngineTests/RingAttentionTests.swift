// Partial results merged by log-sum-exp: by hand, in exact arithmetic, tier against tier, and one device's bits where nothing changes.

import ArbitraryPrecision
import FloatingPointFormats
import Foundation
import RotaryAttention
import TestSupport
import Testing

@testable import EmulatedEngine

@Suite struct RingAttentionTests {
  private func same(_ a: Double, _ b: Double) -> Bool { a.bitPattern == b.bitPattern || a.isNaN && b.isNaN }

  /// Heads of seeded vectors, as many queries as keys.
  private struct Case {
    let emulation: Emulation
    let head: EmulatedHead
    let values: EmulatedValues
    let tokens: Int

    init(_ recipe: Recipe, tokens: Int, softcap: NumberLiteral? = nil) throws {
      let emulation = try EmulatedEngineTests.emulation(recipe, size: 4, softcap: softcap)
      let table = try RotaryTable.tables(
        for: [emulation], positions: TokenPositions(tokens: tokens, shift: 31), threads: 1)[0]
      func matrix(_ side: VectorPlace.Side, _ seed: UInt64) -> InputMatrix {
        InputMatrix(
          seededMatrix(tokens: tokens, size: 4, seed: seed, specials: false), emulation: emulation,
          side: side,
          layer: 0, head: 0)
      }
      let keys = try EmulatedKeys(matrix(.key, 52), emulation: emulation, table: table, layer: 0, head: 0)
      head = try EmulatedHead(
        matrix(.query, 51), keys: keys, emulation: emulation, table: table, firstRow: 0, layer: 0, head: 0)
      values = EmulatedValues(matrix(.value, 53), emulation: emulation, layer: 0, head: 0)
      (self.emulation, self.tokens) = (emulation, tokens)
    }

    func ring(_ kind: SequenceParallelism, _ ranks: Int, _ merge: PartialMerge = .ringFlashAttention) throws
      -> [Double]
    {
      let ring = try RingAttention(emulation, merge: merge)
      let schedule = try RingSchedule(kind, ranks: ranks, tokens: tokens)
      var outputs = [Double](repeating: 7, count: tokens * 4)
      try outputs.withUnsafeMutableBufferPointer {
        try ring.outputs(queries: 0..<tokens, head: head, schedule: schedule, values: values, into: $0)
      }
      return outputs
    }

    func oneDevice() throws -> [Double] {
      var outputs = [Double](repeating: 7, count: tokens * 4)
      try withUnsafeTemporaryAllocation(of: Double.self, capacity: tokens * tokens) { room in
        try outputs.withUnsafeMutableBufferPointer {
          try head.attention(
            queries: 0..<tokens, keys: (0..<tokens).map { 0..<$0 + 1 }, values: values, probabilities: room,
            stride: tokens, outputs: $0)
        }
      }
      return outputs
    }

    func inputs(_ query: Int) throws -> [Double] {
      var row = [Double](repeating: 0, count: tokens)
      try row.withUnsafeMutableBufferPointer {
        try head.softmaxInputs(queries: query..<query + 1, keys: 0..<tokens, into: $0, stride: tokens)
      }
      return row
    }

    /// The same by the plain tier: attention rows of the meetings, which no merge changes.
    func plainMeetings(_ query: Int, _ schedule: RingSchedule) throws -> [PlainAttentionRow] {
      let inputs = try inputs(query)
      return try schedule.meetings(ofToken: query).map { runs in
        let keys = runs.flatMap(\.keys)
        return try emulation.attentionRow(
          keys.map { inputs[$0] }, runs: runs, values: keys.map { values.operands(ofToken: $0) },
          place: ScorePlace(query: query))
      }
    }

    /// Meetings merged one operation at a time.
    func plainRow(_ query: Int, _ meetings: [PlainAttentionRow], _ merge: PartialMerge) throws -> [StageValue]
    {
      let place = ScorePlace(query: query)
      var partial: PlainPartialRow?
      for (meeting, row) in meetings.enumerated() {
        let (maximum, sum) = try #require(row.statistics)
        let lse = try merge.logSumExp(
          maximum: maximum, sum: sum, factor: emulation.logSumExpFactor(), place.with(key: meeting))
        if partial == nil {
          partial = try PlainPartialRow(merge, output: row.output, logSumExp: lse, place: place)
        } else {
          try partial!.add(output: row.output, logSumExp: lse)
        }
      }
      return partial!.output
    }
  }

  private static let recipes = [
    "meta-llama/flash-attn-2/bf16", "meta-llama/flash-attn-2/fp16", "meta-llama/flash-attn-3/bf16",
    "hf-llama/sdpa-flash/fp32", "meta-llama/flex/bf16",
  ]

  private static func recipe(_ name: String, tile: Int = 4) throws -> Recipe {
    var recipe = try RecipeRegistry.named(name)
    if case .online(_, let order)? = recipe.softmax?.algorithm {
      recipe.softmax?.algorithm = .online(tile: Recipe.Softmax.TileSize(tile), order: order)
    }
    return recipe
  }

  @Test(arguments: recipes) func outputsAreTheMergedRowsOfThePlainTier(name: String) throws {
    var stochastic = PartialMerge.ringFlashAttention
    stochastic.output = RoundingChain([.bf16], rounding: .stochastic(seed: 9))
    stochastic.sigmoid = RoundingChain([.fp16], rounding: .stochastic(seed: 10))
    stochastic.logSumExp = RoundingChain([.fp16], rounding: .stochastic(seed: 11))
    var narrow = PartialMerge(allIn: .bf16, source: "narrow")
    narrow.isLogSumExpFused = false
    let problem = try Case(Self.recipe(name), tokens: 24)
    let rounding = try #require(problem.emulation.recipe.output).rounding
    for (kind, ranks) in [
      (SequenceParallelism.ring, 2), (.ring, 6), (.zigzagRing, 2), (.zigzagRing, 3), (.zigzagRing, 12),
    ] {
      let schedule = try RingSchedule(kind, ranks: ranks, tokens: 24)
      let meetings = try (0..<24).map { try problem.plainMeetings($0, schedule) }
      for merge in [PartialMerge.ringFlashAttention, stochastic, narrow] {
        let found = try problem.ring(kind, ranks, merge)
        for query in 0..<24 {
          for (channel, value) in try problem.plainRow(query, meetings[query], merge).enumerated() {
            let counter = ScorePlace(query: query).counter(.partialMerge)
            let stored = try rounding.round(value, counter, step: 8 * channel + 7).binary64()
            #expect(same(found[query * 4 + channel], stored), "\(kind) \(ranks) \(query) \(channel)")
          }
        }
      }
    }
  }

  /// One rank: one meeting, whose stored output is merged with nothing. The first rank's tokens as well.
  @Test(arguments: recipes) func oneRankIsOneDevice(name: String) throws {
    let problem = try Case(Self.recipe(name), tokens: 24)
    let whole = try problem.oneDevice()
    #expect(zip(try problem.ring(.ring, 1), whole).allSatisfy(same))
    // Both chunks of the only rank in one causal call.
    #expect(zip(try problem.ring(.zigzagRing, 1), whole).allSatisfy(same))
    let four = try problem.ring(.ring, 4)
    #expect(zip(four.prefix(24), whole.prefix(24)).allSatisfy(same))
    #expect(!zip(four, whole).allSatisfy(same), "four ranks change some bits of 96 outputs")
  }

  /// With nothing rounded anywhere the merge is the softmax of the whole row: equal within what 192 bits enclose.
  @Test func inExactArithmeticARingIsOneDevice() throws {
    var recipe = try Self.recipe("meta-llama/ggml-fa-cpu-tiled/fp32", tile: 2)
    #expect(recipe.softmax?.exponential == .exp)
    recipe.softmax?.difference = .exact
    recipe.softmax?.rounding = .exact
    recipe.softmax?.sum = Recipe.Softmax.Sum(order: .exact, laneWidth: 1, tiles: .running, rounding: .exact)
    recipe.probability = .exact
    recipe.output?.order = .exact
    recipe.output?.valueOperand = .exact
    recipe.output?.accumulator = .exact
    recipe.output?.rescaling = .exact
    recipe.output?.normalization = Recipe.Normalization(
      algorithm: .divide, reciprocal: .exact, rounding: .exact)
    recipe.output?.rounding = .exact
    let problem = try Case(recipe, tokens: 6)
    for (kind, ranks) in [(SequenceParallelism.ring, 3), (.zigzagRing, 3)] {
      let schedule = try RingSchedule(kind, ranks: ranks, tokens: 6)
      for query in [1, 4, 5] {
        let merged = try problem.plainRow(query, problem.plainMeetings(query, schedule), .exact)
        let inputs = try problem.inputs(query)
        let whole = try problem.emulation.attentionRow(
          Array(inputs[...query]), keys: 0..<query + 1,
          values: (0...query).map { problem.values.operands(ofToken: $0) }, place: ScorePlace(query: query))
        for channel in 0..<4 {
          let a = try #require(merged[channel].exactReal)
          let b = try #require(whole.output[channel].exactReal)
          let difference = ExactReal.sum([a, -b]).interval(precision: 192).leadingTwoNumbers
          #expect(abs(difference.high) < 0x1p-150, "\(kind) query \(query) channel \(channel)")
          #expect(abs(try merged[channel].binary64()) > 0x1p-20)
        }
      }
    }
  }

  /// A softcap is c of a ring's log-sum-exp where it stands in the scale's place.
  @Test func aRingInFloat64IsNearOneDevice() throws {
    for (name, cap) in [("meta-llama/flash-attn-2/bf16", nil), ("meta-llama/flash-attn-2/bf16", "1.5")] {
      var recipe = try Self.recipe(name)
      let wide = RoundingChain([.fp64])
      recipe.softmax?.exponent = wide
      recipe.softmax?.difference = wide
      recipe.softmax?.rounding = wide
      recipe.softmax?.sum.rounding = wide
      recipe.probability = wide
      recipe.logit.exponentFactor = wide
      recipe.logit.scaleFactor = wide
      if cap != nil {
        recipe.logit.softcap = Recipe.Logit.Softcap(algorithm: .insteadOfScale, rounding: wide)
      }
      recipe.output?.accumulator = wide
      recipe.output?.rescaling = wide
      recipe.output?.normalization = Recipe.Normalization(
        algorithm: .divide, reciprocal: wide, rounding: wide)
      recipe.output?.rounding = wide
      let problem = try Case(recipe, tokens: 24, softcap: cap.map { try NumberLiteral($0) })
      let whole = try problem.oneDevice()
      for (kind, ranks) in [(SequenceParallelism.ring, 6), (.zigzagRing, 4)] {
        let found = try problem.ring(kind, ranks, PartialMerge(allIn: .fp64, source: "wide"))
        #expect(zip(found, whole).allSatisfy { abs($0 - $1) < 1e-14 }, "\(kind) \(String(describing: cap))")
      }
    }
  }

  @Test func logSumExpByHand() throws {
    let merge = PartialMerge.ringFlashAttention
    func lse(_ m: Double, _ l: Double, _ c: Double?) throws -> Double {
      try merge.logSumExp(
        maximum: m, sum: .number(l), factor: c.map(StageValue.number), ScorePlace()
      ).binary64()
    }
    #expect(try lse(3, 1, 0.125) == 0.375)
    #expect(try lse(2, 4, 0.5) == Double(Float(1 + Double(Float(1.3862943611198906)))))
    #expect(try lse(-7, 2, nil) == Double(Float(-7 + Double(Float(0.6931471805599453)))))
    #expect(try lse(-.infinity, 0, 0.5) == .infinity)
  }

  /// Two equal parts: σ(0) = 1/2, and ln σ(0) = −ln 2.
  @Test func aMergeByHand() throws {
    let merge = PartialMerge.ringFlashAttention
    var row = try PlainPartialRow(
      merge, output: [.number(1), .number(-2)], logSumExp: .number(5), place: ScorePlace())
    try row.add(output: [.number(3), .number(-2)], logSumExp: .number(5))
    #expect(try row.output.map { try $0.binary64() } == [2, -2])
    #expect(try row.logSumExp.binary64() == Double(Float(5 + Double(Float(0.6931471805599453)))))
    // A part that weighs nothing, and one beside which nothing weighs.
    try row.add(output: [.number(100), .number(100)], logSumExp: .number(-1000))
    #expect(try row.output.map { try $0.binary64() } == [2, -2])
    try row.add(output: [.number(9), .number(8)], logSumExp: .number(1000))
    #expect(try row.output.map { try $0.binary64() } == [9, 8])
    #expect(try row.logSumExp.binary64() == 1000)
    // Nobody's NaN is healed.
    try row.add(output: [.number(.nan), .number(0)], logSumExp: .number(.nan))
    #expect(try row.output.allSatisfy { try $0.binary64().isNaN })
  }

  @Test func aFullRowHasNoPartialResults() throws {
    for name in ["hf-llama/hf-eager/bf16", "fa2-bf16", "fp32"] {
      let recipe = try RecipeRegistry.named(name)
      let emulation = try EmulatedEngineTests.emulation(recipe, size: 4)
      #expect(throws: SequenceParallelismError.needsOnlineSoftmax(recipe: recipe.name)) {
        _ = try RingAttention(emulation)
      }
    }
  }

  /// Ulysses: tokens are rotated where they live, in shares; put together they are the whole head's vectors, bit for bit.
  @Test(arguments: ["hf-llama/flash-attn-2/bf16", "vllm/flash-attn-3/fp16"])
  func sharesOfTokensAreRotatedAsOneDeviceRotatesThem(name: String) throws {
    let emulation = try EmulatedEngineTests.emulation(RecipeRegistry.named(name), size: 4)
    let tokens = 24
    let stored = seededMatrix(tokens: tokens, size: 4, seed: 61, specials: false)
    let table = try RotaryTable.tables(
      for: [emulation], positions: TokenPositions(tokens: tokens, shift: 1_048_577), threads: 1)[0]
    for side in [VectorPlace.Side.query, .key] {
      let whole = try emulation.storedVectors(
        InputMatrix(stored, emulation: emulation, side: side, layer: 0, head: 0), table: table, firstRow: 0,
        side: side, layer: 0, head: 0)
      for ranks in [2, 3, 8] {
        var shares: [Double] = []
        for rank in 0..<ranks {
          let first = tokens / ranks * rank
          shares += try #require(
            try emulation.storedVectors(
              InputMatrix(
                Array(stored[first * 4..<(first + tokens / ranks) * 4]), emulation: emulation, side: side,
                layer: 0, head: 0, firstToken: first), table: table, firstRow: first, side: side, layer: 0,
              head: 0))
        }
        #expect(shares == whole)
      }
    }
  }
}
