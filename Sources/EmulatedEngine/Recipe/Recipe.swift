// A recipe: the arithmetic of one implementation as data. The fields stand in the order in which data passes the stages.

import FloatingPointFormats

/// What every stage of an emulated computation rounds, and how.
public struct Recipe: Sendable, Hashable {
  /// The name a user types.
  public var name: String
  /// One sentence.
  public var summary: String
  /// Where the arithmetic was read: a definition, or a repository with path and revision.
  public var source: String

  /// ω_i and the steps that make it.
  public var inverseFrequency: InverseFrequency
  /// The position id.
  public var position: RoundingChain
  /// p·ω_i.
  public var angle: RoundingChain
  /// cos φ and sin φ, correctly rounded.
  public var trig: RoundingChain
  /// The stored table.
  public var table: RoundingChain
  /// q and k: stored value to format, once.
  public var input: RoundingChain
  /// Products and sums of the rotation.
  public var rotation: Rotation
  /// The stored rotated q and k, unrotated channels included.
  public var rotated: RoundingChain
  /// The accumulation over the head's channels.
  public var dot: Dot
  /// Stored score, scale, stored logit.
  public var logit: Logit
  /// P after the softmax of the row.
  public var probability: RoundingChain

  /// The stage that makes the frequencies.
  public struct InverseFrequency: Sendable, Hashable {
    /// The steps.
    public enum Formula: String, Sendable, Hashable, CaseIterable {
      // Each step is rounded to the chain's first format, ω then through the others; e = RN(2i/r), B = RN(b).

      /// t = RN(B^e), ω = RN(1/t).
      case powReciprocal
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
    /// The order and grouping of the additions.
    public enum Order: String, Sendable, Hashable, CaseIterable {
      /// acc = RN(acc + RN(q_c·k_c)), from +0.
      case sequential
      /// acc = RN(acc + q_c·k_c), from +0.
      case sequentialFused
      /// Products rounded, then neighbours added level by level; an odd last term moves up unchanged.
      case pairwise
      /// No rounding: the next rounding is taken from the exact sum.
      case exact
    }
    /// The order.
    public var order: Order
    /// The accumulator.
    public var rounding: RoundingChain

    /// An order and an accumulator; both exact or neither.
    public init(order: Order, rounding: RoundingChain) {
      precondition((order == .exact) == rounding.isExact, "the exact order has no accumulator format")
      self.order = order
      self.rounding = rounding
    }
  }

  /// The stage that scales the score.
  public struct Logit: Sendable, Hashable {
    /// S = RN(acc): the score as it is stored before scaling.
    public var storedScore: RoundingChain
    /// c = RN(scale).
    public var scaleFactor: RoundingChain
    /// RN(S·c).
    public var rounding: RoundingChain

    /// The three roundings of the stage.
    public init(storedScore: RoundingChain, scaleFactor: RoundingChain, rounding: RoundingChain) {
      self.storedScore = storedScore
      self.scaleFactor = scaleFactor
      self.rounding = rounding
    }
  }

  /// The format in which logits are stored; nil if they stay exact.
  public var logitFormat: FloatingPointFormat? { logit.rounding.stored }

  /// Every rounding chain with the stage that it belongs to, in the order in which data passes them.
  public var chains: [(stage: String, chain: RoundingChain)] {
    [
      ("inverseFrequency", inverseFrequency.rounding), ("position", position), ("angle", angle),
      ("trig", trig), ("table", table), ("input", input), ("rotation", rotation.rounding),
      ("rotated", rotated), ("dot", dot.rounding), ("logit.storedScore", logit.storedScore),
      ("logit.scaleFactor", logit.scaleFactor), ("logit", logit.rounding), ("probability", probability),
    ]
  }
}
