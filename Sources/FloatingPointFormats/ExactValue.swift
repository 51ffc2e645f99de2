// The common currency of the rounding rules: an exact value before it is rounded, and the value that an encoding has.

/// A number before rounding: NaN, an infinity, a signed zero, or a finite non-zero real.
public enum ExactValue: Sendable, Hashable {
  /// Not a number.
  case nan
  /// An infinity.
  case infinity(isNegative: Bool)
  /// A zero and its sign.
  case zero(isNegative: Bool)
  /// A finite non-zero real.
  case finite(TruncatedReal)

  /// The value of a binary64 number, exactly.
  public init(_ value: Double) {
    if value.isNaN {
      self = .nan
    } else if value.isInfinite {
      self = .infinity(isNegative: value < 0)
    } else if value == 0 {
      self = .zero(isNegative: value.sign == .minus)
    } else {
      let bits = value.bitPattern
      let field = Int(bits >> 52) & 0x7FF
      let fraction = bits & 0xF_FFFF_FFFF_FFFF
      self = .finite(
        TruncatedReal(
          isNegative: value < 0, significand: UInt128(field == 0 ? fraction : fraction | 1 << 52),
          exponent: max(field, 1) - 1075))
    }
  }

  /// Whether the sign is negative; NaN has none.
  public var isNegative: Bool {
    switch self {
    case .nan: false
    case .infinity(let negative), .zero(let negative): negative
    case .finite(let real): real.isNegative
    }
  }

  /// The value with its sign changed.
  public var negated: ExactValue {
    switch self {
    case .nan: return .nan
    case .infinity(let negative): return .infinity(isNegative: !negative)
    case .zero(let negative): return .zero(isNegative: !negative)
    case .finite(var real):
      real.isNegative.toggle()
      return .finite(real)
    }
  }
}

/// A finite non-zero real ±(S + t)·2^exponent with an integer S and a tail 0 ≤ t < 1 of which only "zero or not" is kept.
///
/// A dyadic rational of up to 128 bits has no tail. Longer values and irrational ones are truncated to their leading 128
/// bits, which is all that single rounding to at most 63 bits, stochastic included, depends on.
public struct TruncatedReal: Sendable, Hashable {
  /// The sign.
  public var isNegative: Bool
  /// S, not zero; with its topmost bit set where there is a tail.
  public var significand: UInt128
  /// The weight of the last bit of S.
  public var exponent: Int
  /// Whether t > 0.
  public var hasTail: Bool

  /// A dyadic rational ±significand·2^exponent, or with a tail, a real that lies strictly above it in magnitude and below
  /// ±(significand + 1)·2^exponent.
  ///
  /// - Precondition: `significand` is not zero; where `hasTail`, its topmost bit is set.
  public init(isNegative: Bool, significand: UInt128, exponent: Int, hasTail: Bool = false) {
    precondition(significand != 0, "a finite non-zero real has a non-zero significand")
    precondition(!hasTail || significand.leadingZeroBitCount == 0, "a truncated real keeps 128 leading bits")
    self.isNegative = isNegative
    self.significand = significand
    self.exponent = exponent
    self.hasTail = hasTail
  }

  /// A dyadic rational of any length, truncated to its leading 128 bits: the integer with the given 64-bit words, least
  /// significant first, times 2^exponent; `hasTail` says that the value lies above that integer.
  ///
  /// Returns nil for zero words. With `hasTail`, the words must hold at least 128 significant bits.
  public init?(
    isNegative: Bool, words: some BidirectionalCollection<UInt64>, exponent: Int, hasTail: Bool = false
  ) {
    var significand: UInt128 = 0
    var filled = 0
    var dropped = 0
    var tail = hasTail
    for word in words.reversed() {
      if filled == 0 {
        significand = UInt128(word)
        filled = 64 - word.leadingZeroBitCount
      } else {
        let taken = min(64, 128 - filled)
        if taken > 0 { significand = significand << UInt128(taken) | UInt128(word) >> UInt128(64 - taken) }
        filled += taken
        dropped += 64 - taken
        if taken < 64, word & (UInt64.max >> UInt64(taken)) != 0 { tail = true }
      }
    }
    guard filled > 0 else { return nil }
    self.init(isNegative: isNegative, significand: significand, exponent: exponent + dropped, hasTail: tail)
  }

  /// Whether two reals are the same number, however their significands are aligned; a tail equals any other tail above the
  /// same leading bits.
  public static func == (a: TruncatedReal, b: TruncatedReal) -> Bool {
    a.isNegative == b.isNegative && a.hasTail == b.hasTail && a.binaryExponent == b.binaryExponent
      && a.leadingBits == b.leadingBits
  }

  /// Hashes what equality compares.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(isNegative)
    hasher.combine(hasTail)
    hasher.combine(binaryExponent)
    hasher.combine(leadingBits)
  }

  private var leadingBits: UInt128 { significand << UInt128(significand.leadingZeroBitCount) }

  /// ⌊log₂|x|⌋.
  public var binaryExponent: Int { exponent + 127 - significand.leadingZeroBitCount }
}
