// Single rounding of an exact value into a format. This is the one place where a rounding decision is taken in the plain
// tier; faster paths elsewhere are held to it bit for bit.

/// A value rounded into a format.
public struct RoundedValue: Sendable, Hashable {
  /// The encoding of the result.
  public var encoding: UInt64
  /// Whether the result differs from the exact value.
  public var isInexact: Bool
  /// Whether a finite value, rounded as if the exponent had no upper limit, exceeds the largest finite value.
  public var overflowed: Bool
  /// Whether a non-zero finite value is tiny (|x| < 2^emin before rounding) and inexact.
  public var underflowed: Bool
}

extension FloatingPointFormat {
  /// Rounds an exact value once, straight into this format.
  ///
  /// Edge cases: NaN gives ``nanEncoding``. Infinities stay, become the largest finite value where the format saturates, else
  /// NaN where it has no infinity. Zeros keep their sign. A non-zero value that rounds to zero keeps its sign.
  ///
  /// - Parameters:
  ///   - value: the exact value.
  ///   - rounding: how to choose between the neighbours.
  ///   - counter: for stochastic rounding, where the operation stands.
  public func round(
    _ value: ExactValue, _ rounding: Rounding = .nearestEven, counter: RoundingCounter = RoundingCounter()
  ) -> RoundedValue {
    switch value {
    case .nan: return exactly(nanEncoding)
    case .zero(let negative): return exactly(zeroEncoding(isNegative: negative))
    case .infinity(let negative):
      if saturates { return exactly(largestFiniteEncoding(isNegative: negative)) }
      return exactly(infinityEncoding(isNegative: negative) ?? nanEncoding)
    case .finite(let real): return round(real, rounding, counter: counter)
    }
  }

  private func exactly(_ encoding: UInt64) -> RoundedValue {
    RoundedValue(encoding: encoding, isInexact: false, overflowed: false, underflowed: false)
  }

  private func round(_ real: TruncatedReal, _ rounding: Rounding, counter: RoundingCounter) -> RoundedValue {
    let exponent = real.binaryExponent
    let isTiny = exponent < minimumExponent
    // The gap between the neighbours of the value is 2^gapExponent.
    let gapExponent =
      isTiny && !hasSubnormals ? minimumExponent : max(exponent, minimumExponent) - precision + 1
    let split = real.splitInteger(unitExponent: gapExponent)
    var integer = split.integer
    if split.isInexact {
      switch rounding {
      case .nearestEven:
        if split.half == .above || split.half == .tie && integer & 1 == 1 { integer += 1 }
      case .nearestAway: if split.half != .below { integer += 1 }
      case .towardZero: break
      case .up: if !real.isNegative { integer += 1 }
      case .down: if real.isNegative { integer += 1 }
      case .odd: integer |= 1
      case .stochastic(let seed):
        if Philox.bits(seed: seed, counter: counter) < split.fraction { integer += 1 }
      }
    }
    return assemble(
      integer, gapExponent: gapExponent, isNegative: real.isNegative, isInexact: split.isInexact,
      isTiny: isTiny, rounding)
  }

  /// The encoding of ±integer·2^gapExponent, or the result of overflow.
  private func assemble(
    _ integer: UInt64, gapExponent: Int, isNegative: Bool, isInexact: Bool, isTiny: Bool, _ rounding: Rounding
  ) -> RoundedValue {
    let sign = isNegative ? signMask : 0
    var significand = integer
    var unit = gapExponent
    // Without subnormals the gap below 2^emin is 2^emin: bring the integer 1 to full precision.
    while significand != 0, significand < UInt64(1) << UInt64(precision - 1),
      unit > minimumExponent - precision + 1
    {
      significand <<= 1
      unit -= 1
    }
    if significand == UInt64(1) << UInt64(precision) {
      significand >>= 1
      unit += 1
    }
    let exponent = unit + precision - 1
    if exponent > maximumExponent || exponent == maximumExponent && significand > largestSignificand {
      return RoundedValue(
        encoding: overflow(isNegative: isNegative, rounding), isInexact: true, overflowed: true,
        underflowed: false)
    }
    // A carry from the subnormals into 2^emin needs no care: the significand's leading bit is the field's last.
    let isNormal = significand >> UInt64(precision - 1) != 0
    let field = isNormal ? UInt64(exponent + exponentBias) : 0
    return RoundedValue(
      encoding: sign | field << UInt64(precision - 1) | significand & significandFieldMask,
      isInexact: isInexact, overflowed: false, underflowed: isTiny && isInexact)
  }

  private func overflow(isNegative: Bool, _ rounding: Rounding) -> UInt64 {
    let largest = largestFiniteEncoding(isNegative: isNegative)
    if saturates { return largest }
    let infinity = infinityEncoding(isNegative: isNegative) ?? nanEncoding
    switch rounding {
    case .nearestEven, .nearestAway, .stochastic: return infinity
    case .towardZero, .odd: return largest
    case .up: return isNegative ? largest : infinity
    case .down: return isNegative ? infinity : largest
    }
  }
}

extension TruncatedReal {
  enum HalfComparison { case below, tie, above }

  struct IntegerSplit {
    /// ⌊|x|/unit⌋.
    var integer: UInt64
    /// Whether |x|/unit is no integer.
    var isInexact: Bool
    /// How the fractional part compares with 1/2.
    var half: HalfComparison
    /// ⌊2^64·fractional part⌋.
    var fraction: UInt64
  }

  /// Splits |x| in units of 2^unitExponent, a unit at least 2^−63 times |x|'s binade (so the integer fits).
  func splitInteger(unitExponent: Int) -> IntegerSplit {
    let shift = unitExponent - exponent
    if shift <= 0 {
      // No tail here: a real with a tail has 128 bits, and the unit is coarser than its last bit.
      precondition(!hasTail)
      return IntegerSplit(
        integer: UInt64(significand << UInt128(-shift)), isInexact: false, half: .below, fraction: 0)
    }
    if shift > 192 {
      return IntegerSplit(integer: 0, isInexact: true, half: .below, fraction: 0)
    }
    let integer = shift >= 128 ? 0 : UInt64(significand >> UInt128(shift))
    // The fraction, aligned so that its first bit is bit 127; what falls off below is part of the tail.
    var tail = hasTail
    let aligned: UInt128
    if shift <= 128 {
      aligned = shift == 128 ? significand : significand << UInt128(128 - shift)
    } else {
      aligned = significand >> UInt128(shift - 128)
      if significand.trailingZeroBitCount < shift - 128 { tail = true }
    }
    let halfway = UInt128(1) << 127
    let half: HalfComparison =
      aligned > halfway || aligned == halfway && tail ? .above : aligned == halfway ? .tie : .below
    return IntegerSplit(
      integer: integer, isInexact: aligned != 0 || tail, half: half, fraction: UInt64(aligned >> 64))
  }
}
