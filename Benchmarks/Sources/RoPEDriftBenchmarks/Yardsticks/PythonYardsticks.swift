// NumPy and PyTorch in a process of their own that runs one thing at a time when it is asked, so that their runs are interleaved with
// everybody else's. Their times are processor times of that process.

import BenchmarkHarness
import Foundation

/// A Python process with NumPy, and with PyTorch where it is installed.
final class PythonYardsticks {
  /// "Python 3.13.1, NumPy 2.4.6, PyTorch 2.13.0".
  private(set) var versions = ""
  private let interpreter: String
  private let process = Process()
  private let requests = Pipe()
  private let answers = Pipe()
  private var unread = Data()

  private struct Answer: Decodable {
    var versions: String?
    var seconds: Double?
    var missing: String?
  }

  /// Starts the process.
  ///
  /// - Throws: ``HarnessError/missing(_:mend:)`` where there is no such interpreter or it has no NumPy.
  init(interpreter: String) throws {
    self.interpreter = interpreter
    guard let script = Bundle.module.path(forResource: "yardsticks", ofType: "py") else {
      throw HarnessError.missing("the script yardsticks.py", mend: "build the benchmarks again")
    }
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [interpreter, script]
    process.environment = ProcessInfo.processInfo.environment.merging(
      ["OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"]
    ) { $1 }
    process.standardInput = requests
    process.standardOutput = answers
    process.standardError = FileHandle.nullDevice
    try process.run()
    guard let versions = try? ask("versions").versions else {
      process.terminate()
      throw HarnessError.missing(
        "NumPy for '\(interpreter)'",
        mend:
          "name a Python that has NumPy, and PyTorch if you like, as PYTHON=python3.12; its rows are left out"
      )
    }
    self.versions = versions
  }

  deinit {
    try? requests.fileHandleForWriting.close()
    process.waitUntilExit()
  }

  /// A yardstick that the process runs.
  ///
  /// - Parameters:
  ///   - name: how tables call it; " (own process)" is added.
  ///   - request: the yardstick's name in the script.
  ///   - sizes: its sizes.
  ///   - work: units of work in a run.
  /// - Returns: nil where the library that it takes is missing.
  /// - Throws: ``HarnessError/child(command:problem:)``.
  func contender(_ name: String, _ request: String, _ sizes: [Int], work: Double) throws -> Contender? {
    let line = ([request] + sizes.map(String.init)).joined(separator: " ")
    guard try ask(line).missing == nil else { return nil }
    return Contender(name + " (own process)", work: work) { [self] in
      guard let seconds = try ask(line).seconds else {
        throw HarnessError.child(command: interpreter, problem: "gave no time for '\(line)'")
      }
      return seconds
    }
  }

  private func ask(_ line: String) throws -> Answer {
    func failure(_ problem: String) -> HarnessError { .child(command: interpreter, problem: problem) }
    do {
      try requests.fileHandleForWriting.write(contentsOf: Data((line + "\n").utf8))
    } catch {
      throw failure("takes no requests: \(error.localizedDescription)")
    }
    while true {
      if let end = unread.firstIndex(of: UInt8(ascii: "\n")) {
        let text = Data(unread[unread.startIndex..<end])
        unread = Data(unread[unread.index(after: end)...])
        guard let answer = try? JSONDecoder().decode(Answer.self, from: text) else {
          throw failure("answered '\(String(decoding: text, as: UTF8.self))' to '\(line)'")
        }
        return answer
      }
      let part = answers.fileHandleForReading.availableData
      guard !part.isEmpty else { throw failure("ended while it was asked '\(line)'") }
      unread += part
    }
  }
}
