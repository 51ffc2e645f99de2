// q and k of one head with 128 channels in binary32, the input of the rows about scores: a real one, and a seeded one.

import RoPEDrift

/// Queries and keys of one head.
struct AttentionVectors {
  /// What they are, in a sentence.
  let origin: String
  /// (tokens, channels) row-major; every value is a binary32 number.
  let queries: [Double]
  /// Likewise.
  let keys: [Double]
  /// T.
  let tokens: Int
  /// d.
  static let channels = 128

  /// One head made from the shipped sample; see ``SampleExtension``.
  ///
  /// - Throws: ``TensorFileError``.
  static func real(tokens: Int) throws -> AttentionVectors {
    let sample = try SampleExtension(tokens: tokens)
    return AttentionVectors(
      origin: sample.origin, queries: try sample.vectors(.query, head: 0),
      keys: try sample.vectors(.key, head: 0),
      tokens: tokens)
  }

  /// `synthetic:normal` of T tokens: independent, unit variance, rounded to binary32.
  ///
  /// - Throws: ``TensorFileError``.
  static func normal(tokens: Int) throws -> AttentionVectors {
    let input = try SyntheticInput(
      spelling:
        "synthetic:normal,heads=1,kv_heads=1,tokens=\(tokens),head_dim=\(channels),layers=1,dtype=fp32"
    ).attentionInput()
    return AttentionVectors(
      origin: input.spelling, queries: try input.queries(layer: 0, head: 0),
      keys: try input.keys(layer: 0, kvHead: 0), tokens: tokens)
  }

  /// The embedding of the scores: base 10000, half-split, all channels rotated.
  static func embedding() throws -> RotaryEmbedding {
    try RotaryEmbedding(headSize: channels, base: NumberLiteral("10000"), layout: .halfSplit)
  }
}

/// Uniform numbers that depend on the seed alone: splitmix64.
struct SeededWords {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  /// 64 random bits.
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var word = state
    word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
    return word ^ word >> 31
  }

  /// A number in [−1/2, 1/2).
  mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 - 0.5 }

  /// A number in [−16, 16) with the spread of a sum of four uniform ones; what arrays to be rounded hold.
  mutating func bell() -> Float { Float((uniform() + uniform() + uniform() + uniform()) * 8) }
}
