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
    isSingle =
      stage.accumulator == RoundingChain([.fp32])
      && (stage.order == .sequential || stage.order == .sequentialFused)
    allowsVectors = path.allowsVectors
  }

  /// The lanes of all channels, at zero: (lanes, d).
  func start(size: Int) -> [Double] {
    if case .lanes(let count, _, _) = stage.order { return Array(repeating: 0, count: count * size) }
    return Array(repeating: 0, count: size)
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
  ///   - keys: the keys' indices in the file.
  ///   - lanes: what ``start(size:)`` made.
  func add(
    _ weights: UnsafeBufferPointer<Double>, _ values: EmulatedValues, keys: Range<Int>,
    to lanes: inout [Double]
  ) {
    if isSingle, let singles = values.singles, addSingle(weights, singles, values, keys, &lanes) { return }
    let size = values.size
    let arithmetic = arithmetic!
    values.numbers.withUnsafeBufferPointer { numbers in
      let first = numbers.baseAddress! + (keys.lowerBound - values.firstToken) * size
      func value(_ index: Int, _ channel: Int) -> Double { first[index * size + channel] }
      switch stage.order {
      case .sequential, .sequentialFused, .lanes:
        var (count, isFused) = (1, stage.order == .sequentialFused)
        if case .lanes(let lanes, _, let fused) = stage.order { (count, isFused) = (lanes, fused) }
        for (index, weight) in weights.enumerated() {
          let lane = (keys.lowerBound + index) % count * size
          for channel in 0..<size {
            let (sum, v) = (lanes[lane + channel], value(index, channel))
            lanes[lane + channel] =
              isFused
              ? arithmetic.fusedProductSum(weight, v, sum, counter)
              : arithmetic.sum(sum, arithmetic.product(weight, v, counter), counter)
          }
        }
      case .blocks(let length):
        var partial = [Double](repeating: 0, count: size)
        for (index, weight) in weights.enumerated() {
          let isLast =
            index + 1 == weights.count || (keys.lowerBound + index + 1).isMultiple(of: length)
          for channel in 0..<size {
            partial[channel] = arithmetic.sum(
              partial[channel], arithmetic.product(weight, value(index, channel), counter), counter)
            if isLast {
              lanes[channel] = arithmetic.sum(lanes[channel], partial[channel], counter)
              partial[channel] = 0
            }
          }
        }
      case .pairwise:
        for channel in 0..<size {
          var level = weights.enumerated().map { arithmetic.product($1, value($0, channel), counter) }
          var firstIndex = keys.lowerBound
          while level.count > 1 {
            var next: [Double] = []
            var index = firstIndex & 1
            if index == 1 { next.append(level[0]) }
            while index + 1 < level.count {
              next.append(arithmetic.sum(level[index], level[index + 1], counter))
              index += 2
            }
            if index < level.count { next.append(level[index]) }
            (level, firstIndex) = (next, firstIndex >> 1)
          }
          lanes[channel] = level[0]
        }
      case .tensorCore(let block, _, _):
        for channel in 0..<size {
          let column = weights.indices.map { value($0, channel) }
          lanes[channel] = tensorCore!.accumulate(
            weights, column, from: lanes[channel], firstBlock: block - keys.lowerBound % block)
        }
      case .exact: preconditionFailure("an exact sum is not a number; the plain tier computes it")
      }
    }
  }

  /// False, and nothing changed, where an operand is no binary32 number.
  private func addSingle(
    _ weights: UnsafeBufferPointer<Double>, _ singles: [Float], _ values: EmulatedValues, _ keys: Range<Int>,
    _ lanes: inout [Double]
  ) -> Bool {
    guard weights.allSatisfy({ Double(Float($0)) == $0 || $0.isNaN }) else { return false }
    let size = values.size
    withUnsafeTemporaryAllocation(of: Float.self, capacity: weights.count + size) { room in
      let (row, sums) = (room.baseAddress!, room.baseAddress! + weights.count)
      for index in weights.indices { row[index] = Float(weights[index]) }
      for channel in 0..<size { sums[channel] = Float(lanes[channel]) }
      singles.withUnsafeBufferPointer {
        ropedrift_weighted_sums32(
          row, 1, weights.count, $0.baseAddress! + (keys.lowerBound - values.firstToken) * size,
          weights.count, size, stage.order == .sequentialFused ? 1 : 0, allowsVectors, sums)
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
    for channel in 0..<size { output[channel] = lanes[channel] }
    if let sum, let normalization { normalization.apply(output, sum: sum) }
    if let storing { for channel in 0..<size { output[channel] = storing.round(output[channel], counter) } }
  }
}

extension AlignedBlocks {
  /// Goes on from an accumulator with operands whose first block has `firstBlock` of them.
  func accumulate(
    _ weights: UnsafeBufferPointer<Double>, _ column: [Double], from accumulator: Double, firstBlock: Int
  ) -> Double {
    var result = accumulator
    column.withUnsafeBufferPointer { column in
      var start = 0
      var length = firstBlock
      while start < column.count {
        let count = min(length, column.count - start)
        result = add(weights.baseAddress! + start, column.baseAddress! + start, count, to: result)
        start += count
        length = block
      }
    }
    return result
  }
}
