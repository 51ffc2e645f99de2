// Softmax and output stages: hand-worked rows, tiles, and every way of the fast tier against the plain tier.

import ArbitraryPrecision
import EmulatedEngine
import FloatingPointFormats
import Foundation
import ReferenceEngine
import RotaryAttention
import TestSupport
import Testing

/// The stages of a recipe, as JSON, in the place of hf-bf16's.
func recipe(softmax: String?, probability: String = #"{ "format": "exact" }"#, output: String?) throws
  -> Recipe
{
  let text = try #require(RecipeRegistry.json(ofRecipe: "hf-bf16"))
  var stages = text.components(separatedBy: "\n").filter {
    !$0.hasPrefix("  \"probability\"") && !$0.hasPrefix("  \"output\"") && $0 != "}" && !$0.isEmpty
  }
  if let softmax { stages.append("  \"softmax\": \(softmax),") }
  stages.append("  \"probability\": \(probability)" + (output == nil ? "" : ","))
  if let output { stages.append("  \"output\": \(output)") }
  return try Recipe(json: Data((stages.joined(separator: "\n") + "\n}").utf8), origin: "mine.json")
}

/// Two channels, so that rows can be worked by hand.
func emulation(_ recipe: Recipe, size: Int = 2, softcap: NumberLiteral? = nil) throws -> Emulation {
  try Emulation(
    recipe: recipe,
    embedding: RotaryEmbedding(headSize: size, base: NumberLiteral(10000), layout: .halfSplit),
    scale: .inverseSquareRootOfHeadSize, softcap: softcap)
}

private let online = #"""
  { "algorithm": "online", "tile": TILE, "tileOrder": "ORDER", "exponential": "exp2", "log2e": "p2e-14:15",
    "exponent": "fp32", "difference": "fp32", "sum": { "order": "sequential", "tiles": "TILES", "format": "fp32" },
    "format": "fp32" }
  """#
private let onlineOutput = #"""
  { "order": "sequential", "accumulator": "fp32", "rescaling": "fp32",
    "normalization": { "algorithm": "divide", "format": "fp32" }, "format": "fp32" }
  """#

@Suite struct AttentionStageTests {
  /// log₂ e in two bits is 1.5: inputs 0, 2, 4 are exponents 0, 3, 6, weights 2^−6, 2^−3, 1, sum 73/64.
  @Test(arguments: ["running", "separate", "fused"], [1, 2, 3, 64]) func anOnlineRowByHand(
    tiles: String, tile: Int
  ) throws {
    for order in ["ascending", "descending"] {
      let softmax = online.replacingOccurrences(of: "TILES", with: tiles)
        .replacingOccurrences(of: "TILE", with: String(tile)).replacingOccurrences(of: "ORDER", with: order)
      let emulation = try emulation(recipe(softmax: softmax, output: onlineOutput))
      let row = try emulation.attentionRow(
        [0, 2, 4], keys: 0..<3, values: [[8, 1], [1, 0], [1, -1]], place: ScorePlace())
      // 8/64 + 1/8 + 1 = 5/4 and 1/64 − 1 = −63/64, over 73/64: exact until the quotient.
      let output = try row.output.map { try $0.binary64() }
      let expected: [Double] = [Double(Float(80) / Float(73)), Double(Float(-63) / Float(73))]
      #expect(output == expected)
      let probabilities: [Double] = [1.0 / 73, 8.0 / 73, 64.0 / 73]
      #expect(row.probabilities == probabilities)
      // Relative to the maximum of their own tile.
      let stored = try row.stored.map { try $0.binary64() }
      switch (order, tile) {
      case ("ascending", 1): #expect(stored == [1, 1, 1])
      case ("ascending", 2): #expect(stored == [0.125, 1, 1])
      default: #expect(stored == [0x1p-6, 0x1p-3, 1])
      }
    }
  }

  /// Weights 2^−6, 2^−3, 1 and 1 in an accumulator of two bits: every order of adding them gives another sum.
  @Test(arguments: [
    // 2^-6; 2^-3 + 2^-6 = 0.140625 → 0.125; 1.125 → 1; 2.
    (#""order": "sequential""#, 2.0),
    // (2^-6 + 2^-3 → 0.125) + (1 + 1) = 2.125 → 2.
    (#""order": "pairwise""#, 2.0),
    // Lanes: 2^-6 + 1 → 1; 2^-3 + 1 = 1.125 → 1; 2.
    (#""order": "lanes(2)""#, 2.0),
    // Lanes of two neighbours: 0.125 and 2; 2.125 → 2.
    (#""order": "lanes(2)", "laneWidth": 2"#, 2.0),
  ]) func sumsAreRoundedOneByOne(order: String, sum: Double) throws {
    let softmax = #"""
      { "algorithm": "fullRow", "exponential": "exp2", "log2e": "p2e-14:15", "exponent": "fp32", "difference": "fp32",
        "sum": { \#(order), "format": "p2e-14:15" }, "normalization": { "algorithm": "divide", "format": "fp64" },
        "format": "fp32" }
      """#
    let emulation = try emulation(recipe(softmax: softmax, output: nil))
    let row = try emulation.attentionRow(
      [0, 2, 4, 4], keys: 0..<4, values: [[8, 1], [1, 0], [1, -1], [0, 0]], place: ScorePlace())
    let weights: [Double] = [0x1p-6, 0x1p-3, 1, 1]
    #expect(row.probabilities == weights.map { $0 / sum })
  }

  @Test func anOrderThatMattersIsSeen() throws {
    // Weights 1, 1, 1/2, 1/2 with two bits: (1 + 1) + 1/2 → 2 (tie to even) + 1/2 → 2; lanes of one: 1.5 + 1.5 = 3.
    for (order, sum) in [
      (#""sequential""#, 2.0), (#""lanes(2)""#, 3.0), (#""pairwise""#, 3.0), (#""blocks(2)""#, 3.0),
    ] {
      let softmax = #"""
        { "algorithm": "fullRow", "exponential": "exp2", "log2e": "p2e-14:15", "exponent": "p3e-14:15",
          "difference": "fp32", "sum": { "order": \#(order), "format": "p2e-14:15" },
          "normalization": { "algorithm": "reciprocal", "reciprocal": "bf16", "format": "fp32" }, "format": "fp32" }
        """#
      let emulation = try emulation(recipe(softmax: softmax, output: nil))
      // log₂ e in two bits is 1.5; exponents 3 and 2.25, in three bits 2.
      let row = try emulation.attentionRow(
        [2, 2, 1.5, 1.5], keys: 0..<4, values: Array(repeating: [1, 0], count: 4), place: ScorePlace())
      // 1/3 in bf16 is 0.333984375.
      #expect(row.probabilities[0] == (sum == 2 ? 0.5 : 0.333984375), "\(order)")
      #expect(row.probabilities[3] == row.probabilities[0] / 2)
    }
  }

  @Test func tilesStartAtMultiplesAndComeInTheirOrder() throws {
    func tiles(_ tile: String, _ order: String, _ keys: Range<Int>, headSize: Int = 64) throws -> [Range<Int>]
    {
      let softmax = online.replacingOccurrences(of: "TILES", with: "running")
        .replacingOccurrences(of: "TILE", with: tile).replacingOccurrences(of: "ORDER", with: order)
      return try #require(recipe(softmax: softmax, output: onlineOutput).softmax).tiles(
        of: keys, headSize: headSize)
    }
    #expect(try tiles("4", "ascending", 0..<10) == [0..<4, 4..<8, 8..<10])
    #expect(try tiles("4", "descending", 3..<9) == [8..<9, 4..<8, 3..<4])
    #expect(try tiles("2", "diagonalFirst(4)", 0..<7) == [4..<6, 6..<7, 0..<2, 2..<4])
    #expect(try tiles("4", "diagonalFirst(4)", 0..<8) == [4..<8, 0..<4])
    #expect(try tiles("4", "diagonalFirst(8)", 5..<7) == [5..<7])
    #expect(try tiles("4", "ascending", 5..<5).isEmpty)
    let bySize = #"{ "64": 8, "128": 4, "otherwise": 2 }"#
    #expect(try tiles(bySize, "ascending", 0..<8, headSize: 64) == [0..<8])
    #expect(try tiles(bySize, "ascending", 0..<8, headSize: 65) == [0..<4, 4..<8])
    #expect(try tiles(bySize, "ascending", 0..<3, headSize: 256) == [0..<2, 2..<3])
  }

  @Test func rowsThatAreNotOrdinary() throws {
    let softmax = online.replacingOccurrences(of: "TILES", with: "running")
      .replacingOccurrences(of: "TILE", with: "1").replacingOccurrences(of: "ORDER", with: "ascending")
    let running = try emulation(recipe(softmax: softmax, output: onlineOutput))
    let full = try emulation(RecipeRegistry.named("hf-llama/hf-eager/bf16"))
    let plain = try emulation(RecipeRegistry.named("hf-bf16"))
    let values = [[1.0, .infinity], [2, 3]]
    for (emulation, isOnline) in [(running, true), (full, false), (plain, false)] {
      func row(_ inputs: [Double]) throws -> (p: [Double], o: [Double]) {
        let row = try emulation.attentionRow(
          inputs, keys: 0..<inputs.count, values: Array(values[..<inputs.count]), place: ScorePlace())
        return (row.probabilities, try row.output.map { try $0.binary64() })
      }
      for input in [Double.nan, .infinity] {
        let result = try row([1, input])
        #expect(result.p.allSatisfy { $0.isNaN })
        #expect(result.o.allSatisfy { $0.isNaN })
      }
      let nothing = try row([-.infinity, -.infinity])
      let isZero: [Bool] = nothing.p.map { $0 == 0 }
      #expect(isZero == [isOnline, isOnline])
      // 0·∞ is NaN in an online softmax too.
      #expect(nothing.o[1].isNaN)
      if isOnline { #expect(nothing.o[0] == 0) } else { #expect(nothing.o[0].isNaN) }
      let unseen = try row([])
      #expect(unseen.p.isEmpty && unseen.o.map(\.bitPattern) == [0, 0])
      let one = try row([-.infinity, 3])
      #expect(one.p == [0, 1])
      #expect(one.o[0] == 2)
      #expect(one.o[1].isNaN)
      let infinite = try row([3, 3])
      #expect(infinite.p == [0.5, 0.5])
      #expect(infinite.o == [1.5, .infinity])
    }
  }

  /// Without an output stage: the exact sum, rounded once, where every partial sum of doubles would be off.
  @Test func theDefaultOutputIsTheExactSumRoundedOnce() throws {
    let emulation = try emulation(recipe(softmax: nil, output: nil))
    // Four equal probabilities of 1/4.
    let values = [[0x1p100, 1], [1, 0x1p-60], [-0x1p100, -1], [0x1p-30, 0]]
    let row = try emulation.attentionRow([0, 0, 0, 0], keys: 0..<4, values: values, place: ScorePlace())
    let output = try row.output.map { try $0.binary64() }
    let expected: [Double] = [(1 + 0x1p-30) / 4, 0x1p-62]
    #expect(output == expected)
  }
}
