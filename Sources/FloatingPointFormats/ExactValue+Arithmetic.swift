// Sums and products of binary64 operands before rounding, so that an operation in any narrower format is rounded once, from
// its exact result. The plain tier of emulation is built on these three functions.

extension ExactValue {
  /// The exact product of two binary64 numbers. Inf·0 is NaN; the sign of a zero is the product of the signs.
  public static func product(_ a: Double, _ b: Double) -> ExactValue {
    product(ExactValue(a), ExactValue(b))
  }

  private static func product(_ a: ExactValue, _ b: ExactValue) -> ExactValue {
    let negative = a.isNegative != b.isNegative
    switch (a, b) {
    case (.nan, _), (_, .nan), (.infinity, .zero), (.zero, .infinity): return .nan
    case (.infinity, _), (_, .infinity): return .infinity(isNegative: negative)
    case (.zero, _), (_, .zero): return .zero(isNegative: negative)
    case (.finite(let x), .finite(let y)):
      // 53-bit significands: 106 bits, no tail.
      return .finite(
        TruncatedReal(
          isNegative: negative, significand: x.significand * y.significand, exponent: x.exponent + y.exponent)
      )
    }
  }

  /// The exact sum of two binary64 numbers. ∞ − ∞ is NaN. An exact zero from operands of opposite sign is +0, or −0 when
  /// rounding down [IEEE754, §6.3].
  public static func sum(_ a: Double, _ b: Double, _ rounding: Rounding = .nearestEven) -> ExactValue {
    sum(ExactValue(a), ExactValue(b), rounding)
  }

  /// The exact a·b + c of three binary64 numbers, as fused multiply-add rounds it.
  public static func productSum(
    _ a: Double, _ b: Double, _ c: Double, _ rounding: Rounding = .nearestEven
  ) -> ExactValue {
    sum(product(ExactValue(a), ExactValue(b)), ExactValue(c), rounding)
  }

  /// - Precondition: finite operands have at most 106 significant bits and no tail.
  private static func sum(_ a: ExactValue, _ b: ExactValue, _ rounding: Rounding) -> ExactValue {
    switch (a, b) {
    case (.nan, _), (_, .nan): return .nan
    case (.infinity(let x), .infinity(let y)): return x == y ? a : .nan
    case (.infinity, _): return a
    case (_, .infinity): return b
    case (.zero(let x), .zero(let y)):
      return .zero(isNegative: x == y ? x : rounding == .down)
    case (.zero, _): return b
    case (_, .zero): return a
    case (.finite(let x), .finite(let y)):
      return TruncatedReal.sum(x, y).map(ExactValue.finite) ?? .zero(isNegative: rounding == .down)
    }
  }
}

extension TruncatedReal {
  /// The exact sum of two dyadic rationals of at most 126 bits, truncated to 128 bits where it is longer; nil for zero.
  static func sum(_ a: TruncatedReal, _ b: TruncatedReal) -> TruncatedReal? {
    precondition(!a.hasTail && !b.hasTail)
    let (large, small) = a.binaryExponent >= b.binaryExponent ? (a, b) : (b, a)
    // The larger operand's leading bit goes to bit 126, which leaves room for a carry, or to bit 127 where there is none, so
    // that a truncated result keeps 127 bits at least: what stochastic rounding to 63 bits reads.
    let room = a.isNegative == b.isNegative ? 1 : 0
    let lift = large.significand.leadingZeroBitCount - room
    let exponent = large.exponent - lift
    let augend = large.significand << UInt128(lift)
    let shift = small.exponent - exponent
    var addend: UInt128
    var hasTail = false
    if shift >= 0 {
      addend = small.significand << UInt128(shift)
    } else if shift > -128 {
      addend = small.significand >> UInt128(-shift)
      hasTail = small.significand.trailingZeroBitCount < -shift
    } else {
      addend = 0
      hasTail = true
    }
    var significand: UInt128
    var isNegative = large.isNegative
    if a.isNegative == b.isNegative {
      significand = augend + addend
    } else {
      if addend > augend {
        // Same leading exponent: the operands are exact here, and the smaller in exponent order was the greater.
        (significand, isNegative) = (addend - augend, !isNegative)
      } else {
        significand = augend - addend
      }
      // large − (addend + t) = (large − addend − 1) + (1 − t).
      if hasTail { significand -= 1 }
    }
    guard significand != 0 else { return nil }
    return normalized(isNegative: isNegative, significand, exponent: exponent, hasTail: hasTail)
  }

  /// Brings the leading bit of a truncated sum to the top. With a tail the operands' exponents differ by more than 20, so
  /// that at most one leading bit is lost, and the bit shifted in below is only "more than zero, less than one unit".
  private static func normalized(
    isNegative: Bool, _ significand: UInt128, exponent: Int, hasTail: Bool
  ) -> TruncatedReal {
    guard hasTail else {
      return TruncatedReal(isNegative: isNegative, significand: significand, exponent: exponent)
    }
    // Appending a one keeps "strictly between": the value S + t, 0 < t < 1, is written (2S + 1)·½ + tail, which rounds
    // alike to at most 63 bits because every rounding boundary lies at a multiple of a much coarser unit.
    let shift = significand.leadingZeroBitCount
    let filler = shift == 0 ? UInt128(0) : UInt128(1) << UInt128(shift - 1)
    return TruncatedReal(
      isNegative: isNegative, significand: significand << UInt128(shift) | filler, exponent: exponent - shift,
      hasTail: true)
  }
}

extension ExactValue {
  /// The exact a·b + c·d of four binary64 numbers, for an operation that rounds only its sum.
  public static func sumOfProducts(
    _ a: Double, _ b: Double, _ c: Double, _ d: Double, _ rounding: Rounding = .nearestEven
  ) -> ExactValue {
    sum(product(ExactValue(a), ExactValue(b)), product(ExactValue(c), ExactValue(d)), rounding)
  }
}
