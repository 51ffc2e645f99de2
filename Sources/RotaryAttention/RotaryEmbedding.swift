// The rotary position embedding as a mathematical object: sizes, base, layout. Nothing is computed here.

import FloatingPointFormats

/// A rotary position embedding [Su2021]: pair i of a head of d channels is rotated by the angle p·ω_i at position p, with
/// ω_i = base^(−2i/r) a real number, 0 ≤ i < r/2. Channels ≥ r are not rotated.
public struct RotaryEmbedding: Sendable, Hashable {
  /// d, the number of channels of a head.
  public let headSize: Int
  /// r ≤ d, even: the number of rotated channels.
  public let rotarySize: Int
  /// b > 0, exactly as written.
  public let base: NumberLiteral
  /// How channels are paired.
  public let layout: RotaryLayout
  /// How the frequencies are scaled.
  public let scaling: RotaryScaling

  /// Number of pairs, r/2.
  public var pairCount: Int { rotarySize / 2 }

  /// Checks and makes an embedding.
  ///
  /// - Parameters:
  ///   - headSize: d ≥ 1.
  ///   - rotarySize: r, even, 0 < r ≤ d; nil for d.
  ///   - base: b, a finite number above zero.
  ///   - layout: the pairing of channels.
  ///   - scaling: the scaling of the frequencies. One that spans the head sets the rotary size to d and needs the half-split
  ///     layout.
  /// - Throws: ``ProblemError``.
  public init(
    headSize: Int, rotarySize: Int? = nil, base: NumberLiteral, layout: RotaryLayout,
    scaling: RotaryScaling = .none
  ) throws {
    let size = rotarySize ?? headSize
    if type(of: scaling.rule).spansHead {
      guard layout == .halfSplit else {
        throw ProblemError.scaling("\(scaling) pairs channels i and i + d/2; use --layout half-split")
      }
      guard size == headSize else {
        throw ProblemError.scaling("\(scaling) spans the whole head; leave the rotary size out")
      }
    }
    guard size > 0, size <= headSize else {
      throw ProblemError.rotarySize(size, headSize: headSize, reason: "must lie between 2 and the head size")
    }
    guard size.isMultiple(of: 2) else {
      throw ProblemError.rotarySize(
        size, headSize: headSize, reason: "must be even: channels rotate in pairs")
    }
    guard case .rational(isNegative: false, let numerator, _) = base.meaning, !numerator.isZero else {
      throw ProblemError.base(base.text)
    }
    self.headSize = headSize
    self.rotarySize = size
    self.base = base
    self.layout = layout
    self.scaling = scaling
  }

  /// What the frequencies are made from.
  public var frequencyProblem: FrequencyProblem { FrequencyProblem(base: base, rotarySize: rotarySize) }
}

/// The factor that multiplies q·k.
public enum AttentionScale: Sendable, Hashable {
  /// 1/√d, irrational where d is no square.
  case inverseSquareRootOfHeadSize
  /// A number above zero, exactly as written.
  case value(NumberLiteral)

  /// A scale from what a user wrote.
  ///
  /// - Throws: ``ProblemError/scale(_:)`` unless it is a finite number above zero.
  public init(literal: NumberLiteral) throws {
    guard case .rational(isNegative: false, let numerator, _) = literal.meaning, !numerator.isZero else {
      throw ProblemError.scale(literal.text)
    }
    self = .value(literal)
  }
}
