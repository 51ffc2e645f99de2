// Softmax weights of rows of numbers, and their sums: the fast twin of PlainWeights and PlainWeightSum, for roundings to nearest even.

import ArbitraryPrecision
import FloatingPointFormats
import ReferenceEngine
import RoundingKernels

extension ScalarArithmetic {
  /// The operations of a chain that rounds to nearest even into formats of which every operation is known; nil for any other.
  init?(nearestEven chain: RoundingChain) {
    guard !chain.isExact else { return nil }
    self.init(chain)
    if case .plain = self { return nil }
  }
}

/// The weights of a softmax stage on numbers.
struct RowWeights: Sendable {
  private let stage: Recipe.Softmax
  private let factor: Double
  private let exponent: ScalarArithmetic?
  private let difference: ScalarArithmetic
  /// What is left of the chain after binary32, where the kernel can do the rest.
  private let afterSingle: ScalarArithmetic?
  private let isSingle: Bool
  private let allowsVectors: Int32
  private let counter = StageCounter(.softmaxExponential)

  /// Nil where a chain is exact or of another rounding, so that the plain tier must do it.
  init?(_ emulation: Emulation, path: KernelPath = .ofProcess) {
    guard let stage = emulation.recipe.softmax, !stage.rounding.isExact,
      stage.rounding.rounding == .nearestEven,
      let difference = ScalarArithmetic(nearestEven: stage.difference)
    else { return nil }
    self.stage = stage
    self.difference = difference
    switch (stage.exponential, emulation.softmaxFactor) {
    case (.exp, _): (factor, exponent) = (1, nil)
    case (_, .number(let number)?):
      guard let product = ScalarArithmetic(nearestEven: stage.exponent) else { return nil }
      (factor, exponent) = (number, product)
    default: return nil
    }
    let single = RoundingChain([.fp32])
    let rest = RoundingChain(Array(stage.rounding.formats.dropFirst()))
    isSingle =
      stage.rounding.formats[0] == .fp32 && stage.difference == single
      && (stage.exponential == .exp || stage.exponent == single && Double(Float(factor)) == factor)
      && (rest.isExact || ScalarArithmetic(nearestEven: rest) != nil)
    afterSingle = rest.isExact ? nil : ScalarArithmetic(rest)
    allowsVectors = path.allowsVectors
  }

  private func shift(_ maximum: Double) -> Double { exponent?.product(maximum, factor, counter) ?? maximum }

  /// e_j of some inputs for a maximum; `weights` has a place for each of them.
  func weights(
    _ inputs: UnsafeBufferPointer<Double>, maximum: Double, into weights: UnsafeMutableBufferPointer<Double>
  ) {
    let shift = shift(maximum)
    if isSingle, Self.holdsSingles(inputs) {
      singleWeights(inputs, shift: Float(shift), into: weights)
      return
    }
    for index in inputs.indices {
      let x = inputs[index]
      let exponent: Double =
        switch stage.exponential {
        case .exp: difference.sum(x, -shift, counter)
        case .exp2: difference.sum(self.exponent!.product(x, factor, counter), -shift, counter)
        case .exp2Fused: difference.fusedProductSum(x, factor, -shift, counter)
        }
      weights[index] = exponential(exponent)
    }
  }

  /// f for a maximum that rises.
  func rescaling(from old: Double, to new: Double) -> Double {
    switch stage.exponential {
    case .exp: exponential(difference.sum(old, -new, counter))
    case .exp2: exponential(difference.sum(shift(old), -shift(new), counter))
    case .exp2Fused: exponential(exponent!.product(difference.sum(old, -new, counter), factor, counter))
    }
  }

  private static func holdsSingles(_ inputs: UnsafeBufferPointer<Double>) -> Bool {
    inputs.allSatisfy { Double(Float($0)) == $0 }
  }

  private func singleWeights(
    _ inputs: UnsafeBufferPointer<Double>, shift: Float, into weights: UnsafeMutableBufferPointer<Double>
  ) {
    let kind: Int32 =
      switch stage.exponential {
      case .exp: Int32(ROPEDRIFT_EXP)
      case .exp2: Int32(ROPEDRIFT_EXP2)
      case .exp2Fused: Int32(ROPEDRIFT_EXP2_FUSED)
      }
    withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * inputs.count) { room in
      let (row, results) = (room.baseAddress!, room.baseAddress! + inputs.count)
      for index in inputs.indices { row[index] = Float(inputs[index]) }
      ropedrift_softmax_weights32(row, inputs.count, kind, Float(factor), shift, allowsVectors, results)
      for index in inputs.indices { weights[index] = Double(results[index]) }
      if let afterSingle {
        for index in inputs.indices { weights[index] = afterSingle.round(weights[index], counter) }
      }
    }
  }

  /// RN(exp) or RN(exp2) of a number.
  private func exponential(_ x: Double) -> Double {
    if isSingle, Double(Float(x)) == x {
      var (argument, result) = (Float(x), Float.nan)
      ropedrift_exponentials32(&argument, 1, stage.exponential == .exp ? 0 : 1, allowsVectors, &result)
      return afterSingle?.round(Double(result), counter) ?? Double(result)
    }
    if stage.exponential == .exp, stage.rounding.formats == [.fp64] {
      return CorrectlyRoundedExponential.shared(x)
    }
    // A rounded exponential of a number is always decided: nothing is thrown.
    let value = try! stage.rounding.exponential(
      .number(x), base: stage.exponential == .exp ? .e : .two, counter)
    guard case .number(let number) = value else { preconditionFailure("the chain rounds") }
    return number
  }
}

/// The sum of a row's weights.
struct RowWeightSum {
  private let stage: Recipe.Softmax.Sum
  private let arithmetic: ScalarArithmetic
  /// Whether everything is a binary32 number, so that the hardware's own sum is the rounded one.
  private let isSingle: Bool
  private var lanes: [Double]
  private var total = 0.0
  private let counter = StageCounter(.softmaxSum)

  /// Nil where the plain tier must do it.
  init?(_ softmax: Recipe.Softmax) {
    stage = softmax.sum
    guard let arithmetic = ScalarArithmetic(nearestEven: stage.rounding) else { return nil }
    self.arithmetic = arithmetic
    isSingle =
      stage.rounding == RoundingChain([.fp32]) && softmax.rounding.stored?.isSubset(of: .fp32) == true
    lanes = [0]
    if case .lanes(let count, _, _) = stage.order { lanes = Array(repeating: 0, count: count) }
  }

  @inline(__always) private func sum(_ a: Double, _ b: Double) -> Double {
    isSingle ? Double(Float(a) + Float(b)) : arithmetic.sum(a, b, counter)
  }

  mutating func add(_ weights: UnsafeBufferPointer<Double>, keys: VisibleKeys, rescaledBy factor: Double?) {
    guard stage.tiles != .running else {
      if let factor {
        for lane in lanes.indices { lanes[lane] = arithmetic.product(lanes[lane], factor, counter) }
      }
      addRunning(weights, keys)
      return
    }
    var own = self
    for lane in own.lanes.indices { own.lanes[lane] = 0 }
    own.addRunning(weights, keys)
    let tile = own.folded()
    if let factor {
      total =
        stage.tiles == .fused
        ? arithmetic.fusedProductSum(total, factor, tile, counter)
        : sum(arithmetic.product(total, factor, counter), tile)
    } else {
      total = tile
    }
  }

  func result() -> Double { stage.tiles == .running ? folded() : total }

  private mutating func addRunning(_ weights: UnsafeBufferPointer<Double>, _ keys: VisibleKeys) {
    switch stage.order {
    case .lanes(let count, _, _):
      for piece in keys.pieces {
        let (base, end) = (piece.place - piece.start, piece.start + piece.count)
        var index = piece.start
        // Neighbours of one lane at a time.
        while index < end {
          let group = (base + index) / stage.laneWidth
          let groupEnd = min(end, (group + 1) * stage.laneWidth - base)
          var accumulator = lanes[group & (count - 1)]
          while index < groupEnd {
            accumulator = sum(accumulator, weights[index])
            index += 1
          }
          lanes[group & (count - 1)] = accumulator
        }
      }
    case .blocks(let size):
      for block in keys.groups(of: size, in: weights.indices) {
        var partial = 0.0
        for index in block { partial = sum(partial, weights[index]) }
        lanes[0] = sum(lanes[0], partial)
      }
    case .pairwise:
      lanes[0] = keys.pairwise(Array(weights)) { sum($0, $1) }
    default:
      var accumulator = lanes[0]
      for weight in weights { accumulator = sum(accumulator, weight) }
      lanes[0] = accumulator
    }
  }

  private func folded() -> Double {
    guard case .lanes(let count, let neighbours, _) = stage.order else { return lanes[0] }
    var (lanes, left) = (lanes, count)
    while left > 1 {
      let folds = left > neighbours
      left /= 2
      for lane in 0..<left {
        lanes[lane] = folds ? sum(lanes[lane], lanes[lane + left]) : sum(lanes[2 * lane], lanes[2 * lane + 1])
      }
    }
    return lanes[0]
  }
}

/// x divided by the sum of a row; the reciprocal is computed once.
struct RowNormalization: Sendable {
  private let algorithm: Recipe.Normalization.Algorithm
  private let reciprocal: ScalarArithmetic?
  private let arithmetic: ScalarArithmetic
  private let counter = StageCounter(.softmaxNormalization)

  /// Nil where the plain tier must do it.
  init?(_ stage: Recipe.Normalization) {
    guard let arithmetic = ScalarArithmetic(nearestEven: stage.rounding) else { return nil }
    algorithm = stage.algorithm
    self.arithmetic = arithmetic
    reciprocal = ScalarArithmetic(nearestEven: stage.reciprocal)
    if algorithm == .reciprocal, reciprocal == nil { return nil }
  }

  func apply(_ values: UnsafeMutableBufferPointer<Double>, sum: Double) {
    switch algorithm {
    case .divide:
      for index in values.indices { values[index] = arithmetic.quotient(values[index], sum, counter) }
    case .reciprocal:
      let factor = reciprocal!.quotient(1, sum, counter)
      for index in values.indices { values[index] = arithmetic.product(values[index], factor, counter) }
    }
  }
}
