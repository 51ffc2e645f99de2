// Which shifts are compared, and over which lengths.

import ArgumentParser
import RoPEDrift

/// `--shifts`, `--sweep`, `--against-shift`, `--lengths`.
public struct ShiftOptions: ParsableArguments {
  /// Pairs, as typed.
  @Option(
    help: ArgumentHelp(
      "Two shifts to compare, as 0,16 (the default); repeatable, each with all tables. Write --shifts=-16,0 for negative ones.",
      valueName: "a,b"))
  public var shifts: [String] = []
  /// First shifts of a sweep, as typed.
  @Option(
    help: ArgumentHelp(
      "First shifts of a sweep, as 0,2,4: totals in shifts.csv for each against --against-shift.",
      valueName: "list"))
  public var sweep: String?
  /// The second shift of the sweep, as typed.
  @Option(help: ArgumentHelp("Second shift of every pair of the sweep (default: 16).", valueName: "shift"))
  public var againstShift: String?
  /// Prefix lengths, as typed.
  @Option(
    help: ArgumentHelp("Prefix lengths, as 64,128,256; powers of two from 64 if left out.", valueName: "list")
  )
  public var lengths: String?

  /// For the parser.
  public init() {}

  /// The pairs to compare with all tables.
  ///
  /// - Throws: ``CommandFailure`` (wrong usage).
  public func comparisons() throws -> [ShiftPair] { try Self.pairs(shifts) }

  /// Pairs as typed; 0,16 where there are none.
  ///
  /// - Throws: ``CommandFailure`` (wrong usage).
  static func pairs(_ shifts: [String]) throws -> [ShiftPair] {
    guard !shifts.isEmpty else { return [ShiftPair(0, 16)] }
    return try shifts.map { typed in
      let values = try list(typed, flag: "--shifts")
      guard values.count == 2 else {
        throw CommandFailure(.wrongUsage, "--shifts takes two shifts, as 0,16; found '\(typed)'")
      }
      return ShiftPair(values[0], values[1])
    }
  }

  /// The pairs of the sweep.
  ///
  /// - Throws: ``CommandFailure`` (wrong usage).
  public func sweepPairs() throws -> [ShiftPair] {
    guard let sweep else {
      guard againstShift == nil else {
        throw CommandFailure(
          .wrongUsage, "--against-shift says what a sweep is compared with; add --sweep 0,2,4")
      }
      return []
    }
    let second = try againstShift.map(PositionLiteral.parse) ?? 16
    return try Self.list(sweep, flag: "--sweep").map { ShiftPair($0, second) }
  }

  /// The prefix lengths; nil for the default ones.
  ///
  /// - Throws: ``CommandFailure`` (wrong usage).
  public func prefixLengths() throws -> [Int]? { try lengths.map { try Self.list($0, flag: "--lengths") } }

  private static func list(_ typed: String, flag: String) throws -> [Int] {
    try typed.split(separator: ",", omittingEmptySubsequences: false).map {
      do {
        return try PositionLiteral.parse(String($0))
      } catch let failure as CommandFailure {
        throw CommandFailure(failure.exit, "\(flag) '\(typed)': \(failure.message)")
      }
    }
  }
}
