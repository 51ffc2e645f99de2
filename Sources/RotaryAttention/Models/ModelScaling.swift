// A model's scaling before it is known how long the sequence is: dynamic and longrope depend on that, and no model says it.

import FloatingPointFormats

/// A scaling as a model states it; equal where the spelling is.
public struct ModelScaling: Sendable, Hashable, CustomStringConvertible {
  /// As `--scaling` takes it, without `length=` where ``needsLength``.
  public let spelling: String
  /// Whether the frequencies depend on the length of the sequence, which the model leaves open.
  public let needsLength: Bool

  /// Reads the spelling of a scaling, in which `length=` may be left out.
  ///
  /// - Throws: ``ProblemError/scaling(_:)``.
  public init(spelling typed: String) throws {
    let name = typed.prefix { $0 != ":" }
    let takesLength = RotaryScaling.rules.contains { rule in
      rule.name == name && rule.keys.contains { $0.key == "length" }
    }
    needsLength = takesLength && !typed.dropFirst(name.count).contains("length=")
    if needsLength {
      // Any length does: what else is wrong with the parameters is said now.
      _ = try RotaryScaling(spelling: Self.adding(length: 1, to: typed))
      spelling = typed
    } else {
      spelling = try RotaryScaling(spelling: typed).spelling
    }
  }

  /// No scaling.
  public static let none = try! ModelScaling(spelling: DefaultScaling.name)

  /// Whether frequencies are b^(−2i/r).
  public var isDefault: Bool { spelling == DefaultScaling.name }

  /// The scaling's name.
  public var name: String { String(spelling.prefix { $0 != ":" }) }

  /// The scaling for sequences of a length.
  ///
  /// - Parameter length: number of tokens; nil where ``needsLength`` is false.
  /// - Throws: ``ProblemError/scaling(_:)`` where the length is missing, or is there and means nothing.
  public func resolved(length: Int?) throws -> RotaryScaling {
    guard needsLength else {
      guard length == nil else {
        throw ProblemError.scaling("\(name) does not depend on the sequence length; leave it out")
      }
      return try RotaryScaling(spelling: spelling)
    }
    guard let length else {
      throw ProblemError.scaling(
        "\(name) depends on the length of the sequence; say it with --sequence-length")
    }
    guard length > 0 else {
      throw ProblemError.scaling("a sequence length of \(length) cannot be; it is a number of tokens")
    }
    return try RotaryScaling(spelling: Self.adding(length: length, to: spelling))
  }

  /// The spelling.
  public var description: String { spelling }

  private static func adding(length: Int, to spelling: String) -> String {
    spelling + (spelling.contains(":") ? "," : ":") + "length=\(length)"
  }
}
