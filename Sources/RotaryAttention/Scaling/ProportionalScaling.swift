// Proportional: only the first part of the whole head's pairs rotates, with exponents of the whole head.

import FloatingPointFormats

/// k = ⌊fraction·d/2⌋ pairs with ω_i = b^(−2i/d)/factor over the whole head, the rest exactly 0; channels i and i + d/2 are a pair.
public struct ProportionalScaling: ScalingRule {
  /// The name a user types.
  public static let name = "proportional"
  /// The keys and what they mean.
  public static let keys = [
    (key: "fraction", meaning: "Part of the pairs that rotates, at most 1."),
    (key: "factor", meaning: "What every frequency is divided by (1)."),
  ]
  /// Pairs span the whole head.
  public static let spansHead = true
  let fraction: NumberLiteral
  let factor: NumberLiteral

  /// Reads the parameters.
  public init(_ parameters: inout ScalingParameters) throws {
    fraction = try parameters.positive("fraction")
    factor = try parameters.positive("factor", default: "1")
  }

  /// ω_i, one a pair.
  public func frequencies<Number>(
    _ problem: FrequencyProblem, _ arithmetic: any FrequencyArithmetic<Number>
  ) throws -> [Number] {
    let (host, element) = (arithmetic.host, arithmetic.element)
    let part = try host.number(fraction)
    guard try !host.isLess(host.number(1), part) else {
      throw ProblemError.scaling("proportional: fraction=\(fraction) is above 1")
    }
    let rotating = try host.floor(
      host.quotient(host.product(part, host.number(problem.rotarySize)), host.number(2)))
    let divisor = try element.number(factor)
    return try unscaled(problem, base: host.number(problem.base), arithmetic).enumerated().map {
      try $0 < rotating ? element.quotient($1, divisor) : element.number(0)
    }
  }
}
