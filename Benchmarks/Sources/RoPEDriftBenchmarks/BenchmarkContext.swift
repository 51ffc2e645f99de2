// What every part of a run knows: sizes, rounds, and which yardsticks are there.

import BenchmarkHarness
import Foundation

/// One run of the benchmarks.
struct BenchmarkContext {
  /// Small sizes and few rounds: a check that everything works, whose figures mean little.
  var isQuick = false
  /// Rounds of each comparison.
  var rounds = 11
  /// Scores of the certified tier that are compared with the MPFR loop at 256 bits.
  var checkedScores = 65536
  /// The command `ropedrift`, optimised; nil where none was named.
  var command: String?
  /// NumPy and PyTorch; nil where they are missing.
  var python: PythonYardsticks?

  /// A size, and a small one for quick runs.
  func size(_ full: Int, quick: Int) -> Int { isQuick ? quick : full }

  /// Runs contenders in interleaved rounds and says so on standard error.
  func measure(_ title: String, _ contenders: [Contender], rounds: Int? = nil) throws -> Samples {
    let rounds = isQuick ? 3 : rounds ?? self.rounds
    Self.note("\(title): \(rounds) rounds of \(contenders.map(\.name).joined(separator: ", "))")
    return try Samples(contenders, rounds: rounds)
  }

  /// Writes a line to standard error.
  static func note(_ text: String) {
    FileHandle.standardError.write(Data("bench: \(text)\n".utf8))
  }
}

/// A part of the benchmarks: rows that share inputs and rounds.
struct BenchmarkPart: Sendable {
  /// What `--parts` calls it.
  let name: String
  /// What it measures, in a line.
  let summary: String
  /// Measures its rows.
  let rows: @Sendable (BenchmarkContext) throws -> [MeasuredRow]

  /// All parts, in the order of the table. A part is added by its file and a line here.
  static let all: [BenchmarkPart] = [
    .certifiedScores, .dotProducts, .arrayRounding, .softmaxRows, .onlineSoftmax, .driftReports,
    .firstTokenColumn, .patterns,
  ]

  /// Parts by name.
  ///
  /// - Throws: ``HarnessError/unknownPart(_:known:)``.
  static func named(_ names: [String]) throws -> [BenchmarkPart] {
    for name in names where !all.contains(where: { $0.name == name }) {
      throw HarnessError.unknownPart(name, known: all.map(\.name))
    }
    return names.isEmpty ? all : all.filter { names.contains($0.name) }
  }
}
