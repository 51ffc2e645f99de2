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
    ReportCommand.self, ColumnsCommand.self, AttributeCommand.self, CheckCommand.self, BaselineCommand.self,
    PatternsCommand.self, NeedlesCommand.self, FLOPsCommand.self, ParallelismCommand.self,
    AnglesCommand.self, ScoreCommand.self, EmulateCommand.self,
    RoundCommand.self, FrequenciesCommand.self, CasesCommand.self, RecipesCommand.self, FormatsCommand.self,
    ModelsCommand.self, InspectCommand.self,
  ]
}

/// Runs the command line.
public enum CommandLineTool {
  /// Runs a command as the process: ends by a signal give exit code 130, and a closed pipe does not end the process.
  public static func main(_ arguments: [String]) -> Int32 {
    signal(SIGPIPE, SIG_IGN)
    // A file beyond the limit of its size is then a failed write, which leaves nothing half written behind.
    signal(SIGXFSZ, SIG_IGN)
    // A standard stream that the parent closed would be the first file or pipe that is opened here.
    for descriptor in 0...2 where fcntl(Int32(descriptor), F_GETFD) == -1 { _ = open("/dev/null", O_RDWR) }
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
    let forbidsColor = getenv("NO_COLOR").map { $0.pointee != 0 } ?? false
    var styled = console.styled(by: nil, forbidsColor: forbidsColor)
    do {
      let command: any ParsableCommand
      do {
        try checkName(of: arguments)
        command = try RootCommand.parseAsRoot(arguments)
      } catch {
        try end(parsing: error, styled)
        return .done
      }
      styled = console.styled(by: (command as? any PrintingCommand)?.printing, forbidsColor: forbidsColor)
      do {
        try run(command, styled)
      } catch  where RootCommand.exitCode(for: error) == .success {
        // `ropedrift help` is a command that ends by throwing its text.
        try end(parsing: error, styled)
      }
      return .done
    } catch {
      let failure = CommandFailure(error)
      if !failure.message.isEmpty { styled.error(failure.message) }
      return failure.exit
    }
  }

  /// Runs a command on a console; under `--verbose` with what ran and what it cost.
  private static func run(_ command: any ParsableCommand, _ console: Console) throws {
    var command = command
    console.detail(RootCommand.configuration.version)
    let start = DispatchTime.now().uptimeNanoseconds
    defer {
      let seconds = Double(DispatchTime.now().uptimeNanoseconds - start) * 1e-9
      let memory = PeakMemory.megabytes.map { ", at most \($0) MB of memory" } ?? ""
      console.detail("took \(AlignedTextTable.text(seconds)) s\(memory)")
    }
    try Console.$current.withValue(console) {
      try TerminalAppearance.$current.withValue(console.appearance) { try command.run() }
    }
  }

  /// A misspelt subcommand is answered with the nearest one; the parser would call it an unexpected argument.
  private static func checkName(of arguments: [String]) throws {
    var known: [any ParsableCommand.Type] = RootCommand.commands
    var path = "ropedrift"
    for name in arguments {
      guard !known.isEmpty, !name.hasPrefix("-"), name != "help" else { return }
      let names = known.map { $0.configuration.commandName! }
      guard let command = known.first(where: { $0.configuration.commandName == name }) else {
        throw CommandFailure(
          .wrongUsage,
          "unknown command '\(name)'\(didYouMean(nearestName(to: name, among: names))); known are "
            + names.joined(separator: ", ") + "; '\(path) --help' explains them")
      }
      known = command.configuration.subcommands
      path += " \(name)"
    }
  }

  /// Ends what the parser ended: help and version, which were asked for and are data, or wrong usage.
  private static func end(parsing error: any Error, _ console: Console) throws {
    if let failure = error as? CommandFailure { throw failure }
    let text = RootCommand.fullMessage(for: error)
    guard RootCommand.exitCode(for: error) == .success else {
      throw CommandFailure(.wrongUsage, text.hasPrefix("Error: ") ? String(text.dropFirst(7)) : text)
    }
    try console.print(text)
  }
}
