// Llama 3: frequencies by wavelength: long ones divided, short ones kept, those between blended.

import FloatingPointFormats

/// Llama 3.1's scaling [Grattafiori2024]: λ = 2π/ω; λ > original/low: ω/factor; λ < original/high: ω; else with
/// s = (original/λ − low)/(high − low): (1 − s)·ω/factor + s·ω.
public struct Llama3Scaling: ScalingRule {
  /// The name a user types.
  public static let name = "llama3"
  /// The keys and what they mean.
  public static let keys = [
    (key: "factor", meaning: "What long wavelengths' frequencies are divided by."),
    (key: "low", meaning: "Low-frequency factor."), (key: "high", meaning: "High-frequency factor."),
    (key: "original", meaning: "Length that the model was trained on."),
  ]
  let factor: NumberLiteral
  let low: NumberLiteral
  let high: NumberLiteral
  let original: NumberLiteral

  /// Reads the parameters.
  public init(_ parameters: inout ScalingParameters) throws {
    factor = try parameters.positive("factor")
    low = try parameters.positive("low")
    high = try parameters.positive("high")
    original = try parameters.positive("original")
  }

  /// ω_i, one a pair.
  public func frequencies<Number>(
    _ problem: FrequencyProblem, _ arithmetic: any FrequencyArithmetic<Number>
  ) throws -> [Number] {
    let (host, element) = (arithmetic.host, arithmetic.element)
    let length = try host.number(original)
    let longest = try host.quotient(length, host.number(low))
    let shortest = try host.quotient(length, host.number(high))
    let band = try host.difference(host.number(high), host.number(low))
    let turn = try host.product(host.number(2), host.pi)
    let (one, divisor) = (try element.number(1), try element.number(factor))
    // PyTorch computes scalar/tensor as the scalar times the tensor's reciprocal: two roundings.
    func scalar(_ a: Number, over b: Number) throws -> Number {
      try element.product(element.quotient(one, b), a)
    }
    return try unscaled(problem, base: host.number(problem.base), arithmetic).map { frequency in
      let wavelength = try scalar(turn, over: frequency)
      if try element.isLess(longest, wavelength) { return try element.quotient(frequency, divisor) }
      if try element.isLess(wavelength, shortest) { return frequency }
      let blend = try element.quotient(
        element.difference(scalar(length, over: wavelength), element.number(low)), band)
      return try element.sum(
        element.quotient(element.product(element.difference(one, blend), frequency), divisor),
        element.product(blend, frequency))
    }
  }
}
