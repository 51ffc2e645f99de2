// Recipes that round nothing between the trig stage and the sum: their sums are exact scores, and the reference's simple tier
// computes them, rounded once to whatever the recipe rounds next.

import ArbitraryPrecision
import FloatingPointFormats
import ReferenceEngine

/// Exact sums of one key head, rounded once to the next format of the recipe.
final class CertifiedDot: Sendable {
  private let head: ReferenceHead
  private let trigonometry: ReferenceTrigonometry
  private let emulation: Emulation
  private let roundsStoredScore: Bool

  /// Nil where the recipe is of another kind, its next rounding is not to nearest even, or a key is not finite.
  init?(emulation: Emulation, table: RotaryTable, keys: [Double]) throws {
    guard case .exact(let angles, let trigonometry) = table.storage else { return nil }
    self.emulation = emulation
    self.trigonometry = trigonometry
    let stage = emulation.recipe.logit
    roundsStoredScore = !stage.storedScore.isExact
    let next = roundsStoredScore ? stage.storedScore : stage.rounding
    let factor = roundsStoredScore ? ExactReal(Rational(1)) : emulation.scaleFactor.exactReal
    guard let factor, !factor.isZero else { return nil }
    let problem = try ReferenceProblem(embedding: emulation.embedding, exactScale: factor, angles: angles)
    head = ReferenceHead(
      problem: problem, trigonometry: trigonometry, keys: keys,
      keyRows: Array(0..<keys.count / emulation.embedding.headSize),
      format: next.rounding == .nearestEven ? next.formats.first ?? .fp64 : .fp64)
  }

  func position(ofRow row: Int) -> Int { trigonometry.positions[row] }

  /// The logits of a row; false where one of the vectors is not finite or the next rounding is not to nearest even, so that the
  /// plain tier must do it.
  func logits(
    query: [Double], queryRow: Int, keys range: Range<Int>, into row: UnsafeMutableBufferPointer<Double>
  ) throws -> Bool {
    let stage = emulation.recipe.logit
    let next = roundsStoredScore ? stage.storedScore : stage.rounding
    guard next.rounding == .nearestEven else { return false }
    let counts = try query.withUnsafeBufferPointer {
      try head.scores(query: $0, queryRow: queryRow, keys: range, into: row)
    }
    if counts.nonFinite > 0 { return false }
    let rest = RoundingChain(Array(next.formats.dropFirst()))
    for (offset, key) in range.enumerated() {
      let place = ScorePlace(query: queryRow, key: key)
      var value = try rest.round(.number(row[offset]), place.counter(.storedScore))
      if roundsStoredScore {
        value = try stage.rounding.product(value, emulation.scaleFactor, place.counter(.logit))
      }
      row[offset] = try value.binary64()
    }
    return true
  }
}
