// Unit in the last place of the reference, fast enough for every pair: the power of two is taken from the
// bits of the reference instead of being computed. FloatingPointFormat.unitInLastPlace(at:) stays the
// definition.

import FloatingPointFormats

/// Turns errors into units in the last place of a format.
struct UlpScale {
  let format: FloatingPointFormat
  /// Largest finite value: no ulp is given above it.
  private let largest: Double
  /// 2^emin.
  private let smallestNormal: Double
  /// Bits of 2^(−u) for the least u = e − p + 1 plus the exponent bits of 2^e, e the exponent of the
  /// reference.
  private let inverseBase: UInt64
  /// Whether every ulp of the format and its reciprocal are normal binary64 numbers.
  let isFast: Bool

  init(_ format: FloatingPointFormat) {
    self.format = format
    let (emin, emax, p) = (format.minimumExponent, format.maximumExponent, format.precision)
    isFast = emin >= -1022 && emin - p + 1 >= -1022 && emax <= 1023 && emax - p + 1 <= 1022
    largest = isFast ? format.double(of: format.largestFiniteEncoding(isNegative: false)) : 0
    smallestNormal = isFast ? Double(sign: .plus, exponent: emin, significand: 1) : 0
    inverseBase = UInt64(2045 + p) << 52
  }

  /// out[k] = |e[k]| / ulp(reference[k]), and 0 where no ulp is given; returns how many those are.
  func ulps(
    errors: UnsafePointer<Double>, references: UnsafePointer<Double>, count n: Int,
    into out: UnsafeMutablePointer<Double>
  ) -> Int {
    var missing = 0
    guard isFast else {
      for k in 0..<n {
        if let unit = format.unitInLastPlace(at: references[k]) {
          out[k] = abs(errors[k]) / unit
        } else {
          out[k] = 0
          missing += 1
        }
      }
      return missing
    }
    let (largest, smallestNormal, inverseBase) = (largest, smallestNormal, inverseBase)
    for k in 0..<n {
      let magnitude = abs(references[k])
      let clamped = magnitude > smallestNormal ? magnitude : smallestNormal
      // 2^(−u) has the exponent field 1023 − (e − p + 1), and e + 1023 is the field of the clamped reference.
      let inverse = inverseBase &- (bits(of: clamped) & 0x7FF0_0000_0000_0000)
      out[k] = magnitude > largest ? 0 : abs(errors[k]) * reinterpret(inverse, as: Double.self)
    }
    var signs: UInt64 = 0
    for k in 0..<n { signs |= bits(of: largest - abs(references[k])) }
    guard signs >> 63 != 0 else { return 0 }
    for k in 0..<n where abs(references[k]) > largest { missing += 1 }
    return missing
  }
}
