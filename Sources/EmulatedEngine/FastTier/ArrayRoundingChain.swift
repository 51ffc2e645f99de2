// Successive roundings of whole arrays: what RoundingChain does element by element.

import FloatingPointFormats
import ReferenceEngine

/// The roundings of a chain, one after the other.
struct ArrayRoundingChain: Sendable {
  private let roundings: [ArrayRounding]

  /// Nil where a format is not fit for ``ArrayRounding``.
  init?(_ chain: RoundingChain, path: KernelPath = .ofProcess) {
    let roundings = chain.formats.compactMap { ArrayRounding($0, chain.rounding, path: path) }
    guard roundings.count == chain.formats.count else { return nil }
    self.roundings = roundings
  }

  /// Rounds rows in place through the formats, as the plain tier's `round` does element by element, the first element at `counter`.
  func round(
    _ values: UnsafeMutableBufferPointer<Double>, columns: Int? = nil, _ counter: StageCounter, step: Int = 0
  ) {
    for index in roundings.indices {
      apply(index, values, columns: columns, counter.step(step, format: index), flags: nil)
    }
  }

  /// The same, and how many elements overflowed or underflowed in any of the roundings, and became zero.
  func roundCounting(
    _ values: UnsafeMutableBufferPointer<Double>, columns: Int? = nil, _ counter: StageCounter
  ) -> ArrayRounding.Counts {
    guard roundings.count != 1 else {
      return apply(0, values, columns: columns, counter.step(0, format: 0), flags: nil)
    }
    // An element that overflows twice counts once.
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: max(1, values.count)) { flags in
      flags.initialize(repeating: 0)
      for index in roundings.indices {
        apply(index, values, columns: columns, counter.step(0, format: index), flags: flags.baseAddress)
      }
      var counts = ArrayRounding.Counts()
      for flag in flags.prefix(values.count) {
        counts.overflowed += Int(flag & 1)
        counts.underflowed += Int(flag >> 1 & 1)
        counts.flushed += Int(flag >> 2 & 1)
      }
      return counts
    }
  }

  @discardableResult
  private func apply(
    _ index: Int, _ values: UnsafeMutableBufferPointer<Double>, columns: Int?, _ counter: RoundingCounter,
    flags: UnsafeMutablePointer<UInt8>?
  ) -> ArrayRounding.Counts {
    roundings[index].round(
      UnsafeBufferPointer(values), columns: columns, counter: counter, into: values, flags: flags)
  }
}
