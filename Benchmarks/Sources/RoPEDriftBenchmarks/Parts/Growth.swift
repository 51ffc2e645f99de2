// How a report grows with the number of tokens: each size a child process, exponents by least squares, projections from the fits.

import BenchmarkHarness
import Foundation

/// A series of reports on one synthetic head.
struct Growth {
  /// The command `ropedrift`.
  let command: String
  /// Seconds of wall time; a size that is expected to end after them is left out.
  let budget: Double
  /// Runs of small sizes.
  let repeats: Int

  private static func arguments(tokens: String, output: String) -> [String] {
    [
      "report", "synthetic:normal,heads=1,kv_heads=1,tokens=\(tokens),head_dim=128,layers=1,dtype=bf16",
      "--recipe", "hf-bf16", "--shifts", "0,16", "--threads", "1", "-o", output,
    ]
  }

  /// Measures 512, 1024, … tokens.
  ///
  /// - Throws: ``HarnessError``.
  func measure(upTo limit: Int) throws -> GrowthRecord {
    let folder = try TemporaryFolder()
    var points: [GrowthRecord.Point] = []
    var leftOut: [Int] = []
    let start = Clock.wallSeconds()
    for tokens in sequence(first: 512, next: { $0 * 2 }).prefix(while: { $0 <= limit }) {
      // Four times the last size, should it grow with the square.
      let expected = 4 * (points.last?.seconds ?? 0)
      guard leftOut.isEmpty, points.count < 2 || Clock.wallSeconds() - start + expected <= budget else {
        leftOut.append(tokens)
        continue
      }
      let runs = try (0..<(tokens <= 2048 ? repeats : 1)).map { run in
        let usage = try ChildCommand.measure(
          [command] + Self.arguments(tokens: String(tokens), output: "\(folder.path)/\(tokens)-\(run)"))
        BenchmarkContext.note(
          "\(tokens) tokens: \(FigureText.seconds(usage.seconds)), \(FigureText.megabytes(usage.peakBytes))")
        return usage
      }.sorted { $0.processorSeconds < $1.processorSeconds }
      let middle = runs[runs.count / 2]
      points.append(
        GrowthRecord.Point(
          tokens: tokens, seconds: middle.seconds, processorSeconds: middle.processorSeconds,
          peakBytes: middle.peakBytes))
    }
    return try GrowthRecord(
      title: "a report of one head of 128 channels, one recipe, two shifts",
      command: "ropedrift " + Self.arguments(tokens: "T", output: "DIR").joined(separator: " "),
      points: points,
      leftOut: leftOut, projections: Self.projections)
  }

  /// What the models say of 131 072 tokens, and of all heads of a model with 7 billion parameters.
  private static func projections(time: TwoPowers, memory: TwoPowers) -> [String] {
    let tokens = 131_072.0
    let seconds = time.value(at: tokens)
    func hours(_ seconds: Double) -> String {
      seconds < 7200
        ? "\(FigureText.number(seconds / 60)) minutes" : "\(FigureText.number(seconds / 3600)) hours"
    }
    return [
      "projected, not measured: 131072 tokens take \(hours(seconds)) of one processor a head and "
        + "\(FigureText.megabytes(memory.value(at: tokens))) of memory",
      "projected, not measured: 32 layers of 32 heads (a 7B model) at 4096 tokens take "
        + "\(hours(1024 * time.value(at: 4096))) of one processor, at 131072 tokens \(hours(1024 * seconds)); heads are worked on "
        + "one after another, so memory stays near that of one",
    ]
  }
}

/// A folder that goes when the value does.
final class TemporaryFolder {
  /// Its path.
  let path: String

  /// Makes a folder.
  ///
  /// - Throws: ``HarnessError/file(path:problem:)``.
  init() throws {
    let place = FileManager.default.temporaryDirectory.appendingPathComponent(
      "ropedrift-bench-\(UUID().uuidString)")
    do { try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true) } catch {
      throw HarnessError.file(path: place.path, problem: "cannot be made: \(error.localizedDescription)")
    }
    path = place.path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}
