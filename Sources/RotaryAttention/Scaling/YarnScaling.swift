// YaRN: low frequencies are interpolated, high ones kept, those between blended; cos and sin are scaled.

import FloatingPointFormats

/// YaRN [Peng2023]: ω = (1 − ramp)·b^(−e) + ramp·b^(−e)/factor.
///
/// c(n) = r·ln(original/(2πn))/(2 ln b), low = ⌊c(beta_fast)⌋ and high = ⌈c(beta_slow)⌉ (not rounded where `truncate` is
/// false), held within 0 and r − 1; ramp = clip((i − low)/(high − low), 0, 1), with 0.001 added to high where they are equal.
/// Attention factor: as given, else m(mscale)/m(mscale_all_dim) where both are given, else m(1), m(s) = 0.1·s·ln factor + 1.
public struct YarnScaling: ScalingRule {
  /// The name a user types.
  public static let name = "yarn"
  /// The keys and what they mean.
  public static let keys = [
    (key: "factor", meaning: "Scaling factor."),
    (key: "original", meaning: "Length that the model was trained on."),
    (key: "beta_fast", meaning: "Rotations above which frequencies are kept (32)."),
    (key: "beta_slow", meaning: "Rotations below which frequencies are interpolated (1)."),
    (key: "truncate", meaning: "Whether the borders are rounded to whole pairs (true)."),
    (key: "attention_factor", meaning: "What multiplies cos and sin."),
    (key: "mscale", meaning: "Numerator's s of the attention factor."),
    (key: "mscale_all_dim", meaning: "Denominator's s of the attention factor."),
  ]
  let factor: NumberLiteral
  let original: NumberLiteral
  let betaFast: NumberLiteral
  let betaSlow: NumberLiteral
  let truncates: Bool
  let givenFactor: NumberLiteral?
  let mscale: NumberLiteral?
  let mscaleAllDim: NumberLiteral?

  /// Reads the parameters.
  public init(_ parameters: inout ScalingParameters) throws {
    factor = try parameters.positive("factor")
    original = try parameters.positive("original")
    betaFast = try parameters.positive("beta_fast", default: "32")
    betaSlow = try parameters.positive("beta_slow", default: "1")
    truncates = try parameters.flag("truncate", default: true)
    givenFactor = try parameters.optionalPositive("attention_factor")
    mscale = try parameters.optionalPositive("mscale")
    mscaleAllDim = try parameters.optionalPositive("mscale_all_dim")
  }

  /// ω_i, one a pair.
  public func frequencies<Number>(
    _ problem: FrequencyProblem, _ arithmetic: any FrequencyArithmetic<Number>
  ) throws -> [Number] {
    let (host, element) = (arithmetic.host, arithmetic.element)
    let base = try host.number(problem.base)
    let (low, high) = try borders(problem, base, host)
    let width = try host.difference(high, low)
    let one = try element.number(1)
    return try (0..<problem.pairCount).map { pair in
      let timescale = try arithmetic.timescale(base: base, pair: pair, size: problem.rotarySize)
      let extrapolated = try element.quotient(one, timescale)
      let interpolated = try element.quotient(one, element.product(element.number(factor), timescale))
      let ramp = try clip(element.quotient(element.difference(element.number(pair), low), width), element)
      let kept = try element.difference(one, ramp)
      return try element.sum(
        element.product(interpolated, element.difference(one, kept)), element.product(extrapolated, kept))
    }
  }

  /// low and high, the second one moved up by 0.001 where they are equal.
  private func borders<Number>(
    _ problem: FrequencyProblem, _ base: Number, _ host: any RealArithmetic<Number>
  ) throws -> (low: Number, high: Number) {
    func pair(ofRotations rotations: NumberLiteral) throws -> Number {
      let turns = try host.product(host.product(host.number(rotations), host.number(2)), host.pi)
      let logarithm = try host.logarithm(host.quotient(host.number(original), turns))
      return try host.quotient(
        host.product(host.number(problem.rotarySize), logarithm),
        host.product(host.number(2), host.logarithm(base)))
    }
    var low = try pair(ofRotations: betaFast)
    var high = try pair(ofRotations: betaSlow)
    if truncates {
      low = try host.number(host.floor(low))
      high = try host.number(host.ceiling(high))
    }
    let (zero, last) = (try host.number(0), try host.number(problem.rotarySize - 1))
    if try host.isLess(low, zero) { low = zero }
    if try host.isLess(last, high) { high = last }
    let isEqual = try !host.isLess(low, high) && !host.isLess(high, low)
    return (low, isEqual ? try host.sum(high, host.number(NumberLiteral("0.001"))) : high)
  }

  private func clip<Number>(_ x: Number, _ element: any RealArithmetic<Number>) throws -> Number {
    let (zero, one) = (try element.number(0), try element.number(1))
    if try element.isLess(x, zero) { return zero }
    return try element.isLess(one, x) ? one : x
  }

  /// f; nil for 1.
  public func attentionFactor<Number>(_ arithmetic: any FrequencyArithmetic<Number>) throws -> Number? {
    let host = arithmetic.host
    if let givenFactor { return try host.number(givenFactor) }
    func magnitude(_ scale: NumberLiteral) throws -> Number {
      let (one, f) = (try host.number(1), try host.number(factor))
      guard try host.isLess(one, f) else { return one }
      let slope = try host.product(host.number(NumberLiteral("0.1")), host.number(scale))
      return try host.sum(host.product(slope, host.logarithm(f)), one)
    }
    if let mscale, let mscaleAllDim {
      return try host.quotient(magnitude(mscale), magnitude(mscaleAllDim))
    }
    return try magnitude(NumberLiteral(1))
  }
}
