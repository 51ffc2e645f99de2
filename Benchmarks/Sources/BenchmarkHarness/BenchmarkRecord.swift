// A run as a JSON file: machine, command and rows.

import Foundation

/// Everything that a run of the benchmarks found.
public struct BenchmarkRecord: Codable, Equatable, Sendable {
  /// The version of the file's layout.
  public var schema = 1
  /// Where it ran.
  public var machine: MachineDescription
  /// The command that makes the run again.
  public var command: String
  /// The commit of the sources, with a plus sign where files differed from it; empty where git could not say.
  public var commit: String
  /// Load average over one minute, before and after.
  public var loadBefore: Double
  /// See ``loadBefore``.
  public var loadAfter: Double
  /// Rows in the order in which they were measured.
  public var rows: [MeasuredRow]
  /// Growth, where it was measured.
  public var growth: [GrowthRecord]

  /// A record.
  public init(
    machine: MachineDescription, command: String, commit: String, loadBefore: Double, loadAfter: Double,
    rows: [MeasuredRow], growth: [GrowthRecord]
  ) {
    self.machine = machine
    self.command = command
    self.commit = commit
    self.loadBefore = loadBefore
    self.loadAfter = loadAfter
    self.rows = rows
    self.growth = growth
  }

  /// The file's bytes: keys sorted, indented, a newline at the end.
  public func json() throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(self) + Data("\n".utf8)
  }

  /// Reads a file.
  ///
  /// - Throws: ``HarnessError/file(path:problem:)``.
  public init(path: String) throws {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw HarnessError.file(path: path, problem: "cannot be read; make it with --json")
    }
    do {
      self = try JSONDecoder().decode(Self.self, from: data)
    } catch {
      throw HarnessError.file(path: path, problem: "is not a record of benchmarks: \(error)")
    }
    guard schema == 1 else {
      throw HarnessError.file(path: path, problem: "has layout \(schema), and 1 is known; measure again")
    }
  }

  /// Writes a file, whole or not at all, making its folder where it is missing.
  ///
  /// - Throws: ``HarnessError/file(path:problem:)``.
  public static func write(_ data: Data, to path: String) throws {
    let place = URL(fileURLWithPath: path)
    do {
      try FileManager.default.createDirectory(
        at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
      try data.write(to: place, options: .atomic)
    } catch {
      throw HarnessError.file(path: path, problem: "cannot be written: \(error.localizedDescription)")
    }
  }
}
