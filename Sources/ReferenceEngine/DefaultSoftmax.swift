// The default probabilities of a row: what both the reference and every recipe without a softmax stage of its own use.

import ArbitraryPrecision
import RoundingKernels

/// Softmax of one row in binary64: e_j = RN(exp(RN(s_j − max))), correctly rounded; the sum over keys in ascending order, each
/// partial sum rounded; one division a key.
///
/// Relative error against the exact softmax of the given logits, to first order: below (n + 6)·2^−53 for n keys from exp, sum and
/// division, plus 2^−52·max|s_j − max| from rounding s_j − max. Logits that are themselves correctly rounded to binary64 add
/// 2·2^−53·max|s|, twice: in all below (n + 6)·2^−53 + 2^−50·max|s|. Probabilities below 2^−1022 underflow gradually.
/// Edge cases: an empty row gives nothing; a row with a NaN, with +∞, or with nothing but −∞ gives NaN throughout.
///
/// The kernel decides all but about one exponential in 130 000 by its bound; those, and results below 2^−1021, go to
/// ``CorrectlyRoundedExponential``. The buffers may be one.
///
/// - Parameters:
///   - logits: the row.
///   - probabilities: one place a logit.
///   - path: which way the kernel goes; the bits are the same.
public func defaultSoftmax(
  _ logits: UnsafeBufferPointer<Double>, into probabilities: UnsafeMutableBufferPointer<Double>,
  path: KernelPath = .ofProcess
) {
  guard !logits.isEmpty else { return }
  guard rowExponentials(logits, into: probabilities, path: path) != nil else {
    for index in logits.indices { probabilities[index] = .nan }
    return
  }
  ropedrift_divide_by_sum(probabilities.baseAddress!, logits.count, path.allowsVectors)
}

/// e_j = RN(exp(RN(s_j − max))), correctly rounded, and the maximum; nil, and nothing written, for a row with a NaN, with +∞, or with
/// nothing but −∞.
///
/// - Precondition: the row is not empty.
func rowExponentials(
  _ logits: UnsafeBufferPointer<Double>, into results: UnsafeMutableBufferPointer<Double>, path: KernelPath
) -> Double? {
  let allowsVectors = path.allowsVectors
  var hasNaN: Int32 = 0
  let largest = ropedrift_row_maximum(logits.baseAddress!, logits.count, allowsVectors, &hasNaN)
  if hasNaN != 0 || largest.isInfinite { return nil }
  var undecided = ropedrift_exponentials64(
    logits.baseAddress!, largest, logits.count, allowsVectors, results.baseAddress!)
  var index = 0
  while undecided > 0 {
    // An undecided result is the argument, which is negative.
    if results[index] < 0 {
      results[index] = CorrectlyRoundedExponential.shared(results[index])
      undecided -= 1
    }
    index += 1
  }
  return largest
}
