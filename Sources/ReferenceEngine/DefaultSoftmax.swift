// The default probabilities of a row: what both the reference and every recipe without a softmax stage of its own use.

import ArbitraryPrecision

/// Softmax of one row in binary64: e_j = RN(exp(RN(s_j − max))), correctly rounded; the sum over keys in ascending order, each
/// partial sum rounded; one division a key.
///
/// Relative error against the exact softmax of the given logits, to first order: below (n + 6)·2^−53 for n keys from exp, sum and
/// division, plus 2^−52·max|s_j − max| from rounding s_j − max. Logits that are themselves correctly rounded to binary64 add
/// 2·2^−53·max|s|, twice: in all below (n + 6)·2^−53 + 2^−50·max|s|. Probabilities below 2^−1022 underflow gradually.
/// Edge cases: an empty row gives nothing; a row with a NaN, with +∞, or with nothing but −∞ gives NaN throughout.
public func defaultSoftmax(
  _ logits: UnsafeBufferPointer<Double>, into probabilities: UnsafeMutableBufferPointer<Double>
) {
  var largest = -Double.infinity
  var hasNaN = false
  for logit in logits {
    if logit > largest { largest = logit }
    if logit.isNaN { hasNaN = true }
  }
  if hasNaN || largest.isInfinite {
    for index in logits.indices { probabilities[index] = .nan }
    return
  }
  let exponential = CorrectlyRoundedExponential.shared
  var sum = 0.0
  for index in logits.indices {
    let value = exponential(logits[index] - largest)
    probabilities[index] = value
    sum += value
  }
  for index in logits.indices { probabilities[index] /= sum }
}
