// The dot stage on numbers in any format, one score at a time: the fast twin of the plain tier's `dot`.

import FloatingPointFormats

/// One score's accumulation; a value that is made once and used for many scores, with room for partial sums.
struct ScalarAccumulation {
  private let order: Recipe.Dot.Order
  private let arithmetic: ScalarArithmetic
  private let tensorCore: AlignedBlocks?
  private var partial: [Double]

  /// - Precondition: the recipe's dot product is rounded.
  init(_ dot: Recipe.Dot, _ arithmetic: ScalarArithmetic, channels: Int) {
    order = dot.order
    self.arithmetic = arithmetic
    var room = channels
    var tensorCore: AlignedBlocks?
    switch dot.order {
    case .lanes(let count, _, _): room = count
    case .tensorCore(let block, let bits, let rounding):
      tensorCore = AlignedBlocks(
        format: dot.rounding.formats[0], block: block, alignmentBits: bits, rounding: rounding)
    default: break
    }
    self.tensorCore = tensorCore
    partial = [Double](repeating: 0, count: room)
  }

  /// The sum of one pair. Steps are numbered as in the plain tier.
  mutating func accumulate(
    _ query: UnsafePointer<Double>, _ key: UnsafePointer<Double>, channels: Int, _ counter: StageCounter
  ) -> Double {
    func inOrder(_ range: some Sequence<Int>, isFused: Bool) -> Double {
      var accumulator = 0.0
      for channel in range {
        if isFused {
          accumulator = arithmetic.fusedProductSum(
            query[channel], key[channel], accumulator, counter, step: 2 * channel + 1)
        } else {
          let product = arithmetic.product(query[channel], key[channel], counter, step: 2 * channel)
          accumulator = arithmetic.sum(accumulator, product, counter, step: 2 * channel + 1)
        }
      }
      return accumulator
    }
    switch order {
    case .sequential: return inOrder(0..<channels, isFused: false)
    case .sequentialFused: return inOrder(0..<channels, isFused: true)
    case .pairwise:
      for channel in 0..<channels {
        partial[channel] = arithmetic.product(query[channel], key[channel], counter, step: 2 * channel)
      }
      var count = channels
      var step = 1
      while count > 1 {
        for index in 0..<count / 2 {
          partial[index] = arithmetic.sum(partial[2 * index], partial[2 * index + 1], counter, step: step)
          step += 2
        }
        if !count.isMultiple(of: 2) { partial[count / 2] = partial[count - 1] }
        count = (count + 1) / 2
      }
      return partial[0]
    case .lanes(let count, let neighbours, let isFused):
      for lane in 0..<count {
        partial[lane] = inOrder(stride(from: lane, to: channels, by: count), isFused: isFused)
      }
      var left = count
      var step = 2 * channels
      while left > 1 {
        let folds = left > neighbours
        left /= 2
        for lane in 0..<left {
          step += 1
          partial[lane] =
            folds
            ? arithmetic.sum(partial[lane], partial[lane + left], counter, step: step)
            : arithmetic.sum(partial[2 * lane], partial[2 * lane + 1], counter, step: step)
        }
      }
      return partial[0]
    case .blocks(let size):
      var total = 0.0
      var step = 2 * channels
      for start in stride(from: 0, to: channels, by: size) {
        step += 1
        total = arithmetic.sum(
          total, inOrder(start..<min(start + size, channels), isFused: false), counter, step: step)
      }
      return total
    case .tensorCore: return tensorCore!.accumulate(query, key, channels: channels)
    case .exact: preconditionFailure("an exact sum is not a number; the plain tier computes it")
    }
  }
}

/// Aligned, truncated block sums in 64-bit integers, for operands that are binary32 numbers.
struct AlignedBlocks: Sendable {
  let format: FloatingPointFormat
  let block: Int
  let alignmentBits: Int
  let rounding: Rounding

  func accumulate(_ query: UnsafePointer<Double>, _ key: UnsafePointer<Double>, channels: Int) -> Double {
    var accumulator = 0.0
    for start in stride(from: 0, to: channels, by: block) {
      accumulator = add(query + start, key + start, min(block, channels - start), to: accumulator)
    }
    return accumulator
  }

  /// One block of at most ``block`` products and the accumulator.
  func add(
    _ query: UnsafePointer<Double>, _ key: UnsafePointer<Double>, _ count: Int, to accumulator: Double
  ) -> Double {
    var largest = accumulator == 0 ? Int.min : Int(accumulator.exponent)
    var special = accumulator.isFinite ? 0.0 : accumulator
    var isFinite = accumulator.isFinite
    for channel in 0..<count {
      let (q, k) = (query[channel], key[channel])
      if !q.isFinite || !k.isFinite { isFinite = false }
      special += q * k
      if q != 0, k != 0, q.isFinite, k.isFinite {
        largest = max(largest, Int(q.exponent) + Int(k.exponent))
      }
    }
    guard isFinite else {
      return format.rounded(
        ExactValue(accumulator.isFinite ? accumulator + special : special), rounding)
    }
    if largest == Int.min { return 0 }
    // Products of binary32 numbers are exact in binary64, and so is a change of exponent above 2^-600.
    let lift = format.precision - 1 + alignmentBits - largest
    var sum = Self.truncated(accumulator, lift)
    for channel in 0..<count { sum += Self.truncated(query[channel] * key[channel], lift) }
    let exact = Double(sum)
    if Int64(exact) == sum {
      return format.rounded(
        ExactValue(Double(sign: .plus, exponent: -lift, significand: exact)), rounding)
    }
    return format.rounded(
      .finite(TruncatedReal(isNegative: sum < 0, significand: UInt128(sum.magnitude), exponent: -lift)),
      rounding)
  }

  /// The whole part of x·2^lift.
  @inline(__always) private static func truncated(_ x: Double, _ lift: Int) -> Int64 {
    Int64(Double(sign: .plus, exponent: lift, significand: x))
  }
}
