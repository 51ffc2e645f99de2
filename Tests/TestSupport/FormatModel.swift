// A second description of the formats, from their definitions and in the plainest arithmetic, for tests to hold the
// product against. Nothing here calls the code under test.

import FloatingPointFormats

/// A format as a test sees it: parameters, value of an encoding, encoding of a value.
public struct FormatModel: Sendable, CustomStringConvertible {
  /// The name under which the product knows it.
  public let name: String
  /// p.
  public let precision: Int
  /// emin.
  public let emin: Int
  /// emax.
  public let emax: Int
  /// Whether there are subnormals.
  public let hasSubnormals: Bool
  /// Whether the topmost encoding is the only NaN and there is no infinity.
  public let isNaNOnly: Bool
  /// Whether overflow gives the largest finite value.
  public let saturates: Bool

  /// A model.
  public init(
    _ name: String, _ precision: Int, _ emin: Int, _ emax: Int, hasSubnormals: Bool = true,
    isNaNOnly: Bool = false,
    saturates: Bool = false
  ) {
    self.name = name
    self.precision = precision
    self.emin = emin
    self.emax = emax
    self.hasSubnormals = hasSubnormals
    self.isNaNOnly = isNaNOnly
    self.saturates = saturates
  }

  /// The name.
  public var description: String { name }

  /// The product's format of that name.
  public var format: FloatingPointFormat {
    get throws { try FloatingPointFormat(spelling: name) }
  }

  /// bfloat16.
  public static let bf16 = FormatModel("bf16", 8, -126, 127)
  /// binary16.
  public static let fp16 = FormatModel("fp16", 11, -14, 15)
  /// binary32.
  public static let fp32 = FormatModel("fp32", 24, -126, 127)
  /// TensorFloat-32.
  public static let tf32 = FormatModel("tf32", 11, -126, 127)
  /// binary64.
  public static let fp64 = FormatModel("fp64", 53, -1022, 1023)
  /// FP8 E4M3 without infinities.
  public static let e4m3fn = FormatModel("fp8-e4m3fn", 4, -6, 8, isNaNOnly: true)
  /// FP8 E5M2.
  public static let e5m2 = FormatModel("fp8-e5m2", 3, -14, 15)

  /// Formats whose encodings are few enough to visit all.
  public static let tiny: [FormatModel] = [
    .e4m3fn, .e5m2,
    FormatModel("fp8-e4m3fn-saturating", 4, -6, 8, isNaNOnly: true, saturates: true),
    FormatModel("fp8-e5m2-saturating", 3, -14, 15, saturates: true),
    FormatModel("p5e-2:3", 5, -2, 3),
    FormatModel("p5e-2:3-nosubnormals", 5, -2, 3, hasSubnormals: false),
    FormatModel("p5e-2:3-saturating", 5, -2, 3, saturates: true),
    FormatModel("p3e-6:7", 3, -6, 7),
    FormatModel("p3e-6:7-nosubnormals-saturating", 3, -6, 7, hasSubnormals: false, saturates: true),
    FormatModel("p2e0:0", 2, 0, 0),
    FormatModel("p4e-3:2-noinfinity", 4, -3, 2, isNaNOnly: true),
    FormatModel("p4e-3:3-noinfinity-nosubnormals", 4, -3, 3, hasSubnormals: false, isNaNOnly: true),
  ]

  /// Significand bits stored.
  public var storedBits: Int { precision - 1 }

  /// The largest finite value.
  public var largest: Double {
    let unit = exp2i(emax - precision + 1)
    let allOnes = Double((UInt64(1) << UInt64(precision)) - 1)
    // The field of emax is the topmost one of a format without infinities exactly where it is all ones.
    let field = emax - emin + 1
    let topmostIsNaN = isNaNOnly && field & (field + 1) == 0
    return (topmostIsNaN ? allOnes - 1 : allOnes) * unit
  }

  /// The smallest positive value.
  public var smallest: Double { exp2i(hasSubnormals ? emin - precision + 1 : emin) }

  /// Encoding of the largest finite value, without sign.
  public var largestEncoding: UInt64 { magnitudeEncoding(largest) }

  /// The sign bit.
  public var signBit: UInt64 {
    var width = 1
    while (1 << width) < emax - emin + 2 + (isNaNOnly ? 0 : 1) { width += 1 }
    return UInt64(1) << UInt64(width + precision - 1)
  }

  /// The value of a finite encoding by the textbook formula.
  public func value(_ encoding: UInt64) -> Double {
    let magnitude = encoding & (signBit - 1)
    let field = Int(magnitude >> UInt64(storedBits))
    let fraction = Double(magnitude & ((UInt64(1) << UInt64(storedBits)) - 1))
    var value: Double
    if field == 0 {
      value = hasSubnormals ? fraction * exp2i(emin - storedBits) : 0
    } else {
      value = (exp2i(storedBits) + fraction) * exp2i(field - 1 + emin - storedBits)
    }
    if encoding & signBit != 0 { value = -value }
    return value
  }

  /// The encoding of a value that the format has.
  public func encoding(_ value: Double) -> UInt64 {
    magnitudeEncoding(value.magnitude) | (value.sign == .minus ? signBit : 0)
  }

  private func magnitudeEncoding(_ value: Double) -> UInt64 {
    if value == 0 { return 0 }
    if value.isInfinite { return UInt64(emax - emin + 2).roundedUpToOnes << UInt64(storedBits) }
    let exponent = Swift.max(Int(value.exponent), emin)
    let integer = UInt64(value / exp2i(exponent - storedBits))
    let hidden = UInt64(1) << UInt64(storedBits)
    return integer < hidden ? integer : UInt64(exponent - emin + 1) << UInt64(storedBits) | (integer - hidden)
  }
}

extension UInt64 {
  fileprivate var roundedUpToOnes: UInt64 { (1 << UInt64(64 - leadingZeroBitCount)) - 1 }
}

/// 2^e as binary64, for −1074 ≤ e ≤ 1023.
public func exp2i(_ e: Int) -> Double {
  precondition(e >= -1074 && e <= 1023)
  return e >= -1022
    ? Double(bitPattern: UInt64(e + 1023) << 52) : Double(bitPattern: UInt64(1) << UInt64(e + 1074))
}

/// The six roundings that are functions of the value alone.
public let deterministicRoundings: [Rounding] = [
  .nearestEven, .nearestAway, .towardZero, .up, .down, .odd,
]

/// All seven, the last with a seed.
public let allRoundings: [Rounding] = deterministicRoundings + [.stochastic(seed: 7)]
