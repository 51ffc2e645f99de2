// A sum in binary64 that keeps enough of its rounding error for one more rounding to be the right one.

/// a + b rounded to odd in binary64: the sum if it is exact, else the neighbour whose last bit is set.
///
/// Rounding it again, to nearest or in any direction, to a format of at most 51 bits gives the single rounding of the exact sum
/// [Boldo2008]. NaN and infinities are as in a + b.
@inlinable public func sumRoundedToOdd(_ a: Double, _ b: Double) -> Double {
  let sum = a + b
  let virtual = sum - a
  let error = (a - (sum - virtual)) + (b - virtual)
  guard error != 0, sum.isFinite, sum.bitPattern & 1 == 0 else { return sum }
  // The error is not zero, so the sum is not zero either (binary64 sums that cancel are exact).
  let isAwayFromZero = (error > 0) == (sum > 0)
  return Double(bitPattern: isAwayFromZero ? sum.bitPattern + 1 : sum.bitPattern - 1)
}

/// a·b rounded to odd in binary64; nil where the product's rounding error is not a binary64 number (underflow, overflow).
@inlinable public func productRoundedToOdd(_ a: Double, _ b: Double) -> Double? {
  let product = a * b
  guard product.magnitude >= 0x1p-900, product.magnitude <= 0x1p1000 else {
    // Zeros, infinities and NaNs of the operands are exact.
    return a == 0 || b == 0 || !a.isFinite || !b.isFinite ? product : nil
  }
  let error = (-product).addingProduct(a, b)
  guard error != 0, product.bitPattern & 1 == 0 else { return product }
  let isAwayFromZero = (error > 0) == (product > 0)
  return Double(bitPattern: isAwayFromZero ? product.bitPattern + 1 : product.bitPattern - 1)
}

/// a/b rounded to odd in binary64; nil where the residual is not a binary64 number (underflow, overflow).
@inlinable public func quotientRoundedToOdd(_ a: Double, _ b: Double) -> Double? {
  let quotient = a / b
  guard quotient.magnitude >= 0x1p-900, quotient.magnitude <= 0x1p900, a.magnitude >= 0x1p-900,
    b.magnitude <= 0x1p900
  else {
    // Zeros, infinities and NaNs of the operands are exact.
    return a == 0 || b == 0 || !a.isFinite || !b.isFinite ? quotient : nil
  }
  // a − quotient·b is exact; the exact quotient lies beyond the computed one where it has the sign of a.
  let residual = a.addingProduct(-quotient, b)
  guard residual != 0, quotient.bitPattern & 1 == 0 else { return quotient }
  let isAwayFromZero = (residual > 0) == (a > 0)
  return Double(bitPattern: isAwayFromZero ? quotient.bitPattern + 1 : quotient.bitPattern - 1)
}
