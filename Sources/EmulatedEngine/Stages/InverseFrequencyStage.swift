// ω_i as an implementation computes it: a formula for b^(−2i/r), and the scaling's own operations in the same arithmetic. A formula
// is one case of Recipe.InverseFrequency.Formula and one branch here.

import ArbitraryPrecision
import CMPFR
import FloatingPointFormats
import ReferenceEngine
import RotaryAttention

extension Recipe.InverseFrequency {
  /// The stored frequencies of an embedding; exact ones where the stage does not round.
  ///
  /// - Throws: ``ProblemError/scaling(_:)``, ``UndecidedRounding``.
  package func frequencies(of embedding: RotaryEmbedding) throws -> [StageValue] {
    guard let arithmetic = roundedArithmetic else {
      return try embedding.exactFrequencies().map(StageValue.real)
    }
    return try stored(embedding.scaling.rule.frequencies(embedding.frequencyProblem, arithmetic))
  }

  /// The stored timescales RN(B^e), unscaled; exact ones where the stage does not round.
  ///
  /// - Throws: ``UndecidedRounding``.
  func timescales(of embedding: RotaryEmbedding) throws -> [StageValue] {
    guard let arithmetic = roundedArithmetic else {
      return (0..<embedding.pairCount).map {
        .real(ExactReal.power(Rational(embedding.base)!, 2 * $0, over: embedding.rotarySize))
      }
    }
    let base = try arithmetic.host.number(embedding.base)
    return try stored(
      (0..<embedding.pairCount).map {
        try arithmetic.timescale(base: base, pair: $0, size: embedding.rotarySize)
      })
  }

  /// The stored step RN(B^RN(−2/r)); the exact one where the stage does not round.
  ///
  /// - Throws: ``UndecidedRounding``.
  func step(of embedding: RotaryEmbedding) throws -> StageValue {
    guard let arithmetic = roundedArithmetic else {
      return .real(ExactReal.power(Rational(embedding.base)!, -2, over: embedding.rotarySize))
    }
    let base = try arithmetic.host.number(embedding.base)
    return try stored([arithmetic.element.power(base, -2, over: embedding.rotarySize)])[0]
  }

  private var roundedArithmetic: RoundedFrequencyArithmetic? {
    rounding.formats.first.map {
      RoundedFrequencyArithmetic(formula: formula, element: RoundingChain([$0], rounding: rounding.rounding))
    }
  }

  /// Numbers in the first format, rounded to the others.
  private func stored(_ values: [Double]) throws -> [StageValue] {
    let rest = RoundingChain(Array(rounding.formats.dropFirst()), rounding: rounding.rounding)
    return try values.enumerated().map {
      try rest.round(.number($1), StageCounter(.inverseFrequency, $0), step: 4)
    }
  }
}

extension RotaryEmbedding {
  /// f as an implementation stores it: computed in binary64, then rounded to the formats of the trig stage. Nil for 1.
  ///
  /// - Throws: ``UndecidedRounding``.
  func storedAttentionFactor(_ trig: RoundingChain) throws -> StageValue? {
    if trig.isExact {
      let factor = try exactAttentionFactor()
      return factor.rational == Rational(1) ? nil : .real(factor)
    }
    let arithmetic = RoundedFrequencyArithmetic(formula: .powReciprocal, element: trig)
    guard let factor = try scaling.rule.attentionFactor(arithmetic), factor != 1 else { return nil }
    return try trig.round(.number(factor), StageCounter(.cosineTable), step: 8)
  }
}

/// Host scalars in binary64, elements in the stage's first format; every function correctly rounded.
struct RoundedFrequencyArithmetic: FrequencyArithmetic {
  let formula: Recipe.InverseFrequency.Formula
  private let elements: RoundedArithmetic

  init(formula: Recipe.InverseFrequency.Formula, element: RoundingChain) {
    self.formula = formula
    elements = RoundedArithmetic(chain: element)
  }

  var host: any RealArithmetic<Double> { RoundedArithmetic(chain: RoundingChain([.fp64])) }
  var element: any RealArithmetic<Double> { elements }

  func frequency(base: Double, pair: Int, size: Int) throws -> Double {
    let one = 1.0
    switch formula {
    case .powReciprocal: return try elements.quotient(one, timescale(base: base, pair: pair, size: size))
    case .powInDoubleReciprocal:
      return try elements.quotient(one, elements.stored(host.power(base, 2 * pair, over: size)))
    case .pow: return elements.power(base, exponent: -elements.stored(Rational(2 * pair, size)))
    case .powOfReciprocal: return try elements.power(elements.quotient(one, base), 2 * pair, over: size)
    case .exp2Log2:
      let exponent = elements.stored(Rational(2 * pair, size))
      return elements.binaryExponential(try elements.product(-exponent, elements.binaryLogarithm(base)))
    case .expLn:
      let step = try elements.quotient(elements.logarithm(base), Double(size / 2))
      return elements.exponential(try elements.product(Double(-pair), step))
    case .powOfStep: return try elements.power(elements.power(base, -2, over: size), pair, over: 1)
    case .powOfExponentStep:
      let step = elements.stored(Rational(-2, size))
      return try elements.power(base, exponent: elements.product(Double(pair), step))
    case .timescaleDivision:
      throw ProblemError.scaling("a recipe with timescaleDivision has no frequencies, only timescales")
    }
  }

  func timescale(base: Double, pair: Int, size: Int) throws -> Double {
    guard formula == .powReciprocal || formula == .timescaleDivision else {
      throw ProblemError.scaling(
        "this scaling is defined over base^(2i/r), which a recipe with the frequency formula \(formula.rawValue) never makes; "
          + "choose a recipe with powReciprocal")
    }
    return try elements.power(base, 2 * pair, over: size)
  }
}

/// Binary64 carriers rounded to one format after every operation; operands are rounded first, as a tensor operation does with a
/// scalar of the host language.
struct RoundedArithmetic: RealArithmetic {
  let chain: RoundingChain
  private let counter = StageCounter(.inverseFrequency)

  init(chain: RoundingChain) { self.chain = chain }

  func stored(_ value: Double) -> Double { chain.round(ExactValue(value), counter) }

  func stored(_ value: Rational) -> Double { chain.round(value.exactValue, counter) }

  func exponential(_ a: Double) -> Double { rounded(a, 0) { number, x, _ in mpfr_exp(number, x, MPFR_RNDZ) } }

  func binaryExponential(_ a: Double) -> Double {
    rounded(a, 0) { number, x, _ in mpfr_exp2(number, x, MPFR_RNDZ) }
  }

  func binaryLogarithm(_ a: Double) -> Double {
    rounded(a, 0) { number, x, _ in mpfr_log2(number, x, MPFR_RNDZ) }
  }

  func number(_ literal: NumberLiteral) throws -> Double { chain.round(literal.exactValue, counter) }

  func sum(_ a: Double, _ b: Double) throws -> Double {
    chain.round(ExactValue.sum(stored(a), stored(b), chain.rounding), counter)
  }

  func difference(_ a: Double, _ b: Double) throws -> Double { try sum(a, -b) }

  func product(_ a: Double, _ b: Double) throws -> Double {
    chain.round(ExactValue.product(stored(a), stored(b)), counter)
  }

  func quotient(_ a: Double, _ b: Double) throws -> Double {
    rounded(a, b) { mpfr_div($0, $1, $2, MPFR_RNDZ) }
  }

  func logarithm(_ a: Double) throws -> Double {
    rounded(a, 0) { number, x, _ in mpfr_log(number, x, MPFR_RNDZ) }
  }

  func squareRoot(_ a: Double) throws -> Double {
    rounded(a, 0) { number, x, _ in mpfr_sqrt(number, x, MPFR_RNDZ) }
  }

  func power(_ a: Double, _ numerator: Int, over denominator: Int) throws -> Double {
    rounded(a, stored(Rational(numerator, denominator))) {
      mpfr_pow($0, $1, $2, MPFR_RNDZ)
    }
  }

  /// a^b for a stored exponent.
  func power(_ a: Double, exponent: Double) -> Double {
    rounded(a, exponent) { mpfr_pow($0, $1, $2, MPFR_RNDZ) }
  }

  var pi: Double {
    get throws { chain.round(ExactValue.result { mpfr_const_pi($0, MPFR_RNDZ) }, counter) }
  }

  func isLess(_ a: Double, _ b: Double) throws -> Bool { stored(a) < stored(b) }

  func floor(_ a: Double) throws -> Int {
    guard a.magnitude < 0x1p62 else {
      throw ProblemError.scaling("a border of the scaling is not a finite number")
    }
    return Int(a.rounded(.down))
  }

  private func rounded(
    _ a: Double, _ b: Double, _ operation: (MPFRPointer, MPFRPointer, MPFRPointer) -> Int32
  ) -> Double {
    let x = MPFRNumber(stored(a), precision: 53)
    let y = MPFRNumber(stored(b), precision: 53)
    return chain.round(ExactValue.result { operation($0, x.pointer, y.pointer) }, counter)
  }
}
