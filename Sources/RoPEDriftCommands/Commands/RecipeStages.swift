// A recipe's stages as `recipes NAME` shows them.

import RoPEDrift

extension Recipe {
  /// What each stage does, in the order in which data passes them.
  var stagesInWords: [(stage: String, words: String)] {
    chains.map { stage, chain in
      let algorithm: String? =
        switch stage {
        case "inverseFrequency": inverseFrequency.formula.rawValue
        case "angle" where angle.algorithm != .product: angle.algorithm.rawValue
        case "trig": trig.ulpModel.map { "modelled within \($0.bound) ulp, seed \($0.seed)" }
        case "rotation": rotation.algorithm.rawValue
        case "dot" where dot.order != .exact: dot.order.spelling
        case "logit" where logit.scaling != .afterScore: logit.scaling.rawValue
        case "logit.softcap": logit.softcap?.algorithm.rawValue
        default: nil
        }
      return (stage, algorithm.map { "\(chain.summary); \($0)" } ?? chain.summary)
    }
  }
}
