// Recipes that round nothing between the trig stage and the sum: their sums are exact scores, and the reference's tiers compute
// them, rounded once to whatever the recipe rounds next.

import ArbitraryPrecision
import FloatingPointFormats
import ReferenceEngine

/// Exact sums of one key head, rounded once to the next format of the recipe.
final class CertifiedDot: Sendable {
  private let emulation: Emulation
  private let keys: [Double]
  private let trigonometry: ReferenceTrigonometry
  /// The exact score before any scale, for what ``rows`` does not do.
  private let unscaled: ReferenceProblem
  /// Whole rows where the next rounding is that of a score or of a score times a factor, to nearest even.
  private let rows: ReferenceHead?
  private let roundsStoredScore: Bool

  /// Nil where the recipe is of another kind.
  init?(emulation: Emulation, table: RotaryTable, keys: [Double]) throws {
    guard case .exact(let angles, let trigonometry) = table.storage else { return nil }
    self.emulation = emulation
    self.keys = keys
    self.trigonometry = trigonometry
    let one = ExactReal(Rational(1))
    unscaled = try ReferenceProblem(embedding: emulation.embedding, exactScale: one, angles: angles)
    let stage = emulation.recipe.logit
    roundsStoredScore = !stage.storedScore.isExact
    let next = roundsStoredScore ? stage.storedScore : stage.rounding
    let isProduct = stage.scaling == .afterScore && emulation.softcap == nil
    let factor = roundsStoredScore ? one : isProduct ? emulation.scaleFactor.exactReal : nil
    guard let factor, !factor.isZero, next.rounding == .nearestEven else {
      rows = nil
      return
    }
    rows = ReferenceHead(
      problem: try ReferenceProblem(embedding: emulation.embedding, exactScale: factor, angles: angles),
      trigonometry: trigonometry, keys: keys,
      keyRows: Array(0..<keys.count / emulation.embedding.headSize), format: next.formats.first ?? .fp64)
  }

  /// The logits of a row; false where one of the vectors is not finite, so that the plain tier must do it.
  func logits(
    query: [Double], queryRow: Int, keys range: Range<Int>, head: ScorePlace,
    into row: UnsafeMutableBufferPointer<Double>
  ) throws -> Bool {
    guard let rows else {
      return try exactLogits(query: query, queryRow: queryRow, keys: range, head: head, into: row)
    }
    let counts = try query.withUnsafeBufferPointer {
      try rows.scores(query: $0, queryRow: queryRow, keys: range, into: row)
    }
    if counts.nonFinite > 0 { return false }
    let stage = emulation.recipe.logit
    let next = roundsStoredScore ? stage.storedScore : stage.rounding
    let rest = RoundingChain(Array(next.formats.dropFirst()))
    for (offset, key) in range.enumerated() {
      let place = head.with(key: key)
      let counter = place.counter(roundsStoredScore ? .storedScore : .logit)
      let value = rest.isExact ? row[offset] : rest.round(ExactValue(row[offset]), counter)
      // A score that is stored already is not changed by being stored again.
      row[offset] =
        roundsStoredScore ? try emulation.logit(.number(value), place).logit.binary64() : value
    }
    return true
  }

  /// One score at a time, through the plain tier's logit stage.
  private func exactLogits(
    query: [Double], queryRow: Int, keys range: Range<Int>, head: ScorePlace,
    into row: UnsafeMutableBufferPointer<Double>
  ) throws -> Bool {
    let size = emulation.embedding.headSize
    for (offset, key) in range.enumerated() {
      let score = unscaled.relativeFormScore(
        query: query, key: Array(keys[key * size..<(key + 1) * size]),
        queryPosition: trigonometry.positions[queryRow], keyPosition: trigonometry.positions[key])
      guard let score else { return false }
      row[offset] = try emulation.logit(.real(score), head.with(key: key)).logit.binary64()
    }
    return true
  }
}
