// Scalings in exact arithmetic: every operation of a rule on real numbers, so that the reference's frequencies and attention factor
// carry no rounding.

import ArbitraryPrecision
import FloatingPointFormats
import RotaryAttention

/// Exact reals as an arithmetic.
struct ExactArithmetic: RealArithmetic {
  func number(_ literal: NumberLiteral) throws -> ExactReal { ExactReal(Rational(literal)!) }
  func sum(_ a: ExactReal, _ b: ExactReal) throws -> ExactReal { ExactReal.sum([a, b]) }
  func difference(_ a: ExactReal, _ b: ExactReal) throws -> ExactReal { ExactReal.sum([a, -b]) }
  func product(_ a: ExactReal, _ b: ExactReal) throws -> ExactReal { a * b }
  func quotient(_ a: ExactReal, _ b: ExactReal) throws -> ExactReal {
    guard !b.isZero else { throw ProblemError.scaling("the scaling divides by zero with these parameters") }
    return a * b.reciprocal
  }
  func logarithm(_ a: ExactReal) throws -> ExactReal { a.logarithm }
  func squareRoot(_ a: ExactReal) throws -> ExactReal {
    guard try a.isZero || ExactReal.isLess(ExactReal(Rational(0)), a) else {
      throw ProblemError.scaling("the scaling takes the root of a negative number with these parameters")
    }
    return a.squareRoot
  }
  func power(_ a: ExactReal, _ numerator: Int, over denominator: Int) throws -> ExactReal {
    a.power(numerator, over: denominator)
  }
  var pi: ExactReal { ExactReal.pi }
  func isLess(_ a: ExactReal, _ b: ExactReal) throws -> Bool { try ExactReal.isLess(a, b) }
  func floor(_ a: ExactReal) throws -> Int { try a.floor() }
}

/// Exact scalars and exact elements.
struct ExactFrequencyArithmetic: FrequencyArithmetic {
  var host: any RealArithmetic<ExactReal> { ExactArithmetic() }
  var element: any RealArithmetic<ExactReal> { ExactArithmetic() }

  func frequency(base: ExactReal, pair: Int, size: Int) throws -> ExactReal {
    base.power(-2 * pair, over: size)
  }

  func timescale(base: ExactReal, pair: Int, size: Int) throws -> ExactReal {
    base.power(2 * pair, over: size)
  }
}

extension RotaryEmbedding {
  /// ω_i as exact reals: b^(−2i/r), scaled.
  ///
  /// - Throws: ``ProblemError/scaling(_:)``; ``UndecidedRounding`` where a border of the scaling cannot be decided.
  public func exactFrequencies() throws -> [ExactReal] {
    if scaling.isDefault {
      let base = Rational(base)!
      return (0..<pairCount).map { ExactReal.power(base, -2 * $0, over: rotarySize) }
    }
    return try scaling.rule.frequencies(frequencyProblem, ExactFrequencyArithmetic())
  }

  /// f, which multiplies cos and sin; 1 as a rule.
  ///
  /// - Throws: ``UndecidedRounding``.
  public func exactAttentionFactor() throws -> ExactReal {
    try scaling.rule.attentionFactor(ExactFrequencyArithmetic()) ?? ExactReal(Rational(1))
  }
}
