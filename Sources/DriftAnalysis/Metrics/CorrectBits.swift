// Correct bits are a logarithm, and the logarithms of mathematical libraries differ between machines in the
// last bit. This one is computed in integers.

/// Correct bits of a value with relative error e: −log₂ e, rounded down to a multiple of 2⁻¹⁰ and at most
/// `limit`, the precision of the reference. Negative where the error exceeds the reference; `limit` for e =
/// 0; nil for NaN and infinity.
///
/// With e = m·2^E, 1 ≤ m < 2, squaring m ten times gives ten bits of log₂ m: where a square reaches 2 it is
/// halved and the bit is 1. m carries 127 fractional bits and every squaring is truncated, so the relative
/// error stays below 2⁻¹¹⁵. No binary64 m but 1 lies within 2⁻⁶⁵ of a 2^(k/1024), 0 < k < 1024 (all were
/// checked at 120 digits; they are irrational), so no truncation changes a bit and the result is exact.
public func correctBits(relativeError e: Double, limit: Int = 53) -> Double? {
  guard e.isFinite else { return nil }
  guard e != 0 else { return Double(limit) }
  // Fixed point with 127 fractional bits: 2^127 is 1.
  let significandBits = UInt128(e.magnitude.significand.bitPattern & 0xF_FFFF_FFFF_FFFF | 1 << 52)
  var mantissa = significandBits << 75
  let isPowerOfTwo = mantissa == UInt128(1) << 127
  var logarithm = 0
  for _ in 0..<10 {
    // The product has 254 fractional bits, its high half 126: 2 lies at bit 127 of it.
    let (high, low) = mantissa.multipliedFullWidth(by: mantissa)
    logarithm *= 2
    if high.leadingZeroBitCount == 0 {
      logarithm += 1
      mantissa = high
    } else {
      mantissa = high << 1 | UInt128(low >> 127)
    }
  }
  // log₂ m rounded up, so that −log₂ e is rounded down.
  let units = Int(e.magnitude.exponent) * 1024 + logarithm + (isPowerOfTwo ? 0 : 1)
  return min(-Double(units) / 1024, Double(limit))
}
