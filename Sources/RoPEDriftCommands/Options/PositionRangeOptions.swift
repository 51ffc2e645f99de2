// `--positions` of `angles`: ranges of positions, `0-4095,8192-16383`.

import ArgumentParser
import RoPEDrift

/// Ranges of positions as typed.
public struct PositionRanges: Sendable, Hashable, CustomStringConvertible {
  /// The ranges in the order typed.
  public let ranges: [ClosedRange<Int>]

  /// Reads a list such as `0-4095,131071`.
  ///
  /// - Throws: ``CommandFailure`` (wrong usage).
  public init(_ typed: String) throws {
    ranges = try typed.split(separator: ",", omittingEmptySubsequences: false).map { item in
      let ends = item.split(separator: "-", omittingEmptySubsequences: false).map { end in
        !end.isEmpty && end.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(end) : nil
      }
      guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1], first <= last,
        last <= TokenPositions.limit
      else {
        throw CommandFailure(
          .wrongUsage,
          "'\(item)' is neither a position nor an ascending range of positions in 0 … 2^53; write lists such as 0-4095,131071"
        )
      }
      return first...last
    }
  }

  /// The list in the form in which it is typed.
  public var description: String {
    ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }.joined(
      separator: ",")
  }
}
