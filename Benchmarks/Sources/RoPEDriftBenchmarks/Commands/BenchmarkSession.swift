// The record of a run while it grows.

import BenchmarkHarness
import Foundation
import RoPEDrift

/// What a run found, and where.
struct BenchmarkSession {
  /// Rows in the order of measurement.
  var rows: [MeasuredRow] = []
  /// Growth.
  var growth: [GrowthRecord] = []
  private let machine: MachineDescription
  private let loadBefore = MachineDescription.loadAverage()

  init(python: PythonYardsticks? = nil) {
    var software = [
      "compiler: \(Self.compiler)", "yardsticks: \(MatrixProduct.version)",
      "MPFR \(LibraryVersions.mpfr), GMP \(LibraryVersions.gmp)",
    ]
    if let python { software.append(python.versions) }
    machine = MachineDescription(software: software)
  }

  /// The record as of now.
  func record() -> BenchmarkRecord {
    BenchmarkRecord(
      machine: machine, command: Self.command,
      commit: ProcessInfo.processInfo.environment["BENCH_COMMIT"] ?? "",
      loadBefore: loadBefore, loadAfter: MachineDescription.loadAverage(), rows: rows, growth: growth)
  }

  /// The command with the paths of this machine left out.
  private static var command: String {
    var words = ["benchmarks"]
    var arguments = CommandLine.arguments.dropFirst().makeIterator()
    while let word = arguments.next() {
      if ["--ropedrift", "--python", "--json", "-o"].contains(word) {
        _ = arguments.next()
      } else if !["--ropedrift=", "--python=", "--json="].contains(where: word.hasPrefix) {
        words.append(word)
      }
    }
    return words.joined(separator: " ")
  }

  private static var compiler: String {
    #if compiler(>=6.4)
      "Swift 6.4 or later"
    #elseif compiler(>=6.3)
      "Swift 6.3"
    #elseif compiler(>=6.2)
      "Swift 6.2"
    #else
      "Swift 6.1"
    #endif
  }
}
