// What a recipe stores on its way from positions to outputs: the tensors in which another implementation can be compared with it.

import FloatingPointFormats
import RotaryAttention

/// The tensors that attention with a rotary embedding stores, or could be made to show.
public enum StoredTensor: String, Sendable, Hashable, CaseIterable {
  /// The table's cosines, times the attention factor: [tokens, r/2].
  case cosine = "cos"
  /// The table's sines, times the attention factor: [tokens, r/2].
  case sine = "sin"
  /// The rotated queries before the dot product scales or rounds its operands: [query heads, query tokens, d].
  case rotatedQuery = "rotated_q"
  /// The rotated keys, likewise: [key heads, key tokens, d].
  case rotatedKey = "rotated_k"
  /// The logits, scaled and capped: [query heads, query tokens, key tokens].
  case logits
  /// The probabilities, as ``EmulatedHead/attention(queries:keys:values:probabilities:stride:outputs:)`` gives them:
  /// [query heads, query tokens, key tokens].
  case probabilities
  /// The outputs: [query heads, query tokens, d].
  case output

  /// Whether there is a value for every pair of query and key.
  public var isPairwise: Bool { self == .logits || self == .probabilities }
  /// Whether whole rows of logits are computed for it.
  public var needsRows: Bool { isPairwise || self == .output }

  /// The tensor's name in a file: `layers.{layer}.rotated_q`.
  public func name(layer: Int) -> String { "layers.\(layer).\(rawValue)" }
}

extension Recipe {
  /// The formats whose values a stored tensor consists of; nil where some of its values are exact reals, which no format holds.
  ///
  /// More than one where rotated channels and those that are not rotated are stored differently.
  ///
  /// - Parameters:
  ///   - tensor: which.
  ///   - embedding: whether there are channels that are not rotated.
  ///   - input: the format of the stored q or k, which counts where the recipe leaves it as it is.
  ///   - isCapped: whether the problem has a softcap, which may come after the scale and then stores the logit.
  public func formats(
    of tensor: StoredTensor, embedding: RotaryEmbedding, input stored: FloatingPointFormat, isCapped: Bool
  ) -> [FloatingPointFormat]? {
    switch tensor {
    case .cosine, .sine: return (table.stored ?? trig.rounding.stored).map { [$0] }
    case .rotatedQuery, .rotatedKey:
      if let format = rotated.stored { return [format] }
      guard let format = rotation.rounding.stored else { return nil }
      return embedding.rotarySize == embedding.headSize ? [format] : [format, input.stored ?? stored]
    case .logits:
      return (endsInSoftcap(isCapped) ? logit.softcap!.rounding : logit.rounding).stored.map { [$0] }
    case .probabilities:
      // Of an online softmax they are normalized in binary64, and the default softmax is in it.
      if let softmax, softmax.algorithm != .fullRow { return [.fp64] }
      if let format = probability.stored { return [format] }
      guard let softmax else { return [.fp64] }
      return softmax.normalization?.rounding.stored.map { [$0] }
    case .output:
      guard let output else { return [.fp64] }
      let last = output.normalization?.rounding ?? output.accumulator
      return (output.rounding.stored ?? last.stored).map { [$0] }
    }
  }

  /// Whether the softcap's last product is what is stored as the logit.
  private func endsInSoftcap(_ isCapped: Bool) -> Bool {
    isCapped && logit.softcap?.algorithm == .afterScale
  }

  /// The recipe with one tensor rounded at last, once, to nearest even in a format, for a tensor that it leaves exact. What comes
  /// before the tensor is as it was; what comes after it is not to be used. Nil for logits that end in an exact softcap, whose
  /// steps have one rounding in common.
  public func rounding(_ tensor: StoredTensor, to format: FloatingPointFormat, isCapped: Bool) -> Recipe? {
    var recipe = self
    let chain = RoundingChain([format])
    switch tensor {
    case .cosine, .sine: recipe.table = chain
    case .rotatedQuery, .rotatedKey: recipe.rotated = chain
    case .logits:
      if endsInSoftcap(isCapped) { return nil }
      recipe.logit.rounding = chain
    case .probabilities: recipe.probability = chain
    case .output: recipe.output?.rounding = chain
    }
    return recipe
  }
}

extension RotaryTable {
  /// (positions, pairs), row-major: the stored cosines and sines; nil where some are exact reals.
  public var storedNumbers: (cosine: [Double], sine: [Double])? {
    switch storage {
    case .numbers(let cosine, let sine): return (cosine, sine)
    case .exact: return nil
    case .values(let rows):
      var cosine: [Double] = []
      var sine: [Double] = []
      for entry in rows.joined() {
        guard case .number(let c) = entry.cosine, case .number(let s) = entry.sine else { return nil }
        cosine.append(c)
        sine.append(s)
      }
      return (cosine, sine)
    }
  }
}

extension Emulation {
  /// (tokens, d), row-major: the stored rotated vectors of one head, where token t has row t + firstRow of the table; nil where
  /// some are exact reals.
  ///
  /// - Throws: ``UndecidedRounding``.
  public func storedVectors(
    _ input: InputMatrix, table: RotaryTable, firstRow: Int, side: VectorPlace.Side, layer: Int, head: Int
  ) throws -> [Double]? {
    let matrix = try storedMatrix(
      input, table: table, firstRow: firstRow, side: side, layer: layer, head: head)
    if case .numbers(let values) = matrix { return values }
    return nil
  }
}
