// `benchmarks child`: a small process between the benchmarks and a program that is measured. On Linux the peak memory of a child
// begins at that of the process it was cloned from, and the benchmarks hold large matrices.

import ArgumentParser
import BenchmarkHarness
import Foundation

struct ChildCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "child", abstract: "Run a program and print what it took as JSON.", shouldDisplay: false)

  @Argument(parsing: .captureForPassthrough) var arguments: [String]

  func run() throws {
    let (usage, messages) = try ChildUsage.run(
      arguments.first == "--" ? Array(arguments.dropFirst()) : arguments)
    FileHandle.standardError.write(Data(messages.utf8))
    print(String(decoding: try JSONEncoder().encode(usage), as: UTF8.self))
  }

  /// Runs a program through a process of this command.
  ///
  /// - Throws: ``HarnessError/child(command:problem:)`` where it does not end with 0.
  static func measure(_ arguments: [String]) throws -> ChildUsage {
    func failure(_ problem: String) -> HarnessError {
      .child(command: arguments.joined(separator: " "), problem: problem)
    }
    let process = Process()
    let (output, messages) = (
      Pipe(), FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    )
    guard FileManager.default.createFile(atPath: messages.path, contents: nil),
      let sink = FileHandle(forWritingAtPath: messages.path)
    else { throw failure("has no place for its messages in \(messages.deletingLastPathComponent().path)") }
    defer { try? FileManager.default.removeItem(at: messages) }
    process.executableURL = Bundle.main.executableURL
    process.arguments = ["child", "--"] + arguments
    process.standardOutput = output
    process.standardError = sink
    do { try process.run() } catch { throw failure("cannot be started: \(error.localizedDescription)") }
    let answer = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    let text = String(decoding: FileManager.default.contents(atPath: messages.path) ?? Data(), as: UTF8.self)
    guard process.terminationStatus == 0, let usage = try? JSONDecoder().decode(ChildUsage.self, from: answer)
    else { throw failure("could not be measured\n\(text)") }
    guard usage.exitCode == 0 else { throw failure("ended with \(usage.exitCode)\n\(text)") }
    return usage
  }
}
