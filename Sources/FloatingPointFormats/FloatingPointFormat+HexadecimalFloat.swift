// Hexadecimal floating point, which shows every bit of a value.

extension FloatingPointFormat {
  /// The value of an encoding as a normalised hexadecimal floating-point number, `0x1.8p+1`, also where the encoding is subnormal;
  /// `0x0p+0`, `-0x0p+0`, `INF`, `-INF`, `NaN`.
  public func hexadecimalFloat(_ encoding: UInt64) -> String {
    switch value(of: encoding) {
    case .zero(let isNegative): return isNegative ? "-0x0p+0" : "0x0p+0"
    case .finite(let real):
      let fraction = real.significand << UInt128(real.significand.leadingZeroBitCount + 1)
      var digits = String(fraction, radix: 16)
      digits = String(repeating: "0", count: 32 - digits.count) + digits
      while digits.last == "0" { digits.removeLast() }
      let exponent = real.binaryExponent
      return (real.isNegative ? "-" : "") + "0x1" + (digits.isEmpty ? "" : "." + digits) + "p"
        + (exponent < 0 ? "" : "+") + String(exponent)
    case .nan: return "NaN"
    case .infinity(let isNegative): return isNegative ? "-INF" : "INF"
    }
  }
}
