// What a stage rounds to: nothing (exact), one format, or several one after the other where the real code does that.

import FloatingPointFormats

/// Successive roundings of one value. More than one is double rounding, which a recipe states on purpose.
public struct RoundingChain: Sendable, Hashable {
  /// The formats in the order of rounding; none means that the value stays exact.
  public var formats: [FloatingPointFormat]
  /// How each of them rounds.
  public var rounding: Rounding

  /// Roundings into `formats`, first to last.
  public init(_ formats: [FloatingPointFormat], rounding: Rounding = .nearestEven) {
    self.formats = formats
    self.rounding = rounding
  }

  /// No rounding.
  public static let exact = RoundingChain([])

  /// Whether nothing is rounded.
  public var isExact: Bool { formats.isEmpty }

  /// The format of the stored result; nil if exact.
  public var stored: FloatingPointFormat? { formats.last }

  /// The formats and the rounding in words: "fp32, then bf16, toward-zero".
  public var summary: String {
    if isExact { return "exact" }
    let names = formats.map(\.spelling).joined(separator: ", then ")
    return rounding == .nearestEven ? names : names + ", " + rounding.spelling
  }
}
