// The angles of an embedding as exact reals: real frequencies, or stored ones taken as exact.

import ArbitraryPrecision
import FloatingPointFormats
import RotaryAttention

/// Angles θ(p, i) = multiple(p, i)·unit(i) with a rational multiple and an algebraic unit.
///
/// For the reference the multiple is the position and the unit the frequency ω_i. Where an emulated stage has rounded the
/// angle itself, the unit is 1 and the multiple the rounded angle.
public struct ExactAngles: Sendable {
  /// unit(i), one a pair.
  public let units: [ExactReal]
  /// multiple(p, i).
  public let multiple: @Sendable (_ position: Int, _ pair: Int) -> Rational
  /// Whether multiple(p, i) is p, so that angles of sums of positions are sums of angles.
  let isLinear: Bool

  /// p·unit(i).
  public init(units: [ExactReal]) {
    self.units = units
    multiple = { position, _ in Rational(position) }
    isLinear = true
  }

  /// Angles from their two factors.
  public init(units: [ExactReal], multiple: @escaping @Sendable (_ position: Int, _ pair: Int) -> Rational) {
    self.units = units
    self.multiple = multiple
    isLinear = false
  }

  /// p·ω_i with the embedding's frequencies as real numbers [Su2021].
  ///
  /// - Throws: as ``RotaryAttention/RotaryEmbedding/exactFrequencies()``.
  public init(_ embedding: RotaryEmbedding) throws {
    self.init(units: try embedding.exactFrequencies())
  }

  /// p·ω_i with given frequencies taken as exact.
  public init(storedFrequencies: [Double]) {
    self.init(units: storedFrequencies.map { ExactReal($0) })
  }

  /// θ(p, i).
  public func angle(position: Int, pair: Int) -> ExactReal {
    ExactReal(multiple(position, pair)) * units[pair]
  }

  /// θ(p, i) − θ(p', i); exactly zero where the multiples are equal.
  public func difference(_ position: Int, minus other: Int, pair: Int) -> ExactReal {
    ExactReal(multiple(position, pair) + -multiple(other, pair)) * units[pair]
  }
}

extension AttentionScale {
  /// The scale as an exact real; 1/√d is rational only where d is a square.
  public func exact(headSize: Int) -> ExactReal {
    switch self {
    case .inverseSquareRootOfHeadSize: ExactReal.power(Rational(headSize), -1, over: 2)
    case .value(let literal): ExactReal(Rational(literal)!)
    }
  }
}
