// The product of a row of probabilities with the values on numbers: the fast twin of PlainOutputSum, all channels of one query at a
// time, for roundings to nearest even.

import FloatingPointFormats
import ReferenceEngine
import RoundingKernels

/// The output stage on numbers, its way chosen once.
struct RowOutputs: Sendable {
  let stage: Recipe.Output
  private let arithmetic: ScalarArithmetic?
  private let tensorCore: AlignedBlocks?
  private let rescaling: ScalarArithmetic?
  private let normalization: RowNormalization?
  private let storing: ScalarArithmetic?
  private let isSingle: Bool
  private let allowsVectors: Int32
  private let counter = StageCounter(.outputProduct)

  /// Nil where the plain tier must do it.
  init?(_ stage: Recipe.Output, path: KernelPath = .ofProcess) {
    self.stage = stage
    arithmetic = ScalarArithmetic(nearestEven: stage.accumulator)
    storing = ScalarArithmetic(nearestEven: stage.rounding)
    rescaling = ScalarArithmetic(nearestEven: stage.rescaling)
    normalization = stage.normalization.flatMap(RowNormalization.init)
    guard arithmetic != nil, storing != nil || stage.rounding.isExact,
      stage.normalization == nil || normalization != nil && rescaling != nil
    else { return nil }
    if case .tensorCore(let block, let bits, let rounding) = stage.order {
      tensorCore = AlignedBlocks(
        format: stage.accumulator.formats[0], block: block, alignmentBits: bits, rounding: rounding)
    } else {
      tensorCore = nil
    }
    let isInOrder =
      switch stage.order {
      case .sequential, .sequentialFused, .blocks, .blocksFused: true
      default: false
      }
    isSingle = isInOrder && stage.accumulator == RoundingChain([.fp32])
    allowsVectors = path.allowsVectors
  }

  /// The lanes of all channels, at zero: (lanes, d).
  func start(size: Int) -> [Double] {
    Array(repeating: 0, count: (stage.order.laneCount ?? 1) * size)
  }

  /// RN(acc·f).
  func rescale(_ lanes: inout [Double], by factor: Double) {
    // Everything is a value of the accumulator's formats, which a product with one leaves as it is.
    if factor == 1, stage.rescaling == stage.accumulator { return }
    for index in lanes.indices { lanes[index] = rescaling!.product(lanes[index], factor, counter) }
  }

  /// Takes in the keys of a tile: `weights` has one operand a key.
  ///
  /// - Parameters:
  ///   - weights: the probabilities' operands.
  ///   - values: the values.
  ///   - keys: the tile's keys.
  ///   - lanes: what ``start(size:)`` made.
  func add(
    _ weights: UnsafeBufferPointer<Double>, _ values: EmulatedValues, keys: VisibleKeys,
    to lanes: inout [Double]
  ) {
    if isSingle, let singles = values.singles, addSingle(weights, singles, values, keys, &lanes) { return }
    let size = values.size
    let arithmetic = arithmetic!
    values.numbers.withUnsafeBufferPointer { numbers in
      func taken(_ weight: Double, _ value: Double, into sum: Double, isFused: Bool) -> Double {
        isFused
          ? arithmetic.fusedProductSum(weight, value, sum, counter)
          : arithmetic.sum(sum, arithmetic.product(weight, value, counter), counter)
      }
      switch stage.order {
      case .sequential, .sequentialFused, .lanes, .lanesInOrder:
        let count = stage.order.laneCount ?? 1
        var isFused = stage.order == .sequentialFused
        if case .lanes(_, _, let fused) = stage.order { isFused = fused }
        keys.forEach { index, key, place in
          let (weight, lane) = (weights[index], place % count * size)
          for channel in 0..<size {
            lanes[lane + channel] = taken(
              weight, numbers[key * size + channel], into: lanes[lane + channel], isFused: isFused)
          }
        }
      case .blocks(let length), .blocksFused(let length):
        let isFused = stage.order == .blocksFused(length)
        for block in keys.groups(of: length, in: weights.indices) {
          var partial = [Double](repeating: 0, count: size)
          keys.part(block).forEach { index, key, _ in
            let weight = weights[block.lowerBound + index]
            for channel in 0..<size {
              partial[channel] = taken(
                weight, numbers[key * size + channel], into: partial[channel], isFused: isFused)
            }
          }
          for channel in 0..<size {
            lanes[channel] = arithmetic.sum(lanes[channel], partial[channel], counter)
          }
        }
      case .pairwise:
        var terms = [Double](repeating: 0, count: weights.count)
        for channel in 0..<size {
          keys.forEach { index, key, _ in
            terms[index] = arithmetic.product(weights[index], numbers[key * size + channel], counter)
          }
          lanes[channel] = keys.pairwise(terms) { arithmetic.sum($0, $1, counter) }
        }
      case .tensorCore(let length, _, _):
        let blocks = keys.groups(of: length, in: weights.indices)
        var column = [Double](repeating: 0, count: weights.count)
        for channel in 0..<size {
          keys.forEach { index, key, _ in column[index] = numbers[key * size + channel] }
          column.withUnsafeBufferPointer { column in
            for block in blocks {
              lanes[channel] = tensorCore!.add(
                weights.baseAddress! + block.lowerBound, column.baseAddress! + block.lowerBound, block.count,
                to: lanes[channel])
            }
          }
        }
      case .exact: preconditionFailure("an exact sum is not a number; the plain tier computes it")
      }
    }
  }

  /// False, and nothing changed, where an operand is no binary32 number.
  private func addSingle(
    _ weights: UnsafeBufferPointer<Double>, _ singles: [Float], _ values: EmulatedValues, _ keys: VisibleKeys,
    _ lanes: inout [Double]
  ) -> Bool {
    guard weights.allSatisfy({ Double(Float($0)) == $0 || $0.isNaN }) else { return false }
    let size = values.size
    let isFused: Int32 =
      switch stage.order {
      case .sequentialFused, .blocksFused: 1
      default: 0
      }
    let length = stage.order.blockLength
    withUnsafeTemporaryAllocation(of: Float.self, capacity: weights.count + 2 * size) { room in
      let (row, sums) = (room.baseAddress!, room.baseAddress! + weights.count)
      let partial = sums + size
      for index in weights.indices { row[index] = Float(weights[index]) }
      for channel in 0..<size { sums[channel] = Float(lanes[channel]) }
      singles.withUnsafeBufferPointer { singles in
        func take(_ keys: VisibleKeys, _ row: UnsafePointer<Float>, into target: UnsafeMutablePointer<Float>)
        {
          for piece in keys.pieces {
            ropedrift_weighted_sums32(
              row + piece.start, 1, piece.count, singles.baseAddress! + piece.key * size, piece.count, size,
              isFused, allowsVectors, target)
          }
        }
        guard length > 0 else { return take(keys, row, into: sums) }
        for block in keys.groups(of: length, in: weights.indices) {
          partial.update(repeating: 0, count: size)
          take(keys.part(block), row + block.lowerBound, into: partial)
          for channel in 0..<size { sums[channel] += partial[channel] }
        }
      }
      for channel in 0..<size { lanes[channel] = Double(sums[channel]) }
    }
    return true
  }

  /// Folds lanes, normalizes with the sum and stores.
  func finish(_ lanes: inout [Double], sum: Double?, into output: UnsafeMutableBufferPointer<Double>) {
    let size = output.count
    if case .lanes(let count, let neighbours, _) = stage.order {
      var left = count
      while left > 1 {
        let folds = left > neighbours
        left /= 2
        for lane in 0..<left {
          for channel in 0..<size {
            let (a, b) = folds ? (lane, lane + left) : (2 * lane, 2 * lane + 1)
            lanes[lane * size + channel] = arithmetic!.sum(
              lanes[a * size + channel], lanes[b * size + channel], counter)
          }
        }
      }
    }
    if case .lanesInOrder(let count) = stage.order {
      for lane in 1..<max(count, 1) {
        for channel in 0..<size {
          lanes[channel] = arithmetic!.sum(lanes[channel], lanes[lane * size + channel], counter)
        }
      }
    }
    for channel in 0..<size { output[channel] = lanes[channel] }
    if let sum, let normalization { normalization.apply(output, sum: sum) }
    if let storing { for channel in 0..<size { output[channel] = storing.round(output[channel], counter) } }
  }
}
