// What is an integer by its spelling, whatever its size: an integer that is too large is refused for that, not for being none.

extension StringProtocol {
  /// Whether the text is a decimal integer, `-?[0-9]+` or with a plus sign, of any size.
  package var isDecimalInteger: Bool {
    let digits = hasPrefix("-") || hasPrefix("+") ? dropFirst() : self[...]
    return !digits.isEmpty && digits.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
  }
}
