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

  /// Whether ``accumulate(_:_:keys:into:)`` knows an order.
  static func computes(_ order: Recipe.Dot.Order) -> Bool {
    switch order {
    case .sequential, .sequentialFused, .blocks: true
    case .lanes(let count, _, _): count <= 64
    case .pairwise, .tensorCore, .exact: false
    }
  }

  /// The sums of an order in binary32, nearest even, for the keys of `range`.
  ///
  /// - Precondition: ``computes(_:)`` is true of the order.
  func accumulate(
    _ order: Recipe.Dot.Order, _ query: UnsafeBufferPointer<Float>, keys range: Range<Int>,
    into scores: UnsafeMutableBufferPointer<Double>
  ) {
    switch order {
    case .sequential:
      forEachBlock(of: range, into: scores) { Self.inOrder(0..<channels, query, $0) }
    case .sequentialFused:
      forEachBlock(of: range, into: scores) { Self.inOrderFused(0..<channels, query, $0) }
    case .blocks(let size):
      forEachBlock(of: range, into: scores) { block in
        var total = SIMD16<Float>.zero
        for start in stride(from: 0, to: channels, by: size) {
          total += Self.inOrder(start..<min(start + size, channels), query, block)
        }
        return total
      }
    case .lanes(let count, let neighbours, let isFused):
      withUnsafeTemporaryAllocation(of: SIMD16<Float>.self, capacity: count) { lanes in
        forEachBlock(of: range, into: scores) { block in
          lanes.initialize(repeating: .zero)
          for channel in 0..<channels {
            let (q, lane) = (SIMD16(repeating: query[channel]), channel % count)
            lanes[lane] =
              isFused ? lanes[lane].addingProduct(q, block[channel]) : lanes[lane] + q * block[channel]
          }
          var left = count
          while left > 1 {
            let folds = left > neighbours
            left /= 2
            for lane in 0..<left {
              lanes[lane] = folds ? lanes[lane] + lanes[lane + left] : lanes[2 * lane] + lanes[2 * lane + 1]
            }
          }
          return lanes[0]
        }
      }
    case .pairwise, .tensorCore, .exact: preconditionFailure("no kernel for \(order.spelling)")
    }
  }

  @inline(__always) private static func inOrder(
    _ channels: Range<Int>, _ query: UnsafeBufferPointer<Float>, _ block: UnsafePointer<SIMD16<Float>>
  ) -> SIMD16<Float> {
    var accumulator = SIMD16<Float>.zero
    for channel in channels {
      let product = SIMD16(repeating: query[channel]) * block[channel]
      accumulator = accumulator + product
    }
    return accumulator
  }

  @inline(__always) private static func inOrderFused(
    _ channels: Range<Int>, _ query: UnsafeBufferPointer<Float>, _ block: UnsafePointer<SIMD16<Float>>
  ) -> SIMD16<Float> {
    var accumulator = SIMD16<Float>.zero
    for channel in channels {
      accumulator = accumulator.addingProduct(SIMD16(repeating: query[channel]), block[channel])
    }
    return accumulator
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
