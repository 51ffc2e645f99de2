// The rotation stage by the compiled kernel: which recipes it computes, and what it leaves.

import FloatingPointFormats
import ReferenceEngine
import RotaryAttention
import RoundingKernels

/// The rotation and rotated stages as the kernel takes them.
struct RotationPlan: Sendable {
  let plan: ropedrift_rotation_plan

  /// Nil where the kernel does not compute the stages: exact rotation, more than two roundings, another rounding than to nearest
  /// even, formats without subnormals or of more than 50 bits that are not binary64.
  init?(_ recipe: Recipe, _ embedding: RotaryEmbedding) {
    guard let formats = Self.formats(recipe.rotation.rounding), formats.count > 0,
      let stored = Self.formats(recipe.rotated)
    else { return nil }
    var plan = ropedrift_rotation_plan()
    plan.channels = embedding.headSize
    plan.pairs = embedding.pairCount
    if plan.pairs > 0 {
      let (a, b) = embedding.layout.channels(ofPair: 0, rotarySize: embedding.rotarySize)
      plan.offset = b - a
      plan.step =
        plan.pairs > 1 ? embedding.layout.channels(ofPair: 1, rotarySize: embedding.rotarySize).first - a : 1
    }
    let algorithm = recipe.rotation.algorithm
    plan.products.0 = Self.number(algorithm.rounded(inSecondComponent: false))
    plan.products.1 = Self.number(algorithm.rounded(inSecondComponent: true))
    let table = recipe.table.stored ?? recipe.trig.rounding.stored
    let operands = [recipe.input.stored, table].compactMap { $0 } + recipe.rotation.rounding.formats
    plan.operands_are_narrow =
      recipe.input.stored != nil && table != nil
        && operands.allSatisfy { $0.precision <= 24 && $0.minimumExponent > -200 && $0.maximumExponent < 400 }
      ? 1 : 0
    plan.format_count = Int32(formats.count)
    plan.formats.0 = formats[0]
    plan.formats.1 = formats[formats.count - 1]
    plan.stored_count = Int32(stored.count)
    if let last = stored.last {
      plan.stored.0 = stored[0]
      plan.stored.1 = last
    }
    guard ropedrift_rotation_computes(&plan) != 0 else { return nil }
    self.plan = plan
  }

  private static func formats(_ chain: RoundingChain) -> [ropedrift_narrow_format]? {
    let formats = chain.formats.compactMap(ropedrift_narrow_format.init)
    guard chain.rounding == .nearestEven, formats.count == chain.formats.count, formats.count <= 2 else {
      return nil
    }
    return formats
  }

  private static func number(_ products: RoundedProducts) -> Int32 {
    switch products {
    case .both: Int32(ROPEDRIFT_ROUNDED_BOTH)
    case .first: Int32(ROPEDRIFT_ROUNDED_FIRST)
    case .second: Int32(ROPEDRIFT_ROUNDED_SECOND)
    case .neither: Int32(ROPEDRIFT_ROUNDED_NEITHER)
    }
  }

  /// Rotates vectors.
  ///
  /// - Parameters:
  ///   - vectors: (tokens, d) row-major.
  ///   - cosine: (tokens + firstRow or more, pairs) row-major: token t reads row t + firstRow.
  ///   - sine: likewise.
  ///   - firstRow: see `cosine`.
  ///   - allowsVectors: 0 for none, 1 for the widest, 2 for 256 bits at most.
  /// - Returns: (tokens, d) rotated, and the tokens that the kernel left, where a product that has to be exact is too large or too
  ///   small for its error to be a number, or is not exact; nothing useful stands in their rows.
  func rotate(
    _ vectors: [Double], cosine: [Double], sine: [Double], firstRow: Int,
    allowsVectors: Int32 = KernelPath.ofProcess == .automatic ? 1 : 0
  ) -> (rotated: [Double], left: [Int]) {
    var plan = plan
    let tokens = vectors.count / plan.channels
    precondition(
      min(cosine.count, sine.count) >= (tokens + firstRow) * plan.pairs, "a row of the table for every token")
    var left = [UInt8](repeating: 0, count: tokens)
    let rotated = [Double](unsafeUninitializedCapacity: vectors.count) { result, count in
      cosine.withUnsafeBufferPointer { cosine in
        sine.withUnsafeBufferPointer { sine in
          guard tokens > 0 else { return }
          let offset = firstRow * plan.pairs
          _ = ropedrift_rotate(
            &plan, vectors, cosine.baseAddress.map { $0 + offset }, sine.baseAddress.map { $0 + offset },
            tokens, allowsVectors, result.baseAddress, &left)
        }
      }
      count = tokens * plan.channels
    }
    return (rotated, left.indices.filter { left[$0] != 0 })
  }
}
