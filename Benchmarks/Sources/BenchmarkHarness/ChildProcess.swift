// Programs as they are run: wall time, processor time and peak memory from the kernel's own accounts of the child.

import Foundation

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// What the kernel says about a child that has ended.
public struct ChildUsage: Codable, Equatable, Sendable {
  /// Wall time from start to end.
  public var seconds: Double
  /// User and system time of all its threads.
  public var processorSeconds: Double
  /// Peak resident memory.
  public var peakBytes: Double
  /// Exit code, or 128 + signal.
  public var exitCode: Int32

  /// Runs a program, without input, its output thrown away, its messages kept in case it fails.
  ///
  /// Call it from a small process: on Linux the peak memory of a child begins at that of the process it was cloned from.
  ///
  /// - Parameters:
  ///   - arguments: the program, by path or looked for in PATH, and its arguments.
  ///   - environment: variables that are set beside those of this process.
  /// - Returns: the account, and what it wrote to its standard error.
  /// - Throws: ``HarnessError/child(command:problem:)`` where it cannot be started.
  public static func run(
    _ arguments: [String], environment: [String: String] = [:]
  ) throws -> (usage: ChildUsage, messages: String) {
    let command = arguments.joined(separator: " ")
    let messages = FileManager.default.temporaryDirectory.appendingPathComponent(
      "benchmark-\(getpid())-\(UInt64.random(in: 0...UInt64.max)).messages")
    defer { try? FileManager.default.removeItem(at: messages) }
    var variables = ProcessInfo.processInfo.environment
    variables.merge(environment) { $1 }
    var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
    var pairs: [UnsafeMutablePointer<CChar>?] = variables.map { strdup("\($0)=\($1)") } + [nil]
    defer {
      for word in words + pairs { free(word) }
    }
    #if canImport(Darwin)
      var files: posix_spawn_file_actions_t?
    #else
      var files = posix_spawn_file_actions_t()
    #endif
    posix_spawn_file_actions_init(&files)
    defer { posix_spawn_file_actions_destroy(&files) }
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0)
    posix_spawn_file_actions_addopen(&files, 2, messages.path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    var process: pid_t = 0
    let start = Clock.wallSeconds()
    let code = posix_spawnp(&process, words[0]!, &files, nil, &words, &pairs)
    guard code == 0 else {
      throw HarnessError.child(
        command: command, problem: "cannot be started: \(String(cString: strerror(code)))")
    }
    var status: Int32 = 0
    var usage = rusage()
    while wait4(process, &status, 0, &usage) == -1 {
      guard errno == EINTR else {
        throw HarnessError.child(command: command, problem: "was lost: \(String(cString: strerror(errno)))")
      }
    }
    func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) * 1e-6 }
    #if canImport(Darwin)
      let peak = Double(usage.ru_maxrss)
    #else
      let peak = Double(usage.ru_maxrss) * 1024
    #endif
    let signal = status & 0x7f
    let result = ChildUsage(
      seconds: Clock.wallSeconds() - start,
      processorSeconds: seconds(usage.ru_utime) + seconds(usage.ru_stime), peakBytes: peak,
      exitCode: signal == 0 ? status >> 8 & 0xff : 128 + signal)
    let text = FileManager.default.contents(atPath: messages.path) ?? Data()
    return (result, String(decoding: text.suffix(4000), as: UTF8.self))
  }
}
