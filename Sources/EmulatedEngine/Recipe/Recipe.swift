// A recipe: the arithmetic of one implementation as data. The fields stand in the order in which data passes the stages.

import FloatingPointFormats

/// What every stage of an emulated computation rounds, and how.
public struct Recipe: Sendable, Hashable {
  /// The name a user types.
  public var name: String
  /// One sentence.
  public var summary: String
  /// Where the arithmetic was read: a definition, or a repository with path and revision.
  public var source: String

  /// ω_i and the steps that make it.
  public var inverseFrequency: InverseFrequency
  /// The position id.
  public var position: RoundingChain
  /// p·ω_i.
  public var angle: Angle
  /// cos φ and sin φ.
  public var trig: Trig
  /// The stored table.
  public var table: RoundingChain
  /// q and k: stored value to format, once.
  public var input: RoundingChain
  /// Products and sums of the rotation.
  public var rotation: Rotation
  /// The stored rotated q and k, unrotated channels included.
  public var rotated: RoundingChain
  /// The accumulation over the head's channels.
  public var dot: Dot
  /// Stored score, scale, softcap, stored logit.
  public var logit: Logit
  /// Exponentials, sum and normalization of a row; nil for the default probabilities.
  public var softmax: Softmax?
  /// P after the softmax of the row, before the product with the values.
  public var probability: RoundingChain
  /// The product with the values; nil for the exact sum of the stored P·v, rounded once to binary64.
  public var output: Output?

  /// The format in which logits are stored; nil if they stay exact.
  public var logitFormat: FloatingPointFormat? { logit.rounding.stored }

  /// Every rounding chain with the stage that it belongs to, in the order in which data passes them. Chains that a recipe of the
  /// same algorithms never applies are left out.
  public var chains: [(stage: String, chain: RoundingChain)] {
    var chains = [("inverseFrequency", inverseFrequency.rounding), ("position", position)]
    if !angle.operands.isExact { chains.append(("angle.operands", angle.operands)) }
    chains += [
      ("angle", angle.rounding), ("trig", trig.rounding), ("table", table), ("input", input),
      ("rotation", rotation.rounding), ("rotated", rotated),
    ]
    if logit.scaling.scalesOperands { chains.append(("logit.scaledOperand", logit.scaledOperand)) }
    if !dot.queryOperand.isExact { chains.append(("dot.queryOperand", dot.queryOperand)) }
    if !dot.keyOperand.isExact { chains.append(("dot.keyOperand", dot.keyOperand)) }
    chains += [
      ("dot", dot.rounding), ("logit.storedScore", logit.storedScore),
      ("logit.scaleFactor", logit.scaleFactor),
    ]
    if logit.scaling == .insideExponential {
      chains += [
        ("logit.log2e", logit.log2e), ("logit.exponentFactor", logit.exponentFactor),
        ("logit.exponent", logit.exponent),
      ]
    }
    chains.append(("logit", logit.rounding))
    if let softcap = logit.softcap { chains.append(("logit.softcap", softcap.rounding)) }
    return chains + softmaxChains + [("probability", probability)] + outputChains
  }

  private var softmaxChains: [(stage: String, chain: RoundingChain)] {
    guard let softmax else { return [] }
    var chains: [(stage: String, chain: RoundingChain)] = []
    if softmax.exponential == .exp2, logit.scaling != .insideExponential {
      chains.append(("softmax.log2e", softmax.log2e))
    }
    if softmax.exponential != .exp { chains.append(("softmax.exponent", softmax.exponent)) }
    chains += [
      ("softmax.difference", softmax.difference), ("softmax", softmax.rounding),
      ("softmax.sum", softmax.sum.rounding),
    ]
    if let normalization = softmax.normalization {
      chains += normalization.chains("softmax.normalization")
    }
    return chains
  }

  private var outputChains: [(stage: String, chain: RoundingChain)] {
    guard let output else { return [] }
    var chains: [(stage: String, chain: RoundingChain)] = []
    if !output.probabilityOperand.isExact {
      chains.append(("output.probabilityOperand", output.probabilityOperand))
    }
    if !output.valueOperand.isExact { chains.append(("output.valueOperand", output.valueOperand)) }
    chains.append(("output.accumulator", output.accumulator))
    if let normalization = output.normalization {
      chains.append(("output.rescaling", output.rescaling))
      chains += normalization.chains("output.normalization")
    }
    return chains + [("output", output.rounding)]
  }
}

extension Recipe.Normalization {
  fileprivate func chains(_ stage: String) -> [(stage: String, chain: RoundingChain)] {
    (algorithm == .reciprocal ? [(stage + ".reciprocal", reciprocal)] : []) + [(stage, rounding)]
  }
}
