// Dot and logit: everything that is done to one pair of rotated vectors.

import ArbitraryPrecision
import FloatingPointFormats

/// Which pair a score belongs to.
public struct ScorePlace: Sendable {
  /// The query's index.
  public var query: Int
  /// The key's index.
  public var key: Int
  /// Layer and head in one number.
  public var head: Int

  /// A place.
  public init(query: Int = 0, key: Int = 0, layer: Int = 0, head: Int = 0) {
    self.query = query
    self.key = key
    self.head = layer << 16 | head
  }

  func counter(_ stage: StageCounter.Stage) -> StageCounter { StageCounter(stage, query, key, head) }
}

extension Emulation {
  /// The accumulated score of two stored rotated vectors, all d channels in stored order.
  public func dot(_ query: [StageValue], _ key: [StageValue], _ place: ScorePlace) throws -> StageValue {
    let chain = recipe.dot.rounding
    let counter = place.counter(.dot)
    switch recipe.dot.order {
    case .sequential:
      var accumulator = StageValue.number(0)
      for channel in query.indices {
        let product = try chain.product(query[channel], key[channel], counter, step: 2 * channel)
        accumulator = try chain.sum(accumulator, product, counter, step: 2 * channel + 1)
      }
      return accumulator
    case .sequentialFused:
      var accumulator = StageValue.number(0)
      for channel in query.indices {
        accumulator = try chain.fusedProductSum(
          query[channel], key[channel], accumulator, counter, step: 2 * channel + 1)
      }
      return accumulator
    case .pairwise:
      var level = try query.indices.map {
        try chain.product(query[$0], key[$0], counter, step: 2 * $0)
      }
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
    case .exact:
      return try exactDot(query, key)
    }
  }

  /// Σ q_c k_c without rounding: an integer sum where all operands are numbers, else an expression. NaN and infinities as IEEE 754
  /// adds them; an exact zero is +0.
  private func exactDot(_ query: [StageValue], _ key: [StageValue]) throws -> StageValue {
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

  /// S = RN(acc), then RN(S·c).
  public func logit(
    _ accumulator: StageValue, _ place: ScorePlace
  ) throws -> (storedScore: StageValue, logit: StageValue) {
    let score = try recipe.logit.storedScore.round(accumulator, place.counter(.storedScore))
    return (score, try recipe.logit.rounding.product(score, scaleFactor, place.counter(.logit)))
  }
}
