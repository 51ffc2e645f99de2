// Rounding through a chain of formats fast enough for whole tables; any chain, any deterministic rounding.

import EmulatedEngine
import FloatingPointFormats

/// Rounds binary64 numbers and their products through a chain of at least one format.
struct ChainRounder: Sendable {
  private let chain: RoundingChain
  /// Nearest-even rounders of all formats; nil where the plain rule is needed.
  private let fast: [NearestEvenRounder]?

  init(_ chain: RoundingChain) {
    precondition(!chain.isExact)
    self.chain = chain
    let rounders = chain.formats.compactMap(NearestEvenRounder.init)
    fast = chain.rounding == .nearestEven && rounders.count == chain.formats.count ? rounders : nil
  }

  /// RN(x).
  func callAsFunction(_ x: Double) -> Double {
    guard let fast else { return chain.rounded(ExactValue(x)) }
    return fast.reduce(x) { $1($0) }
  }

  /// RN(a·b), the first rounding from the exact product.
  func product(_ a: Double, _ b: Double) -> Double {
    guard let fast, let odd = productRoundedToOdd(a, b) else { return chain.rounded(.product(a, b)) }
    return fast.reduce(odd) { $1($0) }
  }
}
