// The dot stage in binary64, several keys abreast: what stages cost that are carried in binary64 instead of being rounded.

/// Keys of one head in blocks of eight, channel by channel, for accumulation in binary64.
struct WideKeyBlocks: Sendable {
  static let width = 8

  private let channels: Int
  // (blocks, d): lane l of block b holds key 8b + l; lanes beyond the last key hold zero.
  private let storage: [SIMD8<Double>]

  /// Blocks of a (tokens, d) row-major matrix; nil unless the stage is what ``accumulate(_:keys:into:)`` computes: binary64, nearest
  /// even, in order, products rounded, operands as they are.
  init?(_ matrix: [Double], _ dot: Recipe.Dot, channels: Int) {
    guard dot.order == .sequential, dot.rounding == RoundingChain([.fp64]) else { return nil }
    self.channels = channels
    let count = matrix.count / channels
    var storage = [SIMD8<Double>](repeating: .zero, count: (count + Self.width - 1) / Self.width * channels)
    for key in 0..<count {
      for channel in 0..<channels {
        storage[key / Self.width * channels + channel][key % Self.width] = matrix[key * channels + channel]
      }
    }
    self.storage = storage
  }

  /// acc = RN(acc + RN(q_c·k_c)) in binary64 from +0, for the keys of `range`.
  ///
  /// - Parameters:
  ///   - query: d channels.
  ///   - range: which keys.
  ///   - scores: one place a key of `range`.
  func accumulate(
    _ query: UnsafePointer<Double>, keys range: Range<Int>, into scores: UnsafeMutableBufferPointer<Double>
  ) {
    guard !range.isEmpty else { return }
    storage.withUnsafeBufferPointer { storage in
      for block in range.lowerBound / Self.width...(range.upperBound - 1) / Self.width {
        let keys = storage.baseAddress! + block * channels
        var accumulator = SIMD8<Double>.zero
        for channel in 0..<channels {
          let product = SIMD8(repeating: query[channel]) * keys[channel]
          accumulator = accumulator + product
        }
        let first = block * Self.width
        for lane in max(range.lowerBound - first, 0)..<min(range.upperBound - first, Self.width) {
          scores[first + lane - range.lowerBound] = accumulator[lane]
        }
      }
    }
  }
}
