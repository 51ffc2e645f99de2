// The angles of a list of positions, for all heads and layers that share them.

import ArbitraryPrecision
import CMPFR

/// f·cos θ(p, i) and f·sin θ(p, i) for a list of positions: in MPFR at ``precision`` bits, each within 1.51·f·2^−precision of the exact
/// value, and in two binary64 numbers for the fast tier.
///
/// Angles are added from those of few positions (``AngleAnchors``), so that memory grows with the square root of a run's length and
/// MPFR's sin and cos are asked a few times a pair. Angles whose multiples are not the positions have an anchor each.
public final class ReferenceTrigonometry: Sendable {
  /// Working precision of the simple tier in bits.
  public static let precision = 128

  /// The positions, in the order of their rows.
  public let positions: [Int]
  /// Number of pairs.
  public let pairCount: Int
  let anchors: AngleAnchors

  /// Prepares the angles.
  ///
  /// - Parameters:
  ///   - angles: θ(p, i).
  ///   - attentionFactor: f.
  ///   - positions: one a row, in any order.
  ///   - threads: how many pairs are worked on at a time.
  public init(
    angles: ExactAngles, attentionFactor: ExactReal = ExactReal(Rational(1)), positions: [Int],
    threads: Int = 1
  ) {
    self.positions = positions
    pairCount = angles.units.count
    anchors = AngleAnchors(
      angles: angles, attentionFactor: attentionFactor, positions: positions, threads: threads)
  }
}
