// A recipe's stages as `recipes NAME` shows them.

import RoPEDrift

extension Recipe {
  /// What each stage does, in the order in which data passes them.
  var stagesInWords: [(stage: String, words: String)] {
    chains.map { stage, chain in
      switch stage {
      case "inverseFrequency": (stage, "\(chain.summary); \(inverseFrequency.formula.rawValue)")
      case "rotation": (stage, "\(chain.summary); \(rotation.algorithm.rawValue)")
      case "dot": (stage, dot.order == .exact ? "exact" : "\(chain.summary); \(dot.order.rawValue)")
      default: (stage, chain.summary)
      }
    }
  }
}
