// Values in failure messages: hexadecimal floating point, which shows every bit, and the encoding.

import FloatingPointFormats

/// A binary64 number in normalised hexadecimal floating point, `0x1.8p+1`; `NaN`, `INF`, `-INF`, `-0x0p+0`.
func hexadecimalFloat(_ value: Double) -> String {
  FloatingPointFormat.fp64.hexadecimalFloat(value.bitPattern)
}

extension FloatingPointFormat {
  /// The bits of a value rounded once, to nearest even, into the format.
  func bits(_ value: Double) -> String { hexadecimal(round(ExactValue(value)).encoding) }
}
