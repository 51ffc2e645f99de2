// The one definition of "unit in the last place" that every error figure of the package uses.

extension FloatingPointFormat {
  /// ulp_F(x) = 2^(max(⌊log₂|x|⌋, emin) − p + 1), with emin for x = 0: the gap of this format's values in x's binade.
  ///
  /// Nil where x is not finite or lies above the largest finite value, and where the gap is below binary64's smallest value.
  public func unitInLastPlace(at x: Double) -> Double? {
    guard x.isFinite else { return nil }
    let exponent = x == 0 ? minimumExponent : max(Int(x.exponent), minimumExponent)
    if exponent > maximumExponent { return nil }
    // Beyond 53 bits this rounds up, and no binary64 number of the binade lies above the largest value.
    let largest = Double(
      sign: .plus, exponent: maximumExponent - precision + 1, significand: Double(largestSignificand))
    if exponent == maximumExponent, abs(x) > largest { return nil }
    let unit = exponent - precision + 1
    guard unit >= -1074 else { return nil }
    return Double(sign: .plus, exponent: unit, significand: 1)
  }
}
