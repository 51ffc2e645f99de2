// The flag that every command has.

import ArgumentParser

/// `--json`.
public struct JSONOption: ParsableArguments {
  /// Whether the output is JSON.
  @Flag(
    help: "Print JSON: floating-point values as decimals that read back, encodings as hexadecimal strings.")
  public var json = false

  /// For the parser.
  public init() {}
}
