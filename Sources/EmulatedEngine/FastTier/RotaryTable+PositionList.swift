// The table of a recipe at any list of positions: what another implementation was run at, or the tokens of a packed sequence, need not
// be one run of integers.

import FloatingPointFormats
import ReferenceEngine
import RotaryAttention

extension RotaryTable {
  /// The table of a recipe at listed positions; see ``tables(for:positions:threads:)-([Emulation],[Int],_)``.
  ///
  /// - Throws: ``UndecidedRounding``, ``ProblemError``.
  public static func table(
    for emulation: Emulation, positions: [Int], threads: Int
  ) throws -> RotaryTable {
    try tables(for: [emulation], positions: positions, threads: threads)[0]
  }

  /// The tables of several recipes at listed positions, one row a position, in the order of the list.
  ///
  /// Runs of consecutive positions cost what they cost in ``tables(for:positions:threads:)``; the bits are the same.
  ///
  /// - Parameters:
  ///   - emulations: the recipes on their problem.
  ///   - positions: each within ±2^53, in any order, repeated ones included.
  ///   - threads: no bit depends on it.
  /// - Throws: ``UndecidedRounding``, ``ProblemError``.
  public static func tables(
    for emulations: [Emulation], positions: [Int], threads: Int
  ) throws -> [RotaryTable] {
    let runs = try consecutiveRuns(positions)
    if runs.count == 1 { return try tables(for: emulations, positions: runs[0], threads: threads) }
    let none = try TokenPositions(tokens: 0, shift: 0)
    let exact = try emulations.map {
      try Self.exact(for: $0, positions: none, others: positions, threads: threads)
    }
    let numeric = emulations.indices.filter { exact[$0] == nil }
    var rows = numeric.map { _ in ListedRows() }
    for run in runs {
      let parts = try tables(for: numeric.map { emulations[$0] }, positions: run, threads: threads)
      for (index, part) in parts.enumerated() {
        try rows[index].append(part.storage, of: emulations[numeric[index]], run)
      }
    }
    var result = exact
    for (index, emulation) in numeric.enumerated() {
      result[emulation] = RotaryTable(positions: none, others: positions, storage: rows[index].storage)
    }
    return result.map { $0! }
  }

  /// The list as runs of integers.
  private static func consecutiveRuns(_ positions: [Int]) throws -> [TokenPositions] {
    var runs: [TokenPositions] = []
    var start = 0
    while start < positions.count {
      var end = start + 1
      while end < positions.count, positions[end] == positions[end - 1] + 1 { end += 1 }
      runs.append(try TokenPositions(tokens: end - start, shift: positions[start]))
      start = end
    }
    return runs
  }
}

/// Rows of one recipe, run after run.
private struct ListedRows {
  private var cosines: [Double] = []
  private var sines: [Double] = []
  private var entries: [[TableEntry]] = []

  mutating func append(_ part: RotaryTable.Storage, of emulation: Emulation, _ run: TokenPositions) throws {
    switch part {
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
  }

  var storage: RotaryTable.Storage {
    entries.isEmpty ? .numbers(cosine: cosines, sine: sines) : .values(entries)
  }
}
