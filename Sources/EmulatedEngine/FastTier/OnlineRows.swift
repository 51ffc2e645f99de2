// Online softmax with the product with the values for some rows at a time, where everything from score to output is binary32 or narrower:
// what RowAttention does row by row, in the same bits.

import FloatingPointFormats
import ReferenceEngine
import RotaryAttention
import RoundingKernels

/// The softmax, probability and output stages of a recipe by kernels over tiles of several rows.
struct OnlineRows: Sendable {
  let stage: Recipe.Softmax
  let output: Recipe.Output
  let headSize: Int
  let allowsVectors: Int32
  private let exponential: Int32
  private let factor: Float
  let lanes: (count: Int, neighbours: Int)
  /// Roundings of P, and of stored outputs.
  let probability: [ArrayRounding]
  let storing: [ArrayRounding]
  /// p and the lowest bit of P's format; nil where P is a weight.
  private let probabilityFormat: FloatingPointFormat?

  /// Nil where a stage is rounded to more than binary32, in more than one step where one would do, not to nearest even, or in an order
  /// that the kernels do not know.
  init?(_ emulation: Emulation, path: KernelPath = .ofProcess) {
    let recipe = emulation.recipe
    let single = RoundingChain([.fp32])
    guard let stage = recipe.softmax, stage.algorithm != .fullRow, let output = recipe.output,
      stage.rounding == single, stage.difference == single, stage.sum.rounding == single,
      emulation.storesSingleInputs
    else { return nil }
    switch (stage.exponential, emulation.softmaxFactor) {
    case (.exp, _): factor = 1
    case (_, .number(let number)?):
      guard stage.exponent == single, Double(Float(number)) == number else { return nil }
      factor = Float(number)
    default: return nil
    }
    exponential =
      switch stage.exponential {
      case .exp: Int32(ROPEDRIFT_EXP)
      case .exp2: Int32(ROPEDRIFT_EXP2)
      case .exp2Fused: Int32(ROPEDRIFT_EXP2_FUSED)
      }
    switch stage.sum.order {
    case .sequential: lanes = (1, 1)
    case .lanes(let count, let neighbours, _) where count <= 16 && count & (count - 1) == 0:
      lanes = (count, neighbours)
    default: return nil
    }
    guard output.probabilityOperand.isExact, output.accumulator == single, output.rescaling == single,
      output.order == .sequential || output.order == .sequentialFused,
      let normalization = output.normalization, normalization.rounding == single,
      normalization.algorithm == .divide || normalization.reciprocal == single,
      let probability = Self.roundings(recipe.probability, path),
      let storing = Self.roundings(output.rounding, path)
    else { return nil }
    (self.stage, self.output, self.probability, self.storing) = (stage, output, probability, storing)
    headSize = emulation.embedding.headSize
    allowsVectors = path.allowsVectors
    probabilityFormat = recipe.probability.formats.last
  }

  /// Roundings in binary32, none for an exact chain; nil where one does not go through binary32.
  private static func roundings(_ chain: RoundingChain, _ path: KernelPath) -> [ArrayRounding]? {
    guard chain.isExact || chain.rounding == .nearestEven else { return nil }
    let roundings = chain.formats.filter { $0 != .fp32 }.compactMap { format in
      format.isSubset(of: .fp32) ? ArrayRounding(format, chain.rounding, path: path) : nil
    }
    return roundings.count == chain.formats.filter { $0 != .fp32 }.count ? roundings : nil
  }

  /// Rounds numbers in place.
  func round(_ roundings: [ArrayRounding], _ numbers: UnsafeMutableBufferPointer<Float>) {
    for rounding in roundings { rounding.round(UnsafeBufferPointer(numbers), into: numbers) }
  }

  /// Below which a weight above zero forbids to add products with these values unrounded; nil where that is never the same.
  ///
  /// The product of a P with p significant bits and a value with w of them is a binary32 number where p + w ≤ 24 and its lowest bit,
  /// which is that of P times that of the value, is not below 2^−149 (and nothing overflows). Rounding it changes nothing then, and a
  /// fused operation gives the bits of a product and a sum. A P from 2^e on, in a format with subnormals, is a multiple of
  /// 2^(e − p + 1) and of the format's lowest bit.
  func exactProductLimit(_ values: SingleRange) -> Float? {
    guard let format = probabilityFormat, values.width > 0, format.precision + values.width <= 24,
      values.highest < 100
    else { return nil }
    let lowest = -149 - values.lowest
    if format.minimumExponent - format.precision + 1 >= lowest { return 0 }
    let exponent = lowest + format.precision - 1
    return exponent <= -8 ? Float(sign: .plus, exponent: max(exponent, -149), significand: 1) : nil
  }

  /// Whether rows go through the tiles of one of them together: the same keys at the same places, but for the end of the last piece,
  /// whose block is the same where tiles begin with it.
  func canShareTiles(_ a: VisibleKeys, _ b: VisibleKeys) -> Bool {
    guard let last = a.pieces.last, let other = b.pieces.last, a.pieces.count == b.pieces.count,
      zip(a.pieces.dropLast(), b.pieces.dropLast()).allSatisfy({
        $0.key == $1.key && $0.place == $1.place && $0.count == $1.count
      }), last.key == other.key, last.place == other.place
    else { return false }
    if case .online(_, .diagonalFirst(let block)) = stage.algorithm {
      return (last.place + last.count - 1) / block == (other.place + other.count - 1) / block
    }
    return true
  }

  /// Weights of a tile; see `ropedrift_online_weights32`.
  func weights(
    _ inputs: UnsafePointer<Float>, stride: Int, rows: Int, counts: UnsafePointer<Int>, small: Float,
    maxima: UnsafeMutablePointer<Float>, rescalings: UnsafeMutablePointer<Float>, weightStride: Int,
    into weights: UnsafeMutablePointer<Float>
  ) -> Bool {
    ropedrift_online_weights32(
      inputs, stride, rows, counts, exponential, factor, small, allowsVectors, maxima, rescalings,
      weightStride, weights) != 0
  }

  /// Lanes folded as ``foldedLanes(_:neighbours:_:)`` folds them.
  func folded(_ lanes: UnsafePointer<Float>) -> Float {
    var own = Array(UnsafeBufferPointer(start: lanes, count: self.lanes.count))
    var left = own.count
    while left > 1 {
      let folds = left > self.lanes.neighbours
      left /= 2
      for lane in 0..<left {
        own[lane] = folds ? own[lane] + own[lane + left] : own[2 * lane] + own[2 * lane + 1]
      }
    }
    return own[0]
  }
}

extension Emulation {
  /// Whether every number that the softmax stage reads is a binary32 number.
  fileprivate var storesSingleInputs: Bool {
    let logit = recipe.logit
    let stored: FloatingPointFormat? =
      if softcap != nil {
        logit.softcap?.algorithm == .insteadOfScale && !readsScores
          ? logit.rounding.stored : logit.softcap?.rounding.stored
      } else if readsScores {
        logit.storedScore.stored ?? recipe.dot.rounding.stored
      } else {
        logit.rounding.stored
      }
    return stored?.isSubset(of: .fp32) == true
  }
}
