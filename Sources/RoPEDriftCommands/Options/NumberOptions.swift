// Options whose values are numbers or names of number formats.

import ArgumentParser
import Foundation
import RoPEDrift

/// `--digits`.
public struct DigitsOption: ParsableArguments {
  /// As typed; nil for the command's default.
  @Option(
    help: ArgumentHelp(
      "Significant decimal digits of exact values (default: 30; frequencies 17).", valueName: "n"))
  public var digits: Int?

  /// For the parser.
  public init() {}

  /// More than anyone reads, and still quick.
  public static let limit = 10_000

  /// For the parser.
  public func validate() throws {
    guard digits.map({ (1...Self.limit).contains($0) }) ?? true else {
      throw ValidationError("--digits takes 1 to \(Self.limit)")
    }
  }
}

/// `--format`, repeatable.
public struct FormatOptions: ParsableArguments {
  /// As typed.
  @Option(
    name: .customLong("format"),
    help: ArgumentHelp(
      "A format by name (bf16 fp16 fp32 tf32 fp64 fp8-e4m3fn fp8-e5m2) or as p11e-14:15; repeatable.",
      valueName: "format"), completion: .formats)
  public var names: [String] = []

  /// For the parser.
  public init() {}

  /// The formats, each once, in the order typed.
  ///
  /// - Throws: ``FormatError``.
  public func resolve(default formats: [FloatingPointFormat]) throws -> [FloatingPointFormat] {
    var chosen: [FloatingPointFormat] = []
    for name in names {
      let format = try FloatingPointFormat(spelling: name)
      if !chosen.contains(format) { chosen.append(format) }
    }
    return chosen.isEmpty ? formats : chosen
  }
}

/// `--rounding` and `--seed`.
public struct RoundingOptions: ParsableArguments {
  /// As typed.
  @Option(
    help: ArgumentHelp(
      "nearest-even, nearest-away, toward-zero, up, down, odd or stochastic.", valueName: "rounding"),
    completion: .roundings)
  public var rounding = "nearest-even"
  /// The seed of stochastic rounding.
  @Option(help: ArgumentHelp("Seed of stochastic rounding (default: 0).", valueName: "n"))
  public var seed: UInt64?

  /// For the parser.
  public init() {}

  /// The rounding.
  ///
  /// - Throws: ``FormatError``; ``CommandFailure`` for a seed that nothing takes.
  public func resolve() throws -> Rounding {
    let result = try Rounding(spelling: rounding, seed: seed ?? 0)
    if case .stochastic = result { return result }
    guard seed == nil else {
      throw CommandFailure(.wrongUsage, "--seed has no effect on rounding \(rounding); leave it out")
    }
    return result
  }
}

/// `--threads`.
public struct ThreadsOption: ParsableArguments {
  /// As typed; nil for one a processor.
  @Option(
    help: ArgumentHelp(
      "Number of threads; one a processor if left out. The output is the same.", valueName: "n"))
  public var threads: Int?

  /// For the parser.
  public init() {}

  /// For the parser.
  public func validate() throws {
    guard threads.map({ (1...Self.limit).contains($0) }) ?? true else {
      throw ValidationError("--threads takes 1 to \(Self.limit)")
    }
  }

  /// More than any machine has.
  static let limit = 4096

  /// How many threads to use.
  public var count: Int { threads ?? ProcessInfo.processInfo.activeProcessorCount }
}
