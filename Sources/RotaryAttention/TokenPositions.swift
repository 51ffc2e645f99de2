// Positions of tokens: consecutive integers and a shift that is added to every one of them.

/// Positions p = token + shift of all tokens: the continuous policy.
public struct TokenPositions: Sendable, Hashable {
  /// Positions lie within ±2^53, where every integer is a binary64 number.
  public static let limit = 1 << 53

  /// What is added to every token's index.
  public let shift: Int
  /// How many tokens (keys) there are.
  public let tokens: Int

  /// Checks and makes the positions of `tokens` tokens under a shift.
  ///
  /// - Throws: ``ProblemError/positionOutOfRange(first:last:shift:)``.
  public init(tokens: Int, shift: Int) throws {
    let (last, overflow) = shift.addingReportingOverflow(max(tokens - 1, 0))
    guard !overflow, shift >= -Self.limit, last <= Self.limit else {
      throw ProblemError.positionOutOfRange(first: shift, last: overflow ? Int.max : last, shift: shift)
    }
    self.shift = shift
    self.tokens = tokens
  }

  /// The position of a token.
  @inlinable public func position(ofToken token: Int) -> Int { token + shift }
}
