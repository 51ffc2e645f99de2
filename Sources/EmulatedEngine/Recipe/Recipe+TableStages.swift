// The stages that depend on positions alone: frequency, angle, cos and sin.

import FloatingPointFormats

extension Recipe {
  /// The stage that makes the frequencies.
  public struct InverseFrequency: Sendable, Hashable {
    /// The steps.
    public enum Formula: String, Sendable, Hashable, CaseIterable {
      // Each step is rounded to the chain's first format, ω then through the others; e = RN(2i/r), B = RN(b).

      /// t = RN(B^e), ω = RN(1/t).
      case powReciprocal
      /// t = RN(B^e) from e and B^e in binary64, ω = RN(1/t).
      case powInDoubleReciprocal
      /// ω = RN(B^(−e)).
      case pow
      /// ω = RN(RN(1/B)^e).
      case powOfReciprocal
      /// ω = RN(2^RN(−e·RN(log₂ B))).
      case exp2Log2
      /// ω = RN(exp(RN(−i·RN(RN(ln B)/(r/2))))).
      case expLn
      /// ω = RN(step^i), step = RN(B^RN(−2/r)).
      case powOfStep
      /// ω = RN(B^RN(i·RN(−2/r))).
      case powOfExponentStep
      /// t = RN(B^e) is stored, and the angle is a quotient: RN(p/t). The frequency that it stands for is 1/t, exactly.
      case timescaleDivision
    }
    /// The steps.
    public var formula: Formula
    /// Format of the steps, then of the result.
    public var rounding: RoundingChain

    /// A formula and its roundings.
    public init(formula: Formula, rounding: RoundingChain) {
      self.formula = formula
      self.rounding = rounding
    }
  }

  /// The stage that makes the angle from position and frequency.
  public struct Angle: Sendable, Hashable {
    /// How the angle comes about.
    public enum Algorithm: String, Sendable, Hashable, CaseIterable {
      /// RN(p·ω_i); with ``InverseFrequency/Formula/timescaleDivision``, RN(p/t_i).
      case product
      /// θ_0 = RN(p), θ_(i+1) = RN(θ_i·step), with the step of ``InverseFrequency/Formula/powOfStep``.
      case iterated
    }
    /// How the angle comes about.
    public var algorithm: Algorithm
    /// What both operands are rounded to once more before the product, as a matrix unit does; exact: not rounded again.
    public var operands: RoundingChain
    /// What the result is rounded to.
    public var rounding: RoundingChain

    /// An angle stage; a plain product of the operands as they are unless said otherwise.
    public init(
      algorithm: Algorithm = .product, operands: RoundingChain = .exact, rounding: RoundingChain
    ) {
      self.algorithm = algorithm
      self.operands = operands
      self.rounding = rounding
    }
  }

  /// The stage that takes cos and sin of the angle.
  public struct Trig: Sendable, Hashable {
    /// Results off by whole units in the last place, seeded: a model of a library or a device of which only a bound is known.
    ///
    /// A result is the correctly rounded one plus k units in the last place of the first format, k uniform in −(n−1) … n−1 and
    /// a function of seed, position, pair and function; within ±1, and exact zeros stay. Its error is below n units.
    public struct UlpModel: Sendable, Hashable {
      /// n ≥ 1, the stated bound in units in the last place.
      public var bound: Int
      /// The seed.
      public var seed: UInt64

      /// A bound and a seed.
      public init(bound: Int, seed: UInt64) {
        self.bound = bound
        self.seed = seed
      }
    }
    /// Nil: correctly rounded.
    public var ulpModel: UlpModel?
    /// What cos and sin are rounded to.
    public var rounding: RoundingChain

    /// A trig stage; correctly rounded unless said otherwise.
    public init(ulpModel: UlpModel? = nil, rounding: RoundingChain) {
      self.ulpModel = ulpModel
      self.rounding = rounding
    }
  }
}
