// Rotated vectors cut into slices: what the score kernel reads, and the norms that its error bound is made from.
// Documentation/ErrorBounds.md derives the bound.

import RoundingKernels

/// How rotated vectors are sliced: v = head + tail, heads integer multiples of a unit, below 2^bits of it in norm. With 26 bits for
/// queries and 27 for keys every sum of products of two heads is below 2^53 of the product of the units, so that all add exactly.
enum VectorSlicing {
  static let queryBits: Int32 = 26
  static let keyBits: Int32 = 27

  /// d rounded up to eights.
  static func padded(_ channels: Int) -> Int { (channels + 7) / 8 * 8 }

  /// What multiplies ‖q‖‖k₂‖ + ‖q₂‖‖k‖: see Documentation/ErrorBounds.md.
  static func mixedFactor(channels: Int) -> Double {
    let chunk = Int(ROPEDRIFT_SLICED_CHUNK)
    let roundings = 2 * min(chunk, channels) + (channels + chunk - 1) / chunk
    return 0x1p-53 * Double(roundings + 4) * (1 + 0x1p-8)
  }

  /// What multiplies ‖q‖‖k‖ beside it: rotation, scale and the rounding test.
  static let wholeFactor = 0x1p-97

  /// Zeros that the caller frees.
  static func zeros(_ count: Int) -> UnsafeMutablePointer<Double> {
    let pointer = UnsafeMutablePointer<Double>.allocate(capacity: max(count, 1))
    pointer.initialize(repeating: 0, count: max(count, 1))
    return pointer
  }
}

/// The keys of one head, rotated and sliced, in blocks.
final class SlicedKeys: @unchecked Sendable {
  // Written in init, read after it by any number of threads.
  private let slices: UnsafeMutablePointer<Double>
  private let bounds: UnsafeMutablePointer<Double>
  private let tailBounds: UnsafeMutablePointer<Double>
  private let channels: Int
  /// A bound on the norm of each rotated key; infinite where it is not sliced.
  let norms: [Double]

  static let width = Int(ROPEDRIFT_SLICED_BLOCK)

  /// - Parameters:
  ///   - keys: (tokens, d).
  ///   - rows: for each key, the row of its position.
  init(keys: [Double], rows: [Int], rotation: VectorRotation, path: KernelPath) {
    let channels = rotation.embedding.headSize
    self.channels = channels
    let width = Self.width
    let blocks = (rows.count + width - 1) / width
    let slices = VectorSlicing.zeros(blocks * channels * 2 * width)
    let bounds = VectorSlicing.zeros(blocks * width)
    let tailBounds = VectorSlicing.zeros(blocks * width)
    (self.slices, self.bounds, self.tailBounds) = (slices, bounds, tailBounds)
    var norms: [Double] = []
    norms.reserveCapacity(rows.count)
    let mixed = VectorSlicing.mixedFactor(channels: channels)
    let rotated = RotatedPair(channels: channels)
    keys.withUnsafeBufferPointer { keys in
      for (key, row) in rows.enumerated() {
        rotation.rotate(
          keys.baseAddress! + key * channels, row: row, scale: (1, 0), path: path, high: rotated.high,
          low: rotated.low)
        let first = slices + key / width * channels * 2 * width + key % width
        let sliced = ropedrift_slice(
          rotated.high, rotated.low, channels, VectorSlicing.keyBits, first, first + width, nil, 2 * width,
          path.allowsVectors)
        let isSliced = sliced.is_sliced != 0
        norms.append(isSliced ? sliced.norm : .infinity)
        bounds[key] =
          isSliced ? mixed * sliced.tail_norm + VectorSlicing.wholeFactor * sliced.norm : .infinity
        tailBounds[key] = isSliced ? mixed * sliced.norm : .infinity
      }
    }
    self.norms = norms
  }

  deinit {
    slices.deallocate()
    bounds.deallocate()
    tailBounds.deallocate()
  }

  /// Scores of queries against blocks, into the queries' places; NaN where the bound does not decide.
  ///
  /// - Parameter flags: (rows of `queries`, blocks): whether some score of a block may be undecided.
  func scores(
    _ queries: SlicedQueries, blocks: Range<Int>, path: KernelPath, flags: UnsafeMutablePointer<UInt8>
  ) {
    var kernelQueries = queries.kernelArgument
    var keys = ropedrift_sliced_keys(
      slices: slices, bound: bounds, tail_bound: tailBounds, channels: channels)
    ropedrift_sliced_scores(
      &kernelQueries, &keys, blocks.lowerBound, blocks.count, path.allowsVectors, flags)
  }
}

/// A rotated vector as high + low, padded with zeros to eights.
final class RotatedPair {
  let high: UnsafeMutablePointer<Double>
  let low: UnsafeMutablePointer<Double>

  init(channels: Int) {
    high = VectorSlicing.zeros(VectorSlicing.padded(channels))
    low = VectorSlicing.zeros(VectorSlicing.padded(channels))
  }

  deinit {
    high.deallocate()
    low.deallocate()
  }
}

/// A few queries, rotated, scaled and sliced, with the keys that each wants and the places of its scores.
final class SlicedQueries {
  private let slices: UnsafeMutablePointer<Double>
  private let norms: UnsafeMutablePointer<Double>
  private let tailNorms: UnsafeMutablePointer<Double>
  private let first: UnsafeMutablePointer<Int>
  private let end: UnsafeMutablePointer<Int>
  private let places: UnsafeMutablePointer<UnsafeMutablePointer<Double>?>
  private let tiles: Int
  private let tileRows: Int
  /// (queries): the rotated and scaled ones.
  let rotated: [RotatedPair]
  /// A bound on the norm of each; infinite where it is not sliced, and then none of its keys is computed.
  private(set) var norm: [Double] = []

  /// Rows with those that fill the last tile.
  var rowCount: Int { tiles * tileRows }

  /// - Parameters:
  ///   - queries: (queries, d).
  ///   - rows: for each query, the row of its position.
  ///   - ranges: for each, its keys.
  ///   - scores: where the scores of a query go, `stride` from one to the next.
  init(
    _ queries: UnsafePointer<Double>, rows: [Int], ranges: [Range<Int>],
    scores: UnsafeMutablePointer<Double>, stride: Int, scale: (high: Double, low: Double),
    rotation: VectorRotation, path: KernelPath
  ) {
    let channels = rotation.embedding.headSize
    let tileRows = rows.count == 1 ? 1 : Int(ROPEDRIFT_SLICED_ROWS)
    self.tileRows = tileRows
    tiles = (rows.count + tileRows - 1) / tileRows
    let count = tiles * tileRows
    slices = VectorSlicing.zeros(count * channels * 3)
    norms = VectorSlicing.zeros(count)
    tailNorms = VectorSlicing.zeros(count)
    first = .allocate(capacity: count)
    first.initialize(repeating: 0, count: count)
    end = .allocate(capacity: count)
    end.initialize(repeating: 0, count: count)
    places = .allocate(capacity: count)
    places.initialize(repeating: nil, count: count)
    rotated = rows.map { _ in RotatedPair(channels: channels) }
    for (query, row) in rows.enumerated() {
      let pair = rotated[query]
      rotation.rotate(
        queries + query * channels, row: row, scale: scale, path: path, high: pair.high, low: pair.low)
      let start = slices + query / tileRows * tileRows * channels * 3 + query % tileRows
      let sliced = ropedrift_slice(
        pair.high, pair.low, channels, VectorSlicing.queryBits, start, start + 2 * tileRows,
        start + tileRows, 3 * tileRows, path.allowsVectors)
      guard sliced.is_sliced != 0 else {
        norm.append(.infinity)
        continue
      }
      norm.append(sliced.norm)
      // Raised by more than the rounding of the products that make the bound.
      norms[query] = sliced.norm * (1 + 0x1p-20)
      tailNorms[query] = sliced.tail_norm * (1 + 0x1p-20)
      first[query] = ranges[query].lowerBound
      end[query] = ranges[query].upperBound
      places[query] = scores + query * stride
    }
  }

  deinit {
    slices.deallocate()
    norms.deallocate()
    tailNorms.deallocate()
    first.deallocate()
    end.deallocate()
    places.deallocate()
  }

  fileprivate var kernelArgument: ropedrift_sliced_queries {
    ropedrift_sliced_queries(
      slices: slices, norm: norms, tail_norm: tailNorms, first: first, end: end, scores: places,
      tiles: tiles, rows: tileRows)
  }
}
