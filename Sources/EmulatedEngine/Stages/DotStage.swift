// The dot stage in the plain tier: one function an order of accumulation.

import ArbitraryPrecision
import FloatingPointFormats

extension Emulation {
  /// The accumulated score of two vectors of operands, all d channels in stored order.
  ///
  /// - Parameters:
  ///   - query: d channels as ``operands(_:_:)`` gives them.
  ///   - key: likewise.
  ///   - place: which score it is.
  /// - Throws: ``UndecidedRounding``.
  public func dot(_ query: [StageValue], _ key: [StageValue], _ place: ScorePlace) throws -> StageValue {
    let sum = Accumulation(chain: recipe.dot.rounding, counter: place.counter(.dot), query: query, key: key)
    switch recipe.dot.order {
    case .sequential: return try sum.inOrder(query.indices, isFused: false)
    case .sequentialFused: return try sum.inOrder(query.indices, isFused: true)
    case .pairwise: return try sum.pairwise()
    case .lanes(let count, let neighbours, let isFused):
      return try sum.lanes(count, neighbours: neighbours, isFused: isFused)
    case .lanesInOrder(let count): return try sum.lanesInOrder(count)
    case .blocks(let size): return try sum.blocks(size, isFused: false)
    case .blocksFused(let size): return try sum.blocks(size, isFused: true)
    case .tensorCore(let block, let bits, let rounding):
      return .number(
        try TensorCore(format: recipe.dot.rounding.formats[0], alignmentBits: bits, rounding: rounding)
          .accumulate(numbers(query), numbers(key), block: block))
    case .exact: return try sum.exact()
    }
  }

  private func numbers(_ values: [StageValue]) throws -> [Double] {
    // A recipe with this order stores its operands; reading one with others is refused.
    try values.map { try $0.binary64() }
  }
}

/// One dot product to be accumulated. Steps number its operations for stochastic rounding: 2c the product of channel c, 2c + 1 the
/// addition that takes it in, and above 2d the additions that join partial sums.
private struct Accumulation {
  let chain: RoundingChain
  let counter: StageCounter
  let query: [StageValue]
  let key: [StageValue]

  func product(_ channel: Int) throws -> StageValue {
    try chain.product(query[channel], key[channel], counter, step: 2 * channel)
  }

  func inOrder(_ channels: some Sequence<Int>, isFused: Bool) throws -> StageValue {
    var accumulator = StageValue.number(0)
    for channel in channels {
      accumulator =
        isFused
        ? try chain.fusedProductSum(query[channel], key[channel], accumulator, counter, step: 2 * channel + 1)
        : try chain.sum(accumulator, product(channel), counter, step: 2 * channel + 1)
    }
    return accumulator
  }

  func pairwise() throws -> StageValue {
    var level = try query.indices.map(product)
    var step = 1
    while level.count > 1 {
      var next: [StageValue] = []
      for index in stride(from: 0, to: level.count - 1, by: 2) {
        next.append(try chain.sum(level[index], level[index + 1], counter, step: step))
        step += 2
      }
      if !level.count.isMultiple(of: 2) { next.append(level[level.count - 1]) }
      level = next
    }
    return level[0]
  }

  func lanes(_ count: Int, neighbours: Int, isFused: Bool) throws -> StageValue {
    var lanes = try (0..<count).map {
      try inOrder(stride(from: $0, to: query.count, by: count), isFused: isFused)
    }
    var step = 2 * query.count
    while lanes.count > 1 {
      let half = lanes.count / 2
      let folds = lanes.count > neighbours
      lanes = try (0..<half).map { lane in
        step += 1
        return try folds
          ? chain.sum(lanes[lane], lanes[lane + half], counter, step: step)
          : chain.sum(lanes[2 * lane], lanes[2 * lane + 1], counter, step: step)
      }
    }
    return lanes[0]
  }

  func lanesInOrder(_ count: Int) throws -> StageValue {
    var total = try inOrder(stride(from: 0, to: query.count, by: count), isFused: false)
    for lane in 1..<max(count, 1) {
      let next = try inOrder(stride(from: lane, to: query.count, by: count), isFused: false)
      total = try chain.sum(total, next, counter, step: 2 * query.count + lane)
    }
    return total
  }

  func blocks(_ size: Int, isFused: Bool) throws -> StageValue {
    var total = StageValue.number(0)
    var step = 2 * query.count
    for start in stride(from: 0, to: query.count, by: size) {
      step += 1
      let partial = try inOrder(start..<min(start + size, query.count), isFused: isFused)
      total = try chain.sum(total, partial, counter, step: step)
    }
    return total
  }

  /// Σ q_c k_c without rounding: an integer sum where all operands are numbers, else an expression. NaN and infinities as IEEE 754
  /// adds them; an exact zero is +0.
  func exact() throws -> StageValue {
    var sum = DyadicAccumulator()
    var others: [ExactReal] = []
    var special: Double?
    for (q, k) in zip(query, key) {
      if case .number(let x) = q, case .number(let y) = k, x.isFinite, y.isFinite {
        sum.addProduct(x, y)
      } else if let x = q.exactReal, let y = k.exactReal {
        others.append(x * y)
      } else if case .number(let product) = try StageValue.product(q, k) {
        special = (special ?? 0) + product
      }
    }
    if let special { return .number(special) }
    let total = ExactReal.sum(others + [ExactReal(sum.rational)])
    return total.isZero ? .number(0) : .real(total)
  }
}
