// The run of an angle experiment: pieces of ranges on several threads, merged in the order of positions.

import EmulatedEngine
import FloatingPointFormats
import ReferenceEngine

extension AngleExperiment {
  /// Positions of a piece of work; constant, so that sums do not depend on the number of threads.
  private static let pieceLength = 1 << 16

  /// Measures everything.
  ///
  /// Every greatest error is found by the fast tier and then computed again, correctly rounded, at the place where it was found.
  ///
  /// - Parameters:
  ///   - threads: at most so many.
  ///   - slow: is called with every recipe that the fast tier does not know, before its work starts.
  ///   - progress: is called from any thread with a number of entries that are done.
  /// - Throws: ``ProblemError/scaling(_:)``, ``UndecidedRounding``.
  public func run(
    threads: Int, slow: (Recipe) -> Void = { _ in }, progress: @escaping @Sendable (Int) -> Void = { _ in }
  ) throws -> AngleResults {
    AngleResults(
      experiment: self,
      recipes: try recipes.map { recipe in
        let reference = try TableErrorReference(
          recipe: recipe, embedding: embedding, subsets: Self.subsets)
        let fast = try FastTableErrors(reference, subsets: Self.subsets, threads: threads)
        if fast == nil { slow(recipe) }
        let measurement = RecipeMeasurement(reference: reference, fast: fast)
        return AngleRecipeResults(
          recipe: recipe, ranges: try measure(measurement, threads: threads, progress: progress),
          isFast: fast != nil)
      })
  }

  private struct Piece: Sendable {
    let range: Int
    let pair: Int
    let positions: ClosedRange<Int>
  }

  private func measure(
    _ measurement: RecipeMeasurement, threads: Int, progress: @escaping @Sendable (Int) -> Void
  ) throws -> [AngleRange] {
    var pieces: [Piece] = []
    for (index, range) in ranges.enumerated() {
      for pair in 0..<embedding.pairCount {
        for first in stride(from: range.lowerBound, through: range.upperBound, by: Self.pieceLength) {
          pieces.append(
            Piece(
              range: index, pair: pair, positions: first...min(range.upperBound, first + Self.pieceLength - 1)
            ))
        }
      }
    }
    let work = pieces
    let found = try concurrentMap(count: work.count, threads: threads) { index in
      let piece = work[index]
      return try measurement.sums(
        pair: piece.pair, positions: piece.positions,
        continuing: piece.positions.lowerBound > ranges[piece.range].lowerBound, progress: progress)
    }
    var sums = ranges.map { _ in
      [AngleErrorSums](repeating: AngleErrorSums(), count: embedding.pairCount)
    }
    for (piece, found) in zip(work, found) { sums[piece.range][piece.pair].merge(found) }
    let merged = sums
    let pairCount = embedding.pairCount
    let certified = try concurrentMap(count: ranges.count * pairCount, threads: threads) { index in
      try measurement.certified(merged[index / pairCount][index % pairCount])
    }
    let counts = try concurrentMap(count: ranges.count, threads: threads) {
      measurement.counts(of: ranges[$0])
    }
    return ranges.indices.map { index in
      let pairs = Array(certified[index * pairCount..<(index + 1) * pairCount])
      var total = AngleErrorSums()
      for pair in pairs { total.merge(pair) }
      return AngleRange(positions: ranges[index], counts: counts[index], pairs: pairs, total: total)
    }
  }
}
