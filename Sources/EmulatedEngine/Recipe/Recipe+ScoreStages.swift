// The stages that a vector and a score pass: rotation, dot product, logit.

import FloatingPointFormats

extension Recipe {
  /// The stage that rotates a pair: (x_a cos φ − x_b sin φ, x_a sin φ + x_b cos φ).
  public struct Rotation: Sendable, Hashable {
    /// Which of the operations are rounded.
    public enum Algorithm: String, Sendable, Hashable, CaseIterable {
      /// Both products and the sum.
      case perOperation
      /// The second product and the sum: fma(first operands, rounded second product).
      case fusedFirstProductExact
      /// The first product and the sum: fma(second operands, rounded first product).
      case fusedSecondProductExact
      /// The product with the sine and the sum, in both components.
      case fusedCosineProductExact
      /// The product with the cosine and the sum, in both components.
      case fusedSineProductExact
      /// The sum alone, once, from exact products.
      case wide
    }
    /// Which of the operations are rounded.
    public var algorithm: Algorithm
    /// What they are rounded to.
    public var rounding: RoundingChain
  }

  /// The stage that accumulates q̃·k̃ over all d channels in stored order.
  public struct Dot: Sendable, Hashable {
    /// The order.
    public var order: Order
    /// What rotated queries are rounded to once more as operands; exact: not rounded again.
    public var queryOperand: RoundingChain
    /// What rotated keys are rounded to once more as operands; exact: not rounded again.
    public var keyOperand: RoundingChain
    /// The accumulator.
    public var rounding: RoundingChain

    /// An order and an accumulator, both exact or neither; operands as they are unless said otherwise.
    public init(
      order: Order, queryOperand: RoundingChain = .exact, keyOperand: RoundingChain = .exact,
      rounding: RoundingChain
    ) {
      precondition((order == .exact) == rounding.isExact, "the exact order has no accumulator format")
      self.order = order
      self.queryOperand = queryOperand
      self.keyOperand = keyOperand
      self.rounding = rounding
    }
  }

  /// The stage that scales the score.
  public struct Logit: Sendable, Hashable {
    /// Where the scale comes in.
    public enum Scaling: String, Sendable, Hashable, CaseIterable {
      /// RN(S·c), c = RN(scale).
      case afterScore
      /// RN(S/c), c = RN(1/scale).
      case divideScore
      /// Rotated queries become RN(q̃·c), c = RN(scale), before the dot product.
      case onQuery
      /// Rotated queries and keys become RN(x·c), c = RN(√scale), before the dot product.
      case onQueryAndKey
      /// The exponent of 2 is E = RN(S·c), c = RN(RN(scale)·RN(log₂ e)); the logit is what it stands for, RN(E/log₂ e).
      case insideExponential

      /// Whether the vectors are scaled and not the score.
      public var scalesOperands: Bool { self == .onQuery || self == .onQueryAndKey }
    }

    /// How a softcap is computed; c is the cap stored as the scale is, by the stage's `scaleFactor`.
    public struct Softcap: Sendable, Hashable {
      /// The steps.
      public enum Algorithm: String, Sendable, Hashable, CaseIterable {
        /// From the scaled logit x: RN(c·RN(tanh RN(x/c))).
        case afterScale
        /// From the stored score S: t = RN(tanh RN(S·RN(scale/cap))); the cap then stands where the scale stood, in the stage's
        /// own scaling (`afterScore` or `insideExponential`).
        case insteadOfScale
      }
      /// The steps.
      public var algorithm: Algorithm
      /// What every step is rounded to; tanh is correctly rounded.
      public var rounding: RoundingChain

      /// The steps and their rounding.
      public init(algorithm: Algorithm, rounding: RoundingChain) {
        self.algorithm = algorithm
        self.rounding = rounding
      }
    }

    /// Where the scale comes in.
    public var scaling: Scaling
    /// S = RN(acc): the score as it is stored before scaling.
    public var storedScore: RoundingChain
    /// The stored scale (or its root, or reciprocal).
    public var scaleFactor: RoundingChain
    /// What scaled vectors are rounded to, where ``scaling`` scales them.
    public var scaledOperand: RoundingChain
    /// The stored log₂ e, where ``scaling`` is `insideExponential`.
    public var log2e: RoundingChain
    /// The stored product of scale and log₂ e, where ``scaling`` is `insideExponential`.
    public var exponentFactor: RoundingChain
    /// The product S·c inside the exponential; exact where a fused operation takes it in.
    public var exponent: RoundingChain
    /// How a softcap is computed; nil where the implementation has none.
    public var softcap: Softcap?
    /// What the logit is rounded to.
    public var rounding: RoundingChain

    /// The roundings of the stage; a product after the score, and no softcap, unless said otherwise.
    public init(
      scaling: Scaling = .afterScore, storedScore: RoundingChain, scaleFactor: RoundingChain,
      scaledOperand: RoundingChain = .exact, log2e: RoundingChain = .exact,
      exponentFactor: RoundingChain = .exact, exponent: RoundingChain = .exact, softcap: Softcap? = nil,
      rounding: RoundingChain
    ) {
      self.scaling = scaling
      self.storedScore = storedScore
      self.scaleFactor = scaleFactor
      self.scaledOperand = scaledOperand
      self.log2e = log2e
      self.exponentFactor = exponentFactor
      self.exponent = exponent
      self.softcap = softcap
      self.rounding = rounding
    }
  }
}
