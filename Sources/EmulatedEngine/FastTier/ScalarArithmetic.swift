// Rounded operations on binary64 carriers, chosen once outside the loops. Held to RoundingChain's plain operations bit for bit.

import FloatingPointFormats

/// The operations of one rounding chain on numbers, in the fastest way that is still right.
enum ScalarArithmetic: Sendable {
  /// One rounding to binary64, nearest even: the hardware's own.
  case binary64
  /// Nearest even through formats of at most 50 bits; the first operation is rounded to odd, then once.
  case narrow(NearestEvenRounder, rest: [NearestEvenRounder], chain: RoundingChain)
  /// Anything else: the plain tier.
  case plain(RoundingChain)

  /// The way for a chain with at least one format.
  init(_ chain: RoundingChain) {
    precondition(!chain.isExact)
    let rounders = chain.formats.compactMap(NearestEvenRounder.init)
    if chain.rounding == .nearestEven, chain.formats == [.fp64] {
      self = .binary64
    } else if chain.rounding == .nearestEven, rounders.count == chain.formats.count {
      self = .narrow(rounders[0], rest: Array(rounders.dropFirst()), chain: chain)
    } else {
      self = .plain(chain)
    }
  }

  @inline(__always) func round(_ value: Double, _ counter: @autoclosure () -> StageCounter, step: Int = 0)
    -> Double
  {
    switch self {
    case .binary64: return value
    case .narrow(let first, let rest, _): return Self.apply(rest, to: first(value))
    case .plain(let chain): return chain.round(ExactValue(value), counter(), step: step)
    }
  }

  @inline(__always) func product(
    _ a: Double, _ b: Double, _ counter: @autoclosure () -> StageCounter, step: Int = 0
  ) -> Double {
    switch self {
    case .binary64: return a * b
    case .narrow(let first, let rest, let chain):
      guard let product = productRoundedToOdd(a, b) else {
        return chain.round(ExactValue.product(a, b), counter(), step: step)
      }
      return Self.apply(rest, to: first(product))
    case .plain(let chain): return chain.round(ExactValue.product(a, b), counter(), step: step)
    }
  }

  @inline(__always) func sum(
    _ a: Double, _ b: Double, _ counter: @autoclosure () -> StageCounter, step: Int = 0
  ) -> Double {
    switch self {
    case .binary64: return a + b
    case .narrow(let first, let rest, _): return Self.apply(rest, to: first(sumRoundedToOdd(a, b)))
    case .plain(let chain):
      return chain.round(ExactValue.sum(a, b, chain.rounding), counter(), step: step)
    }
  }

  @inline(__always) func quotient(
    _ a: Double, _ b: Double, _ counter: @autoclosure () -> StageCounter, step: Int = 0
  ) -> Double {
    switch self {
    case .binary64: return a / b
    case .narrow(let first, let rest, let chain):
      guard let quotient = quotientRoundedToOdd(a, b) else {
        return chain.round(ExactValue.quotient(a, b), counter(), step: step)
      }
      return Self.apply(rest, to: first(quotient))
    case .plain(let chain): return chain.round(ExactValue.quotient(a, b), counter(), step: step)
    }
  }

  @inline(__always) func fusedProductSum(
    _ a: Double, _ b: Double, _ c: Double, _ counter: @autoclosure () -> StageCounter, step: Int = 0
  ) -> Double {
    switch self {
    case .binary64: return c.addingProduct(a, b)
    case .narrow(_, _, let chain), .plain(let chain):
      return chain.round(ExactValue.productSum(a, b, c, chain.rounding), counter(), step: step)
    }
  }

  @inline(__always) private static func apply(_ rounders: [NearestEvenRounder], to value: Double) -> Double {
    var result = value
    for rounder in rounders { result = rounder(result) }
    return result
  }
}
