// The budget that follows from formats alone: what an implementation with angles in fp32 and the recipe's own formats after them
// cannot exceed, whatever the order of its sums.

import ArbitraryPrecision
import DriftAnalysis
import EmulatedEngine
import FloatingPointFormats
import ReferenceEngine
import RotaryAttention
import TensorIO

extension CheckBudget {
  /// The default budget of a recipe on an input: for every layer and head a limit on the greatest error of a logit,
  ///
  ///     c·F²·Q·K·((1 + ε)²·(1 + 4d·u_dot)·(1 + u_logit) − 1) + subnormal part + 4·cap·u_softcap,
  ///     ε = (1 + u_input)·(1 + √2·τ + 2√2·u_rotation)·(1 + u_rotated)·(1 + u_operand) − 1,
  ///     τ = u_trig + u_table + 2^−20·max|p|,
  ///
  /// and never less than one unit in the last place of the stored logit at c·F²·Q·K. Here c is the scale, F = max(1, attention
  /// factor), Q and K the greatest norms of a query and of a key of the head, and u of a stage the sum over its formats of 2^−p (twice
  /// that where it does not round to nearest).
  ///
  /// Derivation: cos and sin are within τ of the exact ones, 2^−20·max|p| standing for an angle that is off by 8 units in the last
  /// place of fp32 (the widest frequency formula, position × frequency and all; a formula that is off by more is off only where ω is
  /// small). A pair's rotation by such a table is off by √2·τ·‖pair‖, its products and sum add 2·u·(|x·cos| + |y·sin|) a component by
  /// Cauchy–Schwarz. A sum of d products in any order, fused or not, chopped or not, is off by at most 4d·u·Σ|q̃k̃| ≤ 4d·u·‖q̃‖‖k̃‖.
  /// cap·tanh has slope 1 at most. The subnormal part is (2d + 4)·c·F·(Q + K)·s for the smallest spacing s of the formats between table and
  /// sum, and one s of the logit's.
  ///
  /// So no implementation in these formats exceeds it but by angles that are worse than fp32's: in 16 bits, a frequency, a position or
  /// an angle that is rounded to them does, from some position on.
  ///
  /// - Parameters:
  ///   - recipe: whose formats.
  ///   - input: whose queries and keys; read once.
  ///   - problem: embedding, scale, softcap, layers, heads, shift of the errors.
  /// - Throws: ``TensorFileError``, ``BudgetError``, ``UndecidedRounding``, ``ProblemError``.
  public static func standard(for recipe: Recipe, _ problem: StageAttribution.Problem) throws -> CheckBudget {
    let input = problem.input
    let embedding = problem.embedding
    let shift = problem.comparisons.first ?? ShiftPair(0, 16)
    let factor = max(1, try ceiling(try embedding.exactAttentionFactor()))
    let scale = try ceiling(problem.scale.exact(headSize: embedding.headSize))
    var limits: [Limit] = []
    for index in problem.layers ?? input.layers {
      let layer = try input.shape(ofLayer: index)
      var keyNorms: [Int: Double] = [:]
      for head in problem.heads ?? Array(0..<layer.queryHeads) where head < layer.queryHeads {
        let keyHead = layer.kvHead(ofQueryHead: head)
        if keyNorms[keyHead] == nil {
          keyNorms[keyHead] = greatestNorm(
            try input.keys(layer: index, kvHead: keyHead), size: layer.headSize)
        }
        let bound = FormatBound(
          recipe, size: layer.headSize,
          reach: max(abs(shift.first), abs(shift.first + layer.keyTokens - 1)), scale: scale, factor: factor,
          cap: try problem.softcap.flatMap { Rational($0) }.map { try ceiling(ExactReal($0)) })
        let limit = bound.limit(
          query: greatestNorm(try input.queries(layer: index, head: head), size: layer.headSize),
          key: keyNorms[keyHead]!)
        guard limit.isFinite else {
          throw BudgetError.notMeasured(
            "the default budget of layer \(index) head \(head) is not finite, because its queries or keys are not or are too large"
          )
        }
        limits.append(
          try Limit(
            "logit_error_max_abs", atMost: NumberLiteral(limit.description), layer: index, head: head))
      }
    }
    return try CheckBudget(limits, shifts: shift, origin: "default budget")
  }

  /// The greatest Euclidean norm of some vectors, rounded up; not finite where a channel is not.
  private static func greatestNorm(_ vectors: [Double], size: Int) -> Double {
    var greatest = 0.0
    for start in stride(from: 0, to: vectors.count, by: size) {
      var sum = 0.0
      for channel in start..<start + size { sum += vectors[channel] * vectors[channel] }
      guard sum.isFinite else { return .infinity }
      greatest = max(greatest, sum)
    }
    return greatest.squareRoot() * (1 + 0x1p-30)
  }

  private static func ceiling(_ value: ExactReal) throws -> Double {
    FloatingPointFormat.fp64.rounded(try value.exactValue(), .up)
  }
}

/// The bound of ``CheckBudget/standard(for:_:)`` for one head size and reach.
private struct FormatBound {
  /// Error of the score relative to c·F²·Q·K.
  private let relative: Double
  private let scale: Double
  private let factor: Double
  private let subnormal: Double
  private let softcap: Double
  private let logitFormat: FloatingPointFormat?
  private let logitSubnormal: Double
  private let size: Double

  init(_ recipe: Recipe, size: Int, reach: Int, scale: Double, factor: Double, cap: Double?) {
    func unit(_ chains: RoundingChain...) -> Double {
      chains.reduce(0) { sum, chain in
        let isNearest = chain.rounding == .nearestEven || chain.rounding == .nearestAway
        return sum
          + chain.formats.reduce(0) {
            $0 + (isNearest ? 1 : 2) * 0x1p0 / Double(sign: .plus, exponent: $1.precision, significand: 1)
          }
      }
    }
    let vectors = [
      recipe.trig.rounding, recipe.table, recipe.input, recipe.rotation.rounding, recipe.rotated,
      recipe.logit.scaledOperand, recipe.dot.queryOperand, recipe.dot.keyOperand, recipe.dot.rounding,
    ]
    let trig = unit(recipe.trig.rounding) * Double(recipe.trig.ulpModel.map { 2 * $0.bound + 1 } ?? 1)
    let tau = trig + unit(recipe.table) + 0x1p-20 * Double(reach)
    let root = 2.0.squareRoot()
    let vector =
      (1 + unit(recipe.input)) * (1 + root * tau + 2 * root * unit(recipe.rotation.rounding))
      * (1 + unit(recipe.rotated))
      * (1 + unit(recipe.logit.scaledOperand, recipe.dot.queryOperand, recipe.dot.keyOperand))
    let logit = unit(
      recipe.logit.storedScore, recipe.logit.scaleFactor, recipe.logit.scaleFactor, recipe.logit.log2e,
      recipe.logit.exponentFactor, recipe.logit.exponent, recipe.logit.rounding)
    relative =
      (vector * vector * (1 + 4 * Double(size) * unit(recipe.dot.rounding)) * (1 + logit) - 1) * (1 + 0x1p-30)
    self.scale = scale
    self.factor = factor
    self.size = Double(size)
    subnormal = vectors.flatMap(\.formats).map(Self.smallestSpacing).max() ?? 0
    logitFormat = recipe.logitFormat
    logitSubnormal = recipe.logit.storedScore.formats.map(Self.smallestSpacing).max() ?? 0
    softcap = cap.map { 4 * $0 * unit(recipe.logit.softcap?.rounding ?? .exact) } ?? 0
  }

  private static func smallestSpacing(_ format: FloatingPointFormat) -> Double {
    let exponent =
      format.hasSubnormals ? format.minimumExponent - format.precision + 1 : format.minimumExponent
    return Double(sign: .plus, exponent: max(exponent, -1074), significand: 1)
  }

  func limit(query: Double, key: Double) -> Double {
    let greatest = scale * factor * factor * query * key
    let bound =
      greatest * relative + (2 * size + 4) * scale * factor * (query + key + 1) * subnormal
      + scale * logitSubnormal + softcap
    let unit = logitFormat.flatMap { $0.unitInLastPlace(at: greatest) } ?? 0
    return max(bound, unit)
  }
}
