// Scalings that divide every frequency or change the base: default, linear, dynamic, ntk.

import FloatingPointFormats

/// ω_i = b^(−2i/r) [Su2021].
public struct DefaultScaling: ScalingRule {
  /// The name a user types.
  public static let name = "default"
  /// The keys and what they mean.
  public static let keys: [(key: String, meaning: String)] = []

  /// Reads the parameters.
  public init(_ parameters: inout ScalingParameters) throws {}

  /// ω_i, one a pair.
  public func frequencies<Number>(
    _ problem: FrequencyProblem, _ arithmetic: any FrequencyArithmetic<Number>
  ) throws -> [Number] {
    try unscaled(problem, base: arithmetic.host.number(problem.base), arithmetic)
  }
}

/// ω_i = b^(−2i/r)/factor: position interpolation [Chen2023].
public struct LinearScaling: ScalingRule {
  /// The name a user types.
  public static let name = "linear"
  /// The keys and what they mean.
  public static let keys = [(key: "factor", meaning: "What every frequency is divided by.")]
  /// What every frequency is divided by.
  public let factor: NumberLiteral

  /// Reads the parameters.
  public init(_ parameters: inout ScalingParameters) throws { factor = try parameters.positive("factor") }

  /// ω_i, one a pair.
  public func frequencies<Number>(
    _ problem: FrequencyProblem, _ arithmetic: any FrequencyArithmetic<Number>
  ) throws -> [Number] {
    let divisor = try arithmetic.element.number(factor)
    return try unscaled(problem, base: arithmetic.host.number(problem.base), arithmetic).map {
      try arithmetic.element.quotient($0, divisor)
    }
  }
}

/// b' = b·(factor·L/Lmax − (factor − 1))^(r/(r−2)), L = max(length, Lmax): dynamic NTK.
public struct DynamicScaling: ScalingRule {
  /// The name a user types.
  public static let name = "dynamic"
  /// The keys and what they mean.
  public static let keys = [
    (key: "factor", meaning: "Scaling factor."), (key: "length", meaning: "Sequence length."),
    (key: "max", meaning: "Length up to which nothing changes."),
  ]
  let factor: NumberLiteral
  let length: NumberLiteral
  let maximum: NumberLiteral

  /// Reads the parameters.
  public init(_ parameters: inout ScalingParameters) throws {
    factor = try parameters.positive("factor")
    length = try parameters.positive("length")
    maximum = try parameters.positive("max")
  }

  /// ω_i, one a pair.
  public func frequencies<Number>(
    _ problem: FrequencyProblem, _ arithmetic: any FrequencyArithmetic<Number>
  ) throws -> [Number] {
    let host = arithmetic.host
    let (f, limit) = (try host.number(factor), try host.number(maximum))
    let typed = try host.number(length)
    let longest = try host.isLess(typed, limit) ? limit : typed
    let stretch = try host.difference(
      host.quotient(host.product(f, longest), limit), host.difference(f, host.number(1)))
    return try scaledBase(problem, stretch, arithmetic)
  }
}

/// b' = b·factor^(r/(r−2)): static NTK-aware scaling.
public struct NTKScaling: ScalingRule {
  /// The name a user types.
  public static let name = "ntk"
  /// The keys and what they mean.
  public static let keys = [(key: "factor", meaning: "Scaling factor.")]
  let factor: NumberLiteral

  /// Reads the parameters.
  public init(_ parameters: inout ScalingParameters) throws { factor = try parameters.positive("factor") }

  /// ω_i, one a pair.
  public func frequencies<Number>(
    _ problem: FrequencyProblem, _ arithmetic: any FrequencyArithmetic<Number>
  ) throws -> [Number] {
    try scaledBase(problem, arithmetic.host.number(factor), arithmetic)
  }
}

extension ScalingRule {
  /// Frequencies of the base b·stretch^(r/(r−2)).
  fileprivate func scaledBase<Number>(
    _ problem: FrequencyProblem, _ stretch: Number, _ arithmetic: any FrequencyArithmetic<Number>
  ) throws -> [Number] {
    guard problem.rotarySize > 2 else {
      throw ProblemError.scaling("\(Self.name) needs a rotary size above 2: its exponent is r/(r - 2)")
    }
    let host = arithmetic.host
    let power = try host.power(stretch, problem.rotarySize, over: problem.rotarySize - 2)
    return try unscaled(problem, base: host.product(host.number(problem.base), power), arithmetic)
  }
}
