// Positions and shifts as typed: integers within ±2^53.

import RoPEDrift

/// Positions as typed and as sums of a token and a shift.
public enum PositionLiteral {
  /// Reads a position or a shift.
  ///
  /// - Throws: ``CommandFailure`` (wrong usage).
  public static func parse(_ typed: String) throws -> Int {
    guard let value = Int(typed), value.magnitude <= TokenPositions.limit else {
      throw CommandFailure(
        .wrongUsage, "expected an integer within ±2^53 = ±\(TokenPositions.limit), found '\(typed)'")
    }
    return value
  }

  /// A position moved by a shift.
  ///
  /// - Throws: ``CommandFailure`` (wrong usage) outside ±2^53.
  public static func shifted(_ position: Int, by shift: Int) throws -> Int {
    // Both are at most 2^53 in magnitude: no overflow.
    let result = position + shift
    guard result.magnitude <= TokenPositions.limit else {
      throw CommandFailure(
        .wrongUsage,
        "shift \(shift) puts position \(position) at \(result), outside ±2^53 = ±\(TokenPositions.limit) where positions are exact integers; choose a smaller shift"
      )
    }
    return result
  }
}
