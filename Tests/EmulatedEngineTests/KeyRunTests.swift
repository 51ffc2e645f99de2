// Rows over several runs of keys: places cut tiles, lanes and blocks; the fast tier against the plain one, and rows worked by hand.

import FloatingPointFormats
import Foundation
import RotaryAttention
import TestSupport
import Testing

@testable import EmulatedEngine

@Suite struct KeyRunTests {
  private func same(_ a: Double, _ b: Double) -> Bool { a.bitPattern == b.bitPattern || a.isNaN && b.isNaN }

  private static func online(tile: Int, order: String, lanes: Int = 1, accumulator: String = "fp32") throws
    -> Emulation
  {
    let softmax = """
      { "algorithm": "online", "tile": \(tile), "tileOrder": "\(order)", "exponential": "exp2", "log2e": "p2e-14:15",
        "exponent": "fp32", "difference": "fp32",
        "sum": { "order": "lanes(\(lanes))", "tiles": "running", "format": "\(accumulator)" }, "format": "fp32" }
      """
    let output = #"""
      { "order": "sequential", "accumulator": "fp32", "rescaling": "fp32",
        "normalization": { "algorithm": "divide", "format": "fp32" }, "format": "fp32" }
      """#
    return try emulation(recipe(softmax: softmax, output: output))
  }

  /// Exponents are 1.5·x: inputs 0, 2, 4 are 0, 3, 6; a stored weight is relative to the greatest of its tile and those before.
  @Test func keysShareATileByTheirPlaces() throws {
    func stored(_ places: [Int], _ order: String) throws -> [Double] {
      let emulation = try Self.online(tile: 3, order: order)
      let runs = places.enumerated().map { KeyRun(keys: $0..<$0 + 1, place: $1) }
      let row = try emulation.attentionRow(
        [0, 2, 4], runs: runs, values: [[8, 1], [1, 0], [1, -1]], place: ScorePlace())
      let output = try row.output.map { try $0.binary64() }
      let expected: [Double] = [Double(Float(80) / Float(73)), Double(Float(-63) / Float(73))]
      #expect(output == expected)
      return try row.stored.map { try $0.binary64() }
    }
    let whole: [Double] = [0x1p-6, 0x1p-3, 1]
    let firstTwo: [Double] = [0x1p-3, 1, 1]
    let lastTwo: [Double] = [1, 0x1p-3, 1]
    let alone: [Double] = [1, 1, 1]
    #expect(try stored([0, 1, 2], "ascending") == whole)
    #expect(try stored([0, 2, 3], "ascending") == firstTwo)
    #expect(try stored([2, 3, 5], "ascending") == lastTwo)
    #expect(try stored([5, 6, 9], "ascending") == alone)
    #expect(try stored([0, 300_000, 9_000_000], "ascending") == alone)
    // From the last tile down the greatest comes first.
    #expect(try stored([0, 2, 3], "descending") == whole)
    // The last key's block of 6 places, 6 … 11, first.
    #expect(try stored([4, 6, 9], "diagonalFirst(6)") == [0x1p-6, 1, 1])
  }

  /// Weights 2^−6, 2^−3, 1 and 1 in lanes by place, in an accumulator of two bits.
  @Test func lanesAreThoseOfThePlaces() throws {
    func sum(_ places: [Int]) throws -> Double {
      let emulation = try Self.online(tile: 64, order: "ascending", lanes: 2, accumulator: "p2e-14:15")
      let row = try emulation.attentionRow(
        [1, 1, 0.5, 0.5], runs: places.enumerated().map { KeyRun(keys: $0..<$0 + 1, place: $1) },
        values: Array(repeating: [1, 0], count: 4), place: ScorePlace())
      return 1 / row.probabilities[0]
    }
    // Weights 1, 1, 2^−0.75, 2^−0.75 = 0.5946: 1 + 0.5946 → 1.5 (two bits) in either lane, 3; all in one lane: 2, 2.59 → 3 (2.5 is
    // the middle), 3.59 → 4 (3.5 is the middle).
    #expect(try sum([0, 1, 2, 3]) == 3)
    #expect(try sum([0, 2, 4, 6]) == 4)
    // 0.5946 + 0.5946 → 1 (the middle of 1 and 1.5 is 1.25), 1 + 1 = 2.
    #expect(try sum([0, 2, 5, 7]) == 3)
  }

  @Test func tilesOfPlacesByHand() throws {
    func tiles(_ places: [Int], tile: Int, _ order: String) throws -> [Range<Int>] {
      let stage = try #require(Self.online(tile: tile, order: order).recipe.softmax)
      let runs = places.enumerated().map { KeyRun(keys: 2 * $0..<2 * $0 + 1, place: $1) }
      let fast = VisibleKeys(runs).tiles(stage, headSize: 2)
      #expect(fast == stage.tiles(ofPlaces: places, headSize: 2))
      return fast
    }
    #expect(try tiles([0, 1, 7, 8, 20], tile: 4, "ascending") == [0..<2, 2..<3, 3..<4, 4..<5])
    #expect(try tiles([0, 1, 7, 8, 20], tile: 8, "descending") == [4..<5, 3..<4, 0..<3])
    #expect(try tiles([0, 9, 10, 11, 12], tile: 4, "diagonalFirst(8)") == [1..<4, 4..<5, 0..<1])
    #expect(try tiles([0, 9], tile: 4, "diagonalFirst(16)") == [0..<1, 1..<2])
    #expect(try tiles([], tile: 4, "ascending").isEmpty)
  }

  /// Up to four runs, some empty, some that share a tile, some next to each other, keys not always ascending.
  private func randomRuns(_ generator: inout SeededGenerator, tokens: Int) -> [KeyRun] {
    var place = generator.below(3) * generator.below(6)
    var runs: [KeyRun] = []
    for _ in 0..<generator.below(5) {
      let count = [0, 1, 1, 2, 5, 9][generator.below(6)]
      let first = generator.below(tokens - count + 1)
      runs.append(KeyRun(keys: first..<first + count, place: place))
      place += count + [0, 0, 1, 3, 8, 1_000_003][generator.below(6)]
    }
    return runs
  }

  @Test func rowsOverRunsAreThoseOfThePlainTier() throws {
    let (size, tokens) = (4, 23)
    var sweep = Sweep()
    for recipe in try attentionRecipes() where recipe.softmax?.difference.isExact != true {
      let emulation = try emulation(recipe, size: size)
      let rows = RowAttention(emulation)
      var generator = SeededGenerator(seed: 31)
      var stored = (0..<tokens * size).map { _ in Double(Float(generator.below(2001) - 1000) * 0.0137) }
      stored[7] = .infinity
      let values = EmulatedValues(
        InputMatrix(stored, emulation: emulation, side: .value, layer: 1, head: 0), emulation: emulation,
        layer: 1, head: 0)
      for trial in 0..<(isExhaustive ? 30 : 5) {
        let runs = randomRuns(&generator, tokens: tokens)
        var inputs = (0..<runs.keyCount).map { _ in Double(Float(generator.below(4001) - 2000) * 0.00731) }
        if trial % 3 == 1, !inputs.isEmpty { inputs[generator.below(inputs.count)] = -.infinity }
        let place = ScorePlace(query: 40, key: 0, layer: 1, head: 2)
        let plain = try emulation.attentionRow(
          inputs, runs: runs, values: runs.flatMap(\.keys).map { values.operands(ofToken: $0) }, place: place)
        var probabilities = [Double](repeating: 7, count: inputs.count + 1)
        var output = [Double](repeating: 7, count: size)
        try inputs.withUnsafeBufferPointer { inputs in
          try probabilities.withUnsafeMutableBufferPointer { probabilities in
            try output.withUnsafeMutableBufferPointer {
              try rows.row(
                inputs, runs: runs, values: values, place: place, probabilities: probabilities, output: $0)
            }
          }
        }
        let expected = try plain.output.map { try $0.binary64() }
        sweep.check(
          zip(plain.probabilities, probabilities).allSatisfy(same) && probabilities[inputs.count] == 7
            && zip(expected, output).allSatisfy(same),
          "\(recipe.name) \(runs): plain \(plain.probabilities.prefix(6)) \(expected), fast \(probabilities.prefix(6)) \(output)"
        )
      }
    }
    #expect(sweep.passed(atLeast: 500), "\(sweep)")
  }

  /// An anchor with a window, the anchor inside the window, nothing, and places that are not the keys' own.
  @Test(arguments: ["meta-llama/flash-attn-2/bf16", "meta-llama/flex/bf16", "hf-llama/hf-eager/bf16", "fp32"])
  func headsOverRunsAreTheirRows(name: String) throws {
    let (size, tokens) = (4, 40)
    let emulation = try emulation(RecipeRegistry.named(name), size: size)
    let positions = try TokenPositions(tokens: tokens, shift: 77)
    let table = try RotaryTable.tables(for: [emulation], positions: positions, threads: 1)[0]
    func matrix(_ side: VectorPlace.Side, _ count: Int) -> InputMatrix {
      InputMatrix(
        seededMatrix(
          tokens: count, size: size, seed: side == .query ? 41 : side == .key ? 42 : 43, specials: false),
        emulation: emulation, side: side, layer: 0, head: 0)
    }
    let keys = try EmulatedKeys(
      matrix(.key, tokens), emulation: emulation, table: table, layer: 0, head: 0)
    let head = try EmulatedHead(
      matrix(.query, 5), keys: keys, emulation: emulation, table: table, firstRow: tokens - 5, layer: 0,
      head: 0)
    let values = EmulatedValues(matrix(.value, tokens), emulation: emulation, layer: 0, head: 0)
    let runs = [
      [KeyRun(keys: 0..<1, place: 0), KeyRun(keys: 30..<36, place: 30)],
      [KeyRun(keys: 0..<1, place: 0), KeyRun(keys: 31..<37, place: 31)], [],
      [KeyRun(keys: 3..<3, place: 9), KeyRun(keys: 32..<39, place: 500), KeyRun(keys: 1..<2, place: 700)],
      [KeyRun(keys: 0..<40, place: 0)],
    ]
    var probabilities = [Double](repeating: 7, count: 5 * tokens)
    var outputs = [Double](repeating: 7, count: 5 * size)
    try probabilities.withUnsafeMutableBufferPointer { probabilities in
      try outputs.withUnsafeMutableBufferPointer {
        try head.attention(
          queries: 0..<5, runs: runs, values: values, probabilities: probabilities, stride: tokens,
          outputs: $0)
      }
    }
    for (query, runs) in runs.enumerated() {
      var inputs: [Double] = []
      for key in runs.flatMap(\.keys) {
        try withUnsafeTemporaryAllocation(of: Double.self, capacity: 1) {
          try head.softmaxInputs(queries: query..<query + 1, keys: key..<key + 1, into: $0, stride: 1)
          inputs.append($0[0])
        }
      }
      let row = try emulation.attentionRow(
        inputs, runs: runs, values: runs.flatMap(\.keys).map { values.operands(ofToken: $0) },
        place: ScorePlace(query: query))
      let found = probabilities[query * tokens..<query * tokens + inputs.count]
      #expect(zip(row.probabilities, found).allSatisfy(same), "query \(query)")
      #expect(probabilities[query * tokens + inputs.count..<(query + 1) * tokens].allSatisfy { $0 == 7 })
      let output = outputs[query * size..<(query + 1) * size]
      #expect(try zip(row.output, output).allSatisfy { same(try $0.binary64(), $1) }, "query \(query)")
      if runs.isEmpty { #expect(output.allSatisfy { $0.bitPattern == 0 }) }
    }
  }

  @Test func spansLeaveGapsOut() {
    let spans = KeySpan.covering([
      [KeyRun(keys: 0..<1, place: 0), KeyRun(keys: 30..<36, place: 30)], [],
      [KeyRun(keys: 0..<1, place: 0), KeyRun(keys: 35..<40, place: 35), KeyRun(keys: 7..<7, place: 90)],
      [KeyRun(keys: 40..<41, place: 0), KeyRun(keys: 10..<12, place: 1)],
    ])
    #expect(spans.map(\.keys) == [0..<1, 10..<12, 30..<41])
    #expect(spans.map(\.queries) == [0..<3, 3..<4, 0..<4])
    #expect(spans.map(\.start) == [0, 3, 5])
    // A run that closes a gap joins what was apart.
    let joined = KeySpan.covering([
      [KeyRun(keys: 0..<2, place: 0), KeyRun(keys: 4..<6, place: 4)], [KeyRun(keys: 2..<4, place: 2)],
    ])
    #expect(joined.map(\.keys) == [0..<6] && joined.map(\.queries) == [0..<2])
  }
}
