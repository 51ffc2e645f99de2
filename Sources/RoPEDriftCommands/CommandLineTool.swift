// The command and its subcommands; from arguments to exit code.

import ArgumentParser
import Foundation
import RoPEDrift

/// `ropedrift`.
struct RootCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ropedrift",
    abstract: "Measures what low precision does to rotary position embeddings.",
    discussion: """
      INPUT is a safetensors file with pre-rotation tensors layers.{n}.q and layers.{n}.k, a folder of .npy files, \
      - for standard input, or synthetic:KIND,key=value; left out, it is the sample that ships with ropedrift.
      Data goes to stdout, talk to stderr. Exit codes: 0 done, 1 bad input or failure, 3 budget exceeded, \
      4 comparison input missing, 64 wrong usage, 130 interrupted.
      """,
    version:
      "ropedrift \(RoPEDriftVersion.current) (MPFR \(LibraryVersions.mpfr), GMP \(LibraryVersions.gmp))",
    subcommands: commands)

  /// The subcommands in the order in which help lists them. A command is added by its file and a line here.
  static let commands: [any ParsableCommand.Type] = [
    ScoreCommand.self, RoundCommand.self, FrequenciesCommand.self, RecipesCommand.self, FormatsCommand.self,
    InspectCommand.self,
  ]
}

/// Runs the command line.
public enum CommandLineTool {
  /// Runs a command as the process: ends by a signal give exit code 130, and a closed pipe does not end the process.
  public static func main(_ arguments: [String]) -> Int32 {
    signal(SIGPIPE, SIG_IGN)
    let interruption = InterruptionGuard {}
    defer { interruption.release() }
    return run(arguments).rawValue
  }

  /// Runs a command in this process.
  ///
  /// - Parameters:
  ///   - arguments: without the program's name.
  ///   - console: where it writes.
  /// - Returns: how the process should end; the message has been written.
  public static func run(_ arguments: [String], console: Console = .standard) -> CommandExit {
    Console.$current.withValue(console) {
      do {
        try checkName(of: arguments)
        var command = try RootCommand.parseAsRoot(arguments)
        try command.run()
        return .done
      } catch {
        return end(error, console)
      }
    }
  }

  /// A misspelt subcommand is answered with the nearest one; the parser would call it an unexpected argument.
  private static func checkName(of arguments: [String]) throws {
    guard let name = arguments.first, !name.hasPrefix("-"), name != "help" else { return }
    let known = RootCommand.commands.map { $0.configuration.commandName! }
    guard !known.contains(name) else { return }
    throw CommandFailure(
      .wrongUsage,
      "unknown command '\(name)'\(didYouMean(nearestName(to: name, among: known))); known are "
        + known.joined(separator: ", ") + "; 'ropedrift --help' explains them")
  }

  private static func end(_ error: any Error, _ console: Console) -> CommandExit {
    if RootCommand.exitCode(for: error) == .success {
      // Help and version are asked for, so they are data.
      let text = RootCommand.fullMessage(for: error)
      do { try console.print(text) } catch { return end(error, console) }
      return .done
    }
    let isParserError = RootCommand.exitCode(for: error) == .validationFailure
    guard isParserError else {
      let failure = CommandFailure(error)
      if !failure.message.isEmpty { console.error(failure.message) }
      return failure.exit
    }
    let text = RootCommand.fullMessage(for: error)
    console.error(text.hasPrefix("Error: ") ? String(text.dropFirst(7)) : text)
    return .wrongUsage
  }
}
