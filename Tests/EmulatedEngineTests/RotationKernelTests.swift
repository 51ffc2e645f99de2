// The compiled rotation against its Swift twin, bit for bit.

import FloatingPointFormats
import RotaryAttention
import TestSupport
import Testing

@testable import EmulatedEngine

@Suite struct RotationKernelTests {
  /// Vectors of a kind: of a format with specials; binary32 of all sizes; binary64 whose products are not exact or overflow.
  private func vectors(_ kind: Int, count: Int, format: FloatingPointFormat, seed: UInt64) -> [Double] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in
      let bits = generator.next()
      let unit = Double(Int64(bitPattern: bits) >> 11) * 0x1p-52
      switch kind {
      case 0: return format.rounded(unit * 4)
      case 1: return format.double(of: bits >> UInt64(64 - format.bitWidth))
      case 2:
        let specials = [
          0, -0.0, .infinity, -.infinity, .nan, 1e300, -1e-300, 0x1p-1074, .greatestFiniteMagnitude, 0x1p-149,
        ]
        return generator.below(4) == 0 ? specials[generator.below(specials.count)] : unit
      default: return unit * exp2i(generator.below(2000) - 1000)
      }
    }
  }

  @Test(arguments: Recipe.Rotation.Algorithm.allCases)
  func everyWayGivesTheTwinsBits(algorithm: Recipe.Rotation.Algorithm) throws {
    let named = try RecipeRegistry.named("hf-bf16")
    var sweep = Sweep()
    var done = 0
    var left = 0
    let chains: [[FloatingPointFormat]] = [
      [.fp32], [.bf16], [.fp16], [.fp64], [.fp32, .bf16], [.fp32, .fp16], [.fp8E4M3FN], [.fp8E5M2.saturating],
    ]
    for (number, chain) in chains.enumerated() {
      for stored in [RoundingChain.exact, RoundingChain([.fp16]), RoundingChain([.fp32, .bf16])] {
        for (size, rotary, layout) in [
          (2, 2, RotaryLayout.halfSplit), (7, 4, .interleaved), (31, 30, .halfSplit), (80, 32, .interleaved),
          (128, 128, .halfSplit),
        ] {
          var recipe = named
          recipe.rotation = Recipe.Rotation(algorithm: algorithm, rounding: RoundingChain(chain))
          recipe.rotated = stored
          let embedding = try RotaryEmbedding(
            headSize: size, rotarySize: rotary, base: NumberLiteral(10000), layout: layout)
          let emulation = try Emulation(
            recipe: recipe, embedding: embedding, scale: .inverseSquareRootOfHeadSize)
          let plan = try #require(RotationPlan(recipe, embedding))
          let kind = (number + size) % 4
          let tokens = 4
          let matrix = vectors(
            kind, count: tokens * size, format: chain.last!, seed: UInt64(size * 10 + number))
          let table = vectors(
            0, count: (tokens + 1) * embedding.pairCount, format: number % 2 == 0 ? .fp32 : .bf16, seed: 3)
          let sines = Array(table.reversed())
          var twin = matrix
          emulation.rotate(
            0..<tokens, of: matrix, cosine: table, sine: sines, firstRow: 1, { VectorPlace(.key, token: $0) },
            into: &twin)
          for way in [Int32(0), 1, 2] {
            let result = plan.rotate(matrix, cosine: table, sine: sines, firstRow: 1, allowsVectors: way)
            done += tokens - result.left.count
            left += result.left.count
            // Numbers of the formats themselves are never left.
            sweep.check(kind > 0 || result.left.isEmpty, "left with \(chain) \(stored.summary)")
            for token in 0..<tokens where !result.left.contains(token) {
              for index in token * size..<(token + 1) * size {
                let (a, b) = (twin[index], result.rotated[index])
                sweep.check(
                  a.bitPattern == b.bitPattern || a.isNaN && b.isNaN,
                  "\(chain.map(\.spelling)) \(stored.summary) d \(size) kind \(kind) way \(way) channel \(index % size): \(shown(a)), got \(shown(b))"
                )
              }
            }
          }
        }
      }
    }
    #expect(
      sweep.passed(atLeast: 20000) && done > 500 && left > 10, "\(algorithm): \(done), \(left), \(sweep)")
  }

  @Test func otherRoundingsAreNotPlanned() throws {
    let embedding = try RotaryEmbedding(headSize: 4, base: NumberLiteral(10000), layout: .halfSplit)
    var recipe = try RecipeRegistry.named("hf-bf16")
    #expect(RotationPlan(recipe, embedding) != nil)
    recipe.rotated.rounding = .towardZero
    #expect(RotationPlan(recipe, embedding) == nil)
    recipe.rotated.rounding = .nearestEven
    recipe.rotation.rounding = .exact
    #expect(RotationPlan(recipe, embedding) == nil)
  }
}
