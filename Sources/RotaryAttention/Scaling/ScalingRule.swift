// What a scaling of the rotary frequencies is, written once for every arithmetic: exact reals for the reference, rounded steps for
// an emulated implementation.

import FloatingPointFormats

/// Real operations in some arithmetic. Each function is one operation of the implementation and rounds at most once.
public protocol RealArithmetic<Number> {
  /// A number of this arithmetic.
  associatedtype Number
  /// A literal.
  func number(_ literal: NumberLiteral) throws -> Number
  /// a + b.
  func sum(_ a: Number, _ b: Number) throws -> Number
  /// a − b.
  func difference(_ a: Number, _ b: Number) throws -> Number
  /// a·b.
  func product(_ a: Number, _ b: Number) throws -> Number
  /// a/b.
  func quotient(_ a: Number, _ b: Number) throws -> Number
  /// ln a for a > 0.
  func logarithm(_ a: Number) throws -> Number
  /// √a for a ≥ 0.
  func squareRoot(_ a: Number) throws -> Number
  /// a^(numerator/denominator) for a > 0; the exponent is first rounded where the arithmetic rounds.
  func power(_ a: Number, _ numerator: Int, over denominator: Int) throws -> Number
  /// π.
  var pi: Number { get throws }
  /// Whether a < b.
  func isLess(_ a: Number, _ b: Number) throws -> Bool
  /// ⌊a⌋.
  func floor(_ a: Number) throws -> Int
}

extension RealArithmetic {
  /// An integer.
  public func number(_ value: Int) throws -> Number { try number(NumberLiteral(value)) }

  /// ⌈a⌉.
  public func ceiling(_ a: Number) throws -> Int { try -floor(difference(number(0), a)) }
}

/// The two arithmetics of an implementation: scalars of the host language, and elements of a tensor. Both have one type of
/// number; an element operation rounds host operands first.
public protocol FrequencyArithmetic<Number> {
  /// A number of both arithmetics.
  associatedtype Number
  /// Scalars of the host language (binary64 in Python).
  var host: any RealArithmetic<Number> { get }
  /// Elements of the frequency tensor (binary32 as a rule).
  var element: any RealArithmetic<Number> { get }
  /// b^(−2i/n) in elements, for a host number b, by the implementation's formula.
  func frequency(base: Number, pair: Int, size: Int) throws -> Number
  /// b^(2i/n) in elements, for a host number b; refused where the implementation's formula never makes it.
  func timescale(base: Number, pair: Int, size: Int) throws -> Number
}

/// What frequencies are made from.
public struct FrequencyProblem: Sendable, Hashable {
  /// b.
  public let base: NumberLiteral
  /// r, or for ``ProportionalScaling`` the head size.
  public let rotarySize: Int

  /// Number of pairs.
  public var pairCount: Int { rotarySize / 2 }
}

/// A scaling of rotary frequencies. A new one is a file with a conforming type and a line in ``RotaryScaling/rules``.
public protocol ScalingRule: Sendable {
  /// The name a user types, transformers' `rope_type` where it has one.
  static var name: String { get }
  /// The keys with their meaning, in the order in which they are spelled.
  static var keys: [(key: String, meaning: String)] { get }
  /// Reads the parameters; what is left unread is refused by the caller.
  init(_ parameters: inout ScalingParameters) throws
  /// ω_i in the order of operations of transformers' modeling_rope_utils.py.
  func frequencies<Number>(
    _ problem: FrequencyProblem, _ arithmetic: any FrequencyArithmetic<Number>
  ) throws -> [Number]
  /// f, which multiplies cos and sin; nil for 1.
  func attentionFactor<Number>(_ arithmetic: any FrequencyArithmetic<Number>) throws -> Number?
  /// Whether the rule pairs channel i with i + d/2 over the whole head.
  static var spansHead: Bool { get }
}

extension ScalingRule {
  /// No factor.
  /// f; nil for 1.
  public func attentionFactor<Number>(_ arithmetic: any FrequencyArithmetic<Number>) throws -> Number? { nil }

  /// Most rules rotate the rotary channels.
  public static var spansHead: Bool { false }

  /// b^(−2i/r) for a host base, by the implementation's formula.
  func unscaled<Number>(
    _ problem: FrequencyProblem, base: Number, _ arithmetic: any FrequencyArithmetic<Number>
  ) throws -> [Number] {
    try (0..<problem.pairCount).map {
      try arithmetic.frequency(base: base, pair: $0, size: problem.rotarySize)
    }
  }
}

/// `key=value` pairs as typed, taken out one by one.
public struct ScalingParameters {
  /// The scaling's name, for messages.
  public let scaling: String
  private(set) var values: [String: String]

  init(scaling: String, values: [String: String]) {
    self.scaling = scaling
    self.values = values
  }

  /// A number above zero.
  ///
  /// - Throws: ``ProblemError/scaling(_:)`` where it is missing (and there is no default) or no such number.
  public mutating func positive(_ key: String, default fallback: String? = nil) throws -> NumberLiteral {
    guard let text = values.removeValue(forKey: key) ?? fallback else {
      throw ProblemError.scaling("\(scaling) needs \(key)=")
    }
    guard let literal = try? NumberLiteral(text),
      case .rational(isNegative: false, let numerator, _) = literal.meaning, !numerator.isZero
    else { throw ProblemError.scaling("\(scaling): \(key)=\(text) is not a finite number above zero") }
    return literal
  }

  /// A number above zero, or nil where the key is not there.
  public mutating func optionalPositive(_ key: String) throws -> NumberLiteral? {
    values[key] == nil ? nil : try positive(key)
  }

  /// `true` or `false`.
  public mutating func flag(_ key: String, default fallback: Bool) throws -> Bool {
    switch values.removeValue(forKey: key) {
    case nil: return fallback
    case "true": return true
    case "false": return false
    case let text?: throw ProblemError.scaling("\(scaling): \(key)=\(text) is neither true nor false")
    }
  }

  /// Numbers above zero separated by semicolons, or nil where the key is not there.
  public mutating func list(_ key: String) throws -> [NumberLiteral]? {
    guard let text = values.removeValue(forKey: key) else { return nil }
    return try text.split(separator: ";", omittingEmptySubsequences: false).map { item in
      var one = ScalingParameters(scaling: scaling, values: [key: String(item)])
      return try one.positive(key)
    }
  }
}
