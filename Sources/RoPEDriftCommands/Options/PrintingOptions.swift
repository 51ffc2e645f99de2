// The flags that every command has: how its output looks and how much it says beside it. None changes a figure.

import ArgumentParser
import RoPEDrift

/// `--json`, `--quiet`, `--verbose`, `--color`.
public struct PrintingOptions: ParsableArguments {
  /// When colour is used.
  public enum Color: String, ExpressibleByArgument, CaseIterable, Sendable {
    /// On a terminal that takes it, unless the environment has `NO_COLOR`.
    case auto
    /// Always, `NO_COLOR` or not.
    case always
    /// Never.
    case never
  }

  /// Whether the output is JSON.
  @Flag(
    help: "Print JSON: floating-point values as decimals that read back, encodings as hexadecimal strings.")
  public var json = false
  /// Whether progress and notes are left out.
  @Flag(name: .shortAndLong, help: "No progress and no notes on stderr, only errors.")
  public var quiet = false
  /// Whether more is said of what is done.
  @Flag(name: .shortAndLong, help: "Say on stderr what was read, which problem it is, and what it cost.")
  public var verbose = false
  /// When colour is used.
  @Option(
    help: ArgumentHelp(
      "Colour: auto (on a terminal, unless NO_COLOR is set), always or never.", valueName: "when"))
  public var color = Color.auto

  /// For the parser.
  public init() {}

  /// For the parser.
  public func validate() throws {
    if quiet && verbose { throw ValidationError("--quiet and --verbose exclude each other; leave one out") }
  }
}

/// A command with ``PrintingOptions``, which are put into effect before it runs.
protocol PrintingCommand: ParsableCommand {
  var printing: PrintingOptions { get }
}
