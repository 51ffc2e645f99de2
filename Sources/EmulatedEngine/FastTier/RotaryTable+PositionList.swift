// The table of a recipe at any list of positions: what another implementation was run at need not be one run of integers.

import FloatingPointFormats
import ReferenceEngine
import RotaryAttention

extension RotaryTable {
  /// The table of a recipe at listed positions, one row a position, in the order of the list.
  ///
  /// Runs of consecutive positions cost what they cost in ``tables(for:positions:threads:)``; the bits are the same.
  ///
  /// - Parameters:
  ///   - emulation: the recipe on its problem.
  ///   - positions: each within ±2^53, in any order, repeated ones included.
  ///   - threads: no bit depends on it.
  /// - Throws: ``UndecidedRounding``, ``ProblemError``.
  public static func table(
    for emulation: Emulation, positions: [Int], threads: Int
  ) throws -> RotaryTable {
    let none = try TokenPositions(tokens: 0, shift: 0)
    if let table = try exact(for: emulation, positions: none, others: positions, threads: threads) {
      return table
    }
    var cosines: [Double] = []
    var sines: [Double] = []
    var entries: [[TableEntry]] = []
    var start = 0
    while start < positions.count {
      var end = start + 1
      while end < positions.count, positions[end] == positions[end - 1] + 1 { end += 1 }
      let run = try TokenPositions(tokens: end - start, shift: positions[start])
      if run.tokens == positions.count {
        return try tables(for: [emulation], positions: run, threads: threads)[0]
      }
      switch try tables(for: [emulation], positions: run, threads: threads)[0].storage {
      case .numbers(let cosine, let sine):
        cosines += cosine
        sines += sine
      case .values(let rows): entries += rows
      case .exact:
        // Angles at other positions of the list overflow, or the whole list would have been exact.
        entries += try (0..<run.tokens).map { token in
          try (0..<emulation.embedding.pairCount).map {
            try emulation.tableEntry(position: run.position(ofToken: token), pair: $0)
          }
        }
      }
      start = end
    }
    return RotaryTable(
      positions: none, others: positions,
      storage: entries.isEmpty ? .numbers(cosine: cosines, sine: sines) : .values(entries))
  }
}
