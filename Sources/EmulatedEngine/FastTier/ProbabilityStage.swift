// The probability stage: the default softmax of the row, then what the recipe rounds P to.

import FloatingPointFormats
import ReferenceEngine

extension Emulation {
  /// The probabilities of one row of logits.
  ///
  /// - Parameters:
  ///   - logits: the visible keys' logits.
  ///   - query: the query's index, for stochastic rounding, as `layer` and `head`.
  ///   - probabilities: one place a logit.
  public func probabilities(
    _ logits: UnsafeBufferPointer<Double>, query: Int, layer: Int, head: Int,
    into probabilities: UnsafeMutableBufferPointer<Double>
  ) {
    defaultSoftmax(logits, into: probabilities)
    guard !recipe.probability.isExact else { return }
    let first = ScorePlace(query: query, key: 0, layer: layer, head: head).counter(.probability)
    if let rounding = ArrayRoundingChain(recipe.probability) {
      rounding.round(UnsafeMutableBufferPointer(rebasing: probabilities[..<logits.count]), first)
      return
    }
    let arithmetic = ScalarArithmetic(recipe.probability)
    for index in logits.indices {
      probabilities[index] = arithmetic.round(
        probabilities[index],
        ScorePlace(query: query, key: index, layer: layer, head: head).counter(.probability))
    }
  }
}
