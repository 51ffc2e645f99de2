// The inner loops of the dot stage: one query against blocks of keys, straight arithmetic with the format selected outside.
// The seam for compiled kernels: anything that takes a query, key blocks and an output row can stand here.

/// Keys of one head in blocks of sixteen, channel by channel: what a binary32 accumulation reads in order.
struct KeyBlocks: Sendable {
  static let width = 16

  /// Number of keys.
  let count: Int
  private let channels: Int
  // (blocks, d): lane l of block b holds key 16b + l; lanes beyond the last key hold zero.
  private let storage: [SIMD16<Float>]

  /// Blocks of a (tokens, d) row-major matrix of binary32 values.
  init(_ matrix: [Double], channels: Int) {
    count = matrix.count / channels
    self.channels = channels
    let blocks = (count + Self.width - 1) / Self.width
    var storage = [SIMD16<Float>](repeating: .zero, count: blocks * channels)
    for key in 0..<count {
      for channel in 0..<channels {
        storage[key / Self.width * channels + channel][key % Self.width] = Float(
          matrix[key * channels + channel])
      }
    }
    self.storage = storage
  }

  /// acc = RN(acc + RN(q_c·k_c)) in binary32 from +0, for the keys of `range`.
  func sequential(
    _ query: UnsafeBufferPointer<Float>, keys range: Range<Int>,
    into scores: UnsafeMutableBufferPointer<Double>
  ) {
    forEachBlock(of: range, into: scores) { block in
      var accumulator = SIMD16<Float>.zero
      for channel in 0..<channels {
        let product = SIMD16(repeating: query[channel]) * block[channel]
        accumulator = accumulator + product
      }
      return accumulator
    }
  }

  /// acc = RN(acc + q_c·k_c) in binary32 from +0, for the keys of `range`.
  func sequentialFused(
    _ query: UnsafeBufferPointer<Float>, keys range: Range<Int>,
    into scores: UnsafeMutableBufferPointer<Double>
  ) {
    forEachBlock(of: range, into: scores) { block in
      var accumulator = SIMD16<Float>.zero
      for channel in 0..<channels {
        accumulator = accumulator.addingProduct(SIMD16(repeating: query[channel]), block[channel])
      }
      return accumulator
    }
  }

  @inline(__always) private func forEachBlock(
    of range: Range<Int>, into scores: UnsafeMutableBufferPointer<Double>,
    _ accumulate: (UnsafePointer<SIMD16<Float>>) -> SIMD16<Float>
  ) {
    guard !range.isEmpty else { return }
    storage.withUnsafeBufferPointer { storage in
      for block in range.lowerBound / Self.width...(range.upperBound - 1) / Self.width {
        let result = accumulate(storage.baseAddress! + block * channels)
        let first = block * Self.width
        for lane in max(range.lowerBound - first, 0)..<min(range.upperBound - first, Self.width) {
          scores[first + lane - range.lowerBound] = Double(result[lane])
        }
      }
    }
  }
}

extension Recipe.Dot {
  /// The sum of one pair in any format, numbers in and out; the fast twin of the plain tier's `dot`.
  func accumulate(
    _ arithmetic: ScalarArithmetic, _ query: UnsafePointer<Double>, _ key: UnsafePointer<Double>,
    channels: Int,
    level: inout [Double], _ counter: StageCounter
  ) -> Double {
    switch order {
    case .sequential:
      var accumulator = 0.0
      for channel in 0..<channels {
        let product = arithmetic.product(query[channel], key[channel], counter, step: 2 * channel)
        accumulator = arithmetic.sum(accumulator, product, counter, step: 2 * channel + 1)
      }
      return accumulator
    case .sequentialFused:
      var accumulator = 0.0
      for channel in 0..<channels {
        accumulator = arithmetic.fusedProductSum(
          query[channel], key[channel], accumulator, counter, step: 2 * channel + 1)
      }
      return accumulator
    case .pairwise:
      for channel in 0..<channels {
        level[channel] = arithmetic.product(query[channel], key[channel], counter, step: 2 * channel)
      }
      var count = channels
      var step = 1
      while count > 1 {
        for index in 0..<count / 2 {
          level[index] = arithmetic.sum(level[2 * index], level[2 * index + 1], counter, step: step)
          step += 2
        }
        if !count.isMultiple(of: 2) { level[count / 2] = level[count - 1] }
        count = (count + 1) / 2
      }
      return level[0]
    case .exact:
      preconditionFailure("an exact sum is not a number; the plain tier computes it")
    }
  }
}
