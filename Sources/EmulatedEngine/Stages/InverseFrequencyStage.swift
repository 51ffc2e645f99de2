// ω_i as an implementation computes it. A formula is one case of Recipe.InverseFrequency.Formula and one branch here.

import ArbitraryPrecision
import CMPFR
import FloatingPointFormats
import ReferenceEngine
import RotaryAttention

extension Recipe.InverseFrequency {
  /// The stored frequencies of an embedding; exact powers b^(−2i/r) where the stage does not round.
  public func frequencies(of embedding: RotaryEmbedding) throws -> [StageValue] {
    guard let first = rounding.formats.first else {
      return ExactAngles.frequencies(of: embedding).map(StageValue.real)
    }
    let stepRounding = RoundingChain([first], rounding: rounding.rounding)
    let rest = RoundingChain(Array(rounding.formats.dropFirst()), rounding: rounding.rounding)
    return try (0..<embedding.pairCount).map { pair in
      let counter = StageCounter(.inverseFrequency, pair)
      switch formula {
      case .powReciprocal:
        let exponent = stepRounding.round(
          Rational(2 * pair, embedding.rotarySize).exactValue, counter, step: 0)
        let base = stepRounding.round(embedding.base.exactValue, counter, step: 1)
        let timescale = stepRounding.round(power(base, exponent), counter, step: 2)
        let frequency = stepRounding.round(reciprocal(timescale), counter, step: 3)
        return try rest.round(.number(frequency), counter, step: 4)
      }
    }
  }

  private func power(_ base: Double, _ exponent: Double) -> ExactValue {
    let x = MPFRNumber(base, precision: 53)
    let y = MPFRNumber(exponent, precision: 53)
    return ExactValue.result { mpfr_pow($0, x.pointer, y.pointer, MPFR_RNDZ) }
  }

  private func reciprocal(_ value: Double) -> ExactValue {
    let x = MPFRNumber(value, precision: 53)
    return ExactValue.result { mpfr_ui_div($0, 1, x.pointer, MPFR_RNDZ) }
  }
}
