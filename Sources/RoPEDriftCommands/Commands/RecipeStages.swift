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
        case "softmax": softmax?.inWords
        case "softmax.sum": softmax?.sum.inWords(isOnline: softmax?.algorithm != .fullRow)
        case "softmax.normalization": softmax?.normalization?.algorithm.rawValue
        case "output.accumulator" where output?.order != .exact: output?.order.spelling
        case "output.normalization": output?.normalization?.algorithm.rawValue
        default: nil
        }
      return (stage, algorithm.map { "\(chain.summary); \($0)" } ?? chain.summary)
    }
  }
}

extension Recipe.Softmax {
  /// The formula and the tiles.
  fileprivate var inWords: String {
    switch algorithm {
    case .fullRow: "\(exponential.rawValue), full row"
    case .online(let tile, let order):
      "\(exponential.rawValue), online, tiles of \(tile.inWords) keys, \(order.spelling)"
    }
  }
}

extension Recipe.Softmax.TileSize {
  fileprivate var inWords: String {
    (upTo.map { "\($0.tile) (d <= \($0.headSize))" } + ["\(otherwise)"]).joined(separator: ", ")
  }
}

extension Recipe.Softmax.Sum {
  fileprivate func inWords(isOnline: Bool) -> String? {
    guard order != .exact else { return nil }
    return order.spelling + (laneWidth == 1 ? "" : ", lanes of \(laneWidth) neighbours")
      + (isOnline ? ", tiles \(tiles.rawValue)" : "")
  }
}
