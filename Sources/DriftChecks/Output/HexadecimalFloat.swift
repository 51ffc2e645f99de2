// Values in failure messages: hexadecimal floating point, which shows every bit, and the encoding.

import FloatingPointFormats

/// A binary64 number in normalised hexadecimal floating point, `0x1.8p+1`; `NaN`, `INF`, `-INF`, `-0x0p+0`.
func hexadecimalFloat(_ value: Double) -> String {
  if value.isNaN { return "NaN" }
  let sign = value.sign == .minus ? "-" : ""
  if value.isInfinite { return sign + "INF" }
  if value == 0 { return sign + "0x0p+0" }
  // The significand's 52 bits behind the point, normalised also for subnormal values.
  let bits = (value.significand - 1) * 0x1p52
  var digits = String(UInt64(bits.magnitude), radix: 16)
  digits = String(repeating: "0", count: 13 - digits.count) + digits
  while digits.last == "0" { digits.removeLast() }
  let exponent = value.exponent
  return sign + "0x1" + (digits.isEmpty ? "" : "." + digits) + "p" + (exponent < 0 ? "" : "+")
    + String(exponent)
}

extension FloatingPointFormat {
  /// The bits of a value rounded once, to nearest even, into the format.
  func bits(_ value: Double) -> String { hexadecimal(round(ExactValue(value)).encoding) }
}
