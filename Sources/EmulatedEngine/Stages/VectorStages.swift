// Input, rotation, rotated: everything that is done to one q or k vector.

import FloatingPointFormats

/// Which of the two vectors of a score a value belongs to, and where: token, layer and head make random words distinct.
public struct VectorPlace: Sendable {
  /// Query or key.
  public enum Side: Sendable { case query, key }
  /// Query or key.
  public var side: Side
  /// The token.
  public var token: Int
  /// Layer and head in one number.
  public var head: Int

  /// A place.
  public init(_ side: Side, token: Int = 0, layer: Int = 0, head: Int = 0) {
    self.side = side
    self.token = token
    self.head = layer << 16 | head
  }

  func counter(_ query: StageCounter.Stage, _ key: StageCounter.Stage, channel: Int) -> StageCounter {
    StageCounter(side == .query ? query : key, token, channel, head)
  }
}

extension Emulation {
  /// The stored vector in the input format, channel by channel.
  public func input(_ vector: [Double], _ place: VectorPlace) throws -> [StageValue] {
    try vector.enumerated().map { channel, value in
      try recipe.input.round(.number(value), place.counter(.queryInput, .keyInput, channel: channel))
    }
  }

  /// The rotated vector before it is stored.
  ///
  /// - Parameters:
  ///   - vector: d channels after the input stage.
  ///   - table: the entries of the vector's position, one a pair.
  ///   - place: whose vector it is.
  public func rotation(_ vector: [StageValue], table: [TableEntry], _ place: VectorPlace) throws
    -> [StageValue]
  {
    var result = vector
    for (pair, entry) in table.enumerated() {
      let (a, b) = embedding.layout.channels(ofPair: pair, rotarySize: embedding.rotarySize)
      let (x, y) = (vector[a], vector[b])
      result[a] = try productSum(
        x, entry.cosine, minus: true, y, entry.sine, place.counter(.queryRotation, .keyRotation, channel: a))
      result[b] = try productSum(
        x, entry.sine, minus: false, y, entry.cosine, place.counter(.queryRotation, .keyRotation, channel: b))
    }
    return result
  }

  /// a·b ± c·d under the rotation's algorithm.
  private func productSum(
    _ a: StageValue, _ b: StageValue, minus: Bool, _ c: StageValue, _ d: StageValue, _ counter: StageCounter
  ) throws -> StageValue {
    let chain = recipe.rotation.rounding
    let signedD = minus ? d.negated : d
    func signed(_ value: StageValue) -> StageValue { minus ? value.negated : value }
    switch recipe.rotation.algorithm {
    case .perOperation:
      return try chain.sum(
        chain.product(a, b, counter, step: 0), signed(chain.product(c, d, counter, step: 1)), counter, step: 2
      )
    case .fusedFirstProductExact:
      return try chain.fusedProductSum(
        a, b, signed(chain.product(c, d, counter, step: 1)), counter, step: 2)
    case .fusedSecondProductExact:
      return try chain.fusedProductSum(c, signedD, chain.product(a, b, counter, step: 0), counter, step: 2)
    case .wide:
      let exact = try StageValue.sum(
        StageValue.product(a, b), StageValue.product(c, signedD), chain.rounding)
      return try chain.round(exact, counter, step: 2)
    }
  }

  /// The rotated vector as it is stored, unrotated channels included.
  public func rotated(_ vector: [StageValue], _ place: VectorPlace) throws -> [StageValue] {
    try vector.enumerated().map { channel, value in
      try recipe.rotated.round(value, place.counter(.rotatedQuery, .rotatedKey, channel: channel))
    }
  }
}
