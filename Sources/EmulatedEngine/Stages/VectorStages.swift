// Input, rotation, rotated: everything that is done to one q or k vector.

import FloatingPointFormats

/// Which of the vectors of a pair a value belongs to, and where: token, layer and head make random words distinct.
public struct VectorPlace: Sendable {
  /// Query, key or value.
  public enum Side: Sendable { case query, key, value }
  /// Query, key or value.
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
    precondition(side != .value, "values pass the input stage alone")
    return StageCounter(side == .query ? query : key, token, channel, head)
  }

  /// The input stage, which all three pass.
  func inputCounter(channel: Int) -> StageCounter {
    side == .value
      ? StageCounter(.valueInput, token, channel, head) : counter(.queryInput, .keyInput, channel: channel)
  }
}

extension Emulation {
  /// The stored vector in the input format, channel by channel.
  public func input(_ vector: [Double], _ place: VectorPlace) throws -> [StageValue] {
    try vector.enumerated().map { channel, value in
      try recipe.input.round(.number(value), place.inputCounter(channel: channel))
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
      let algorithm = recipe.rotation.algorithm
      result[a] = try productSum(
        x, entry.cosine, minus: true, y, entry.sine, algorithm.rounded(inSecondComponent: false),
        place.counter(.queryRotation, .keyRotation, channel: a))
      result[b] = try productSum(
        x, entry.sine, minus: false, y, entry.cosine, algorithm.rounded(inSecondComponent: true),
        place.counter(.queryRotation, .keyRotation, channel: b))
    }
    return result
  }

  /// a·b ± c·d with the products that are rounded.
  private func productSum(
    _ a: StageValue, _ b: StageValue, minus: Bool, _ c: StageValue, _ d: StageValue,
    _ products: RoundedProducts,
    _ counter: StageCounter
  ) throws -> StageValue {
    let chain = recipe.rotation.rounding
    let signedD = minus ? d.negated : d
    func signed(_ value: StageValue) -> StageValue { minus ? value.negated : value }
    switch products {
    case .both:
      return try chain.sum(
        chain.product(a, b, counter, step: 0), signed(chain.product(c, d, counter, step: 1)), counter, step: 2
      )
    case .second:
      return try chain.fusedProductSum(
        a, b, signed(chain.product(c, d, counter, step: 1)), counter, step: 2)
    case .first:
      return try chain.fusedProductSum(c, signedD, chain.product(a, b, counter, step: 0), counter, step: 2)
    case .neither:
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

  /// The operands of the dot product: the stored rotated vector, scaled where the recipe scales vectors, then rounded to the operands'
  /// own format where it has one.
  public func operands(_ vector: [StageValue], _ place: VectorPlace) throws -> [StageValue] {
    let isScaled = recipe.logit.scalesOperand(of: place.side)
    let chain = recipe.dot.operand(of: place.side)
    guard isScaled || !chain.isExact else { return vector }
    return try vector.enumerated().map { channel, value in
      let scaled =
        isScaled
        ? try recipe.logit.scaledOperand.product(
          value, scaleFactor, place.counter(.scaledQuery, .scaledKey, channel: channel))
        : value
      return try chain.round(scaled, place.counter(.queryOperand, .keyOperand, channel: channel))
    }
  }
}

extension Recipe.Logit {
  /// Whether the scale multiplies the vectors of a side.
  func scalesOperand(of side: VectorPlace.Side) -> Bool {
    scaling == .onQueryAndKey || scaling == .onQuery && side == .query
  }
}

extension Recipe.Dot {
  /// What the vectors of a side are rounded to as operands.
  func operand(of side: VectorPlace.Side) -> RoundingChain { side == .query ? queryOperand : keyOperand }
}

/// Which of the products in a·b ± c·d are rounded before the sum is.
enum RoundedProducts { case both, first, second, neither }

extension Recipe.Rotation.Algorithm {
  /// In x_a cos φ − x_b sin φ the cosine stands in the first product, in x_a sin φ + x_b cos φ in the second.
  func rounded(inSecondComponent isSecond: Bool) -> RoundedProducts {
    switch self {
    case .perOperation: .both
    case .fusedFirstProductExact: .second
    case .fusedSecondProductExact: .first
    case .fusedCosineProductExact: isSecond ? .first : .second
    case .fusedSineProductExact: isSecond ? .second : .first
    case .wide: .neither
    }
  }
}
