// Tables of cos and sin by the kernel against the plain tier, entry by entry.

import FloatingPointFormats
import ReferenceEngine
import RotaryAttention
import TestSupport
import Testing

@testable import EmulatedEngine

@Suite("Tables of cos and sin")
struct RowTrigonometryTests {
  private func recipes() throws -> [Recipe] {
    var recipes = RecipeRegistry.all + (try RecipeRegistry.shortNames.map(RecipeRegistry.named))
    for part in RecipePart.rotary where part.attention != nil {
      for type in part.types {
        if let recipe = try? RecipeRegistry.composed(rotary: part.name, attention: nil, type: type) {
          recipes.append(recipe)
        }
      }
    }
    func vary(_ name: String, _ change: (inout Recipe) -> Void) {
      var recipe = RecipeRegistry.all[0]
      recipe.name = name
      change(&recipe)
      recipes.append(recipe)
    }
    vary("angle stochastic") { $0.angle.rounding.rounding = .stochastic(seed: 3) }
    vary("position fp16") { $0.position = RoundingChain([.fp16]) }
    vary("position bf16, angle up") {
      $0.position = RoundingChain([.bf16])
      $0.angle.rounding = RoundingChain([.fp32], rounding: .up)
    }
    vary("trig bf16 at once") { $0.trig.rounding = RoundingChain([.bf16]) }
    vary("trig fp32, fp64, fp8") { $0.trig.rounding = RoundingChain([.fp32, .fp64, .fp8E4M3FN]) }
    vary("angle fp64") { $0.angle.rounding = RoundingChain([.fp64]) }
    return recipes
  }

  @Test func everyEntryIsThePlainTiers() throws {
    var sweep = Sweep()
    var known = 0
    for recipe in try recipes() {
      let embedding = try RotaryEmbedding(headSize: 26, base: NumberLiteral(10000), layout: .halfSplit)
      guard
        let emulation = try? Emulation(
          recipe: recipe, embedding: embedding, scale: .inverseSquareRootOfHeadSize),
        let kernel = try RowTrigonometry(emulation),
        let scalar = try RowTrigonometry(emulation, path: .scalar)
      else { continue }
      known += 1
      // One recipe over more than a block of rows.
      let tokens = known == 1 ? 85 : 5
      for shift in [-2, 131_069, 16_777_214, 1 << 40] {
        let positions = try TokenPositions(tokens: tokens, shift: shift)
        let table = try kernel.table(positions, threads: 2)
        let other = try scalar.table(positions, threads: 1)
        for token in 0..<tokens {
          for pair in 0..<13 {
            let (_, cosine, sine) = try emulation.trigonometry(
              position: positions.position(ofToken: token), pair: pair)
            let index = token * 13 + pair
            for (got, value) in [
              (table.cosine[index], cosine), (table.sine[index], sine), (other.cosine[index], cosine),
              (other.sine[index], sine),
            ] {
              let expected = try value.binary64()
              sweep.check(
                got.bitPattern == expected.bitPattern || got.isNaN && expected.isNaN,
                "\(recipe.name) position \(shift + token) pair \(pair): got \(got), expected \(expected)")
            }
          }
        }
      }
    }
    #expect(known >= 12)
    #expect(sweep.passed(atLeast: 20_000), "\(sweep)")
  }
}
