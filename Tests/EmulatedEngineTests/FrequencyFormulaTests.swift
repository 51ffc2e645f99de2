// The error of each frequency formula in binary32 against figures measured independently (binary32 steps in Python, exact
// powers from mpmath).

import ArbitraryPrecision
import EmulatedEngine
import FloatingPointFormats
import ReferenceEngine
import RotaryAttention
import Testing

@Suite struct FrequencyFormulaTests {
  /// Greatest error in ulp over the 64 pairs of d = 128, for bases 10^4, 5·10^5 and 10^6.
  @Test(
    arguments: [
      (.powReciprocal, [1.01, 1.29, 1.29]), (.pow, [0.50, 0.48, 0.49]), (.exp2Log2, [7.24, 9.77, 11.15]),
      (.expLn, [7.02, 8.67, 5.75]), (.powOfStep, [34.3, 21.0, 31.0]),
    ] as [(Recipe.InverseFrequency.Formula, [Double])])
  func errorsAreTheMeasuredOnes(formula: Recipe.InverseFrequency.Formula, expected: [Double]) throws {
    for (base, figure) in zip(["10000", "500000", "1000000"], expected) {
      let embedding = try RotaryEmbedding(headSize: 128, base: NumberLiteral(base), layout: .halfSplit)
      let stage = Recipe.InverseFrequency(formula: formula, rounding: RoundingChain([.fp32]))
      var worst = 0.0
      for (stored, exact) in zip(try stage.frequencies(of: embedding), try embedding.exactFrequencies()) {
        let reference = FloatingPointFormat.fp64.rounded(try exact.exactValue())
        let unit = try #require(FloatingPointFormat.fp32.unitInLastPlace(at: reference))
        let error = ExactReal.sum([try #require(stored.exactReal), -exact])
        worst = max(worst, abs(FloatingPointFormat.fp64.rounded(try error.exactValue())) / unit)
      }
      #expect(abs(worst - figure) <= (figure > 20 ? 0.05 : 0.005) + 1e-9, "base \(base): \(worst)")
    }
  }

  /// 1/1024 is a power of two, so that its powers with exponents 0, 1/4, 1/2, 3/4 are near 2^(−10e).
  @Test func powOfReciprocalOfAPowerOfTwo() throws {
    let embedding = try RotaryEmbedding(headSize: 8, base: NumberLiteral(1024), layout: .halfSplit)
    let stage = Recipe.InverseFrequency(formula: .powOfReciprocal, rounding: RoundingChain([.fp32]))
    let values = try stage.frequencies(of: embedding).map { try $0.binary64() }
    #expect(values[0] == 1 && values[2] == 0x1p-5)
    #expect(
      values[1] == Double(Float(0.17677669529663687)) && values[3] == Double(Float(0.005524271728019903)))
  }

  @Test func scalingsOverTheTimescaleNeedAFormulaThatMakesIt() throws {
    let embedding = try RotaryEmbedding(
      headSize: 8, base: NumberLiteral(1024), layout: .halfSplit,
      scaling: RotaryScaling(spelling: "yarn:factor=4,original=64"))
    let stage = Recipe.InverseFrequency(formula: .pow, rounding: RoundingChain([.fp32]))
    #expect(throws: ProblemError.self) { try stage.frequencies(of: embedding) }
  }
}
