// LongRoPE: a factor for every pair, one list for short and one for long sequences.

import FloatingPointFormats

/// LongRoPE [Ding2024]: ω_i = 1/(ext_i·b^(2i/r)), ext the long factors where length > original, else the short ones. Attention
/// factor: as given, else √(1 + ln factor/ln original) for factor > 1.
public struct LongRopeScaling: ScalingRule {
  /// The name a user types.
  public static let name = "longrope"
  /// The keys and what they mean.
  public static let keys = [
    (key: "original", meaning: "Length that the model was trained on."),
    (key: "factor", meaning: "Longest length over the original one."),
    (key: "length", meaning: "Sequence length, which chooses the list."),
    (key: "short", meaning: "One factor a pair, separated by semicolons."),
    (key: "long", meaning: "One factor a pair, separated by semicolons."),
    (key: "attention_factor", meaning: "What multiplies cos and sin."),
  ]
  let original: NumberLiteral
  let factor: NumberLiteral
  let length: NumberLiteral
  let short: [NumberLiteral]
  let long: [NumberLiteral]
  let givenFactor: NumberLiteral?

  /// Reads the parameters.
  public init(_ parameters: inout ScalingParameters) throws {
    original = try parameters.positive("original")
    factor = try parameters.positive("factor")
    length = try parameters.positive("length")
    guard let short = try parameters.list("short"), let long = try parameters.list("long") else {
      throw ProblemError.scaling("longrope needs short= and long=, one factor a pair separated by semicolons")
    }
    (self.short, self.long) = (short, long)
    givenFactor = try parameters.optionalPositive("attention_factor")
  }

  /// ω_i, one a pair.
  public func frequencies<Number>(
    _ problem: FrequencyProblem, _ arithmetic: any FrequencyArithmetic<Number>
  ) throws -> [Number] {
    let (host, element) = (arithmetic.host, arithmetic.element)
    let isLong = try host.isLess(host.number(original), host.number(length))
    let factors = isLong ? long : short
    guard factors.count == problem.pairCount else {
      throw ProblemError.scaling(
        "longrope: \(isLong ? "long" : "short") has \(factors.count) factors for \(problem.pairCount) pairs")
    }
    let base = try host.number(problem.base)
    return try factors.enumerated().map { pair, factor in
      let timescale = try arithmetic.timescale(base: base, pair: pair, size: problem.rotarySize)
      return try element.quotient(
        element.number(1), element.product(element.number(factor), timescale))
    }
  }

  /// f; nil for 1.
  public func attentionFactor<Number>(_ arithmetic: any FrequencyArithmetic<Number>) throws -> Number? {
    let host = arithmetic.host
    if let givenFactor { return try host.number(givenFactor) }
    let (one, f) = (try host.number(1), try host.number(factor))
    guard try host.isLess(one, f) else { return nil }
    return try host.squareRoot(
      host.sum(one, host.quotient(host.logarithm(f), host.logarithm(host.number(original)))))
  }
}
