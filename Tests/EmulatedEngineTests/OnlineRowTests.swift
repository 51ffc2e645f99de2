// Tiles of several rows against rows one by one, which are held to the plain tier elsewhere: the same bits, whatever the scores, the values
// and the machine's vectors are.

import FloatingPointFormats
import Foundation
import ReferenceEngine
import RotaryAttention
import TestSupport
import Testing

@testable import EmulatedEngine

@Suite struct OnlineRowTests {
  private func same(_ a: Double, _ b: Double) -> Bool { a.bitPattern == b.bitPattern || a.isNaN && b.isNaN }

  private static let size = 36

  /// Recipes whose tiles the kernels know, with tiles so short that rows have several.
  private static func recipes() throws -> [Recipe] {
    let known = try attentionRecipes().filter { OnlineRows(try emulation($0, size: 4)) != nil }
    return known
      + known.compactMap { recipe in
        guard case .online(let tile, let order)? = recipe.softmax?.algorithm, tile.otherwise > 8 else {
          return nil
        }
        var short = recipe
        short.name += " in tiles of 8"
        let isDiagonal = if case .diagonalFirst = order { true } else { false }
        short.softmax?.algorithm = .online(
          tile: Recipe.Softmax.TileSize(8), order: isDiagonal ? .diagonalFirst(block: 16) : order)
        return short
      }
  }

  @Test func implementationsWithAnOnlineSoftmaxAreKnown() throws {
    for name in [
      "flash-attn-2/bf16", "flash-attn-2/fp16", "flash-attn-3/bf16", "sdpa-flash/bf16", "sdpa-flash/fp32",
      "flex/bf16", "ggml-fa-cpu-tiled/fp16",
    ] {
      #expect(RowAttention(try emulation(RecipeRegistry.named("meta-llama/" + name), size: 4)).online != nil)
    }
    for name in ["hf-llama/hf-eager/bf16", "fa2-bf16"] {
      #expect(RowAttention(try emulation(RecipeRegistry.named(name), size: 4)).online == nil)
    }
  }

  /// Values of a kind, rounded as the recipe takes them: ordinary, so small that products leave binary32, wide, huge, not finite.
  private func values(_ kind: Int, _ count: Int, _ emulation: Emulation, _ generator: inout SeededGenerator)
    -> EmulatedValues
  {
    let scale: Double = [1, 0x1p-110, 1, 0x1p105, 1][kind]
    var stored = (0..<count * Self.size).map { _ in
      Double(Float(Double(generator.below(1 << 20) - 1 << 19) * 0x1p-17 * scale))
    }
    // Few bits: every product of theirs is exact.
    if kind < 2 || kind == 4 { stored = stored.map { FloatingPointFormat.bf16.rounded(ExactValue($0)) } }
    if kind == 4 {
      for special in [Double.infinity, -.infinity, .nan, -0.0] {
        stored[generator.below(stored.count)] = special
      }
    }
    return EmulatedValues(
      InputMatrix(stored, emulation: emulation, side: .value, layer: 0, head: 0), emulation: emulation,
      layer: 0, head: 0)
  }

  /// Some runs, the last of which ends later from row to row.
  private func runs(_ rows: Int, _ generator: inout SeededGenerator) -> [[KeyRun]] {
    var before: [KeyRun] = []
    var (key, place) = (generator.below(3), generator.below(5))
    for _ in 0..<generator.below(3) {
      let count = 1 + generator.below(6)
      before.append(KeyRun(keys: key..<key + count, place: place))
      key += count + generator.below(5)
      place += count + generator.below(9)
    }
    let shortest = 1 + generator.below(30)
    let isRagged = generator.below(4) > 0
    return (0..<rows).map { row in
      let count = shortest + (isRagged ? row + generator.below(2) : 0)
      return before + [KeyRun(keys: key..<key + count, place: place)]
    }
  }

  /// Every kind of value, of spread and of scores twice a recipe at least; what is drawn differs from recipe to recipe.
  @Test func tilesOfRowsAreTheRows() throws {
    var sweep = Sweep()
    let recipes = try Self.recipes()
    #expect(recipes.count >= 20)
    for (index, recipe) in recipes.enumerated() {
      let emulation = try emulation(recipe, size: Self.size)
      let ways = try [KernelPath.automatic, .scalar].map { path in
        (path, try #require(OnlineRows(emulation, path: path)))
      }
      let rowByRow = RowAttention(emulation)
      var generator = SeededGenerator(seed: 71 + UInt64(index))
      for trial in 0..<(isExhaustive ? 40 : 10) {
        let values = values(trial % 5, 120, emulation, &generator)
        let count = [1, 2, 5, 16, 31][generator.below(5)]
        var rows = runs(count, &generator)
        let spread: Double = [1, 0.05, 6, 0x1p33, 0x1p100][generator.below(trial < 4 ? 3 : 5)]
        // What the scores of a row are, by key.
        var scores = (0..<count).map { _ in
          (0..<120).map { _ in Double(Float(Double(generator.below(4001) - 2000) * 0.00731 * spread)) }
        }
        if trial % 3 == 1 {
          scores[generator.below(count)][generator.below(60)] = [Double.nan, .infinity][generator.below(2)]
          for key in 0..<30 { scores[generator.below(count)][key] = -.infinity }
        }
        var shared: [VisibleKeys] = rows.map(VisibleKeys.init)
        // Where tiles begin with a block, rows of one block go together.
        let together = shared.indices.filter { ways[0].1.canShareTiles(shared[0], shared[$0]) }
        (rows, shared, scores) = (
          together.map { rows[$0] }, together.map { shared[$0] }, together.map { scores[$0] }
        )
        let stride = shared.map(\.count).max()! + 1
        let wantsProbabilities = trial % 4 > 0
        let expected = try rows.enumerated().map { row, runs in
          let inputs = runs.flatMap(\.keys).map { scores[row][$0] }
          var p = [Double](repeating: 0, count: inputs.count)
          var o = [Double](repeating: 0, count: Self.size)
          var known = RowStatistics(maximum: 0, sum: 0)
          try inputs.withUnsafeBufferPointer { inputs in
            try p.withUnsafeMutableBufferPointer { p in
              try o.withUnsafeMutableBufferPointer {
                try rowByRow.row(
                  inputs, runs: runs, values: values, place: ScorePlace(), probabilities: p, output: $0,
                  statistics: &known)
              }
            }
          }
          return (p, o, known)
        }
        for (path, online) in ways {
          var probabilities = [Double](repeating: 7, count: rows.count * stride)
          var outputs = [Double](repeating: 7, count: rows.count * Self.size)
          var statistics = [RowStatistics](repeating: RowStatistics(maximum: 7, sum: 7), count: rows.count)
          try probabilities.withUnsafeMutableBufferPointer { probabilities in
            try outputs.withUnsafeMutableBufferPointer { outputs in
              try statistics.withUnsafeMutableBufferPointer { statistics in
                try online.rows(
                  shared, values: values,
                  OnlineRows.Results(
                    probabilities: wantsProbabilities ? probabilities.baseAddress! : nil, stride: stride,
                    outputs: outputs.baseAddress!, statistics: statistics.baseAddress!)
                ) { keys, room, stride in
                  for row in rows.indices {
                    for (offset, key) in keys.enumerated() { room[row * stride + offset] = scores[row][key] }
                  }
                }
              }
            }
          }
          for (row, (p, o, known)) in expected.enumerated() {
            let found = probabilities[row * stride..<(row + 1) * stride]
            let isRight =
              !wantsProbabilities || zip(p, found).allSatisfy(same) && found[found.startIndex + p.count] == 7
            sweep.check(
              isRight && zip(o, outputs[row * Self.size..<(row + 1) * Self.size]).allSatisfy(same)
                && same(known.maximum, statistics[row].maximum) && same(known.sum, statistics[row].sum),
              "\(recipe.name) \(path) trial \(trial) row \(row) of \(rows.count): \(rows[row])")
          }
        }
      }
    }
    #expect(sweep.passed(atLeast: 1000), "\(sweep)")
  }

  @Test func whatIsKnownOfNumbersByHand() {
    let range = SingleRange([0, -3, 0x1p-149, 0x1.8p-140, .infinity, .nan, 0x1.000002p90])
    #expect(range.width == 24 && range.lowest == -149 && range.highest == 90)
    let few = SingleRange([0.5, -0.75, 6])
    #expect(few.width == 2 && few.lowest == -2 && few.highest == 2)
    #expect(SingleRange([0, .nan]).width == 0)
  }

  /// bf16 by bf16 has 16 bits; with values down to 2^−20 a P of 2^e is a multiple of 2^(e − 7), and 2^(e − 27) is at least 2^−149 from
  /// e = −122 on.
  @Test func productsAreFusedWhereTheyAreExact() throws {
    func limit(_ name: String, _ values: [Float]) throws -> Float? {
      try #require(OnlineRows(emulation(RecipeRegistry.named(name), size: 4))).exactProductLimit(
        SingleRange(values))
    }
    let bf16 = "meta-llama/flash-attn-2/bf16"
    #expect(try limit(bf16, [1, 0x1p-20]) == 0x1p-122)
    #expect(try limit(bf16, [1, 0x1.000002p0]) == nil)
    #expect(try limit(bf16, [0x1p-140, 1]) == nil)
    #expect(try limit(bf16, [0x1p101]) == nil)
    // The lowest bit of half precision is 2^−24.
    #expect(try limit("meta-llama/flash-attn-2/fp16", [1, 0x1p-20]) == 0)
    #expect(try limit("hf-llama/sdpa-flash/fp32", [1]) == nil)
  }
}
