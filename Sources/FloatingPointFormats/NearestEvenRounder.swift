// The fast tier of rounding to nearest even, for the inner loops of emulation. Held to FloatingPointFormat.round bit for bit.

/// Rounds binary64 numbers to nearest even into a format of at most 50 bits inside binary64, by one addition and subtraction.
///
/// For |x| in the binade 2^e the gap of the format is q = 2^(max(e, emin) − p + 1). Adding and subtracting 1.5·2^52·q in
/// binary64 rounds x to a multiple of q, ties to even, because that sum lies in a binade whose own gap is q.
/// For a sum or product of two numbers of a format with p ≤ 24, binary64 arithmetic followed by this rounding is the single
/// rounding of the exact result: 53 ≥ 2p + 2 [Figueroa1995]; products are exact and tiny sums too.
public struct NearestEvenRounder: Sendable {
  @usableFromInline let minimumExponentField: UInt64
  @usableFromInline let magicOffset: UInt64
  @usableFromInline let largest: Double
  @usableFromInline let aboveLargest: Double

  /// A rounder, or nil where the format is not fit for it: p > 50, no subnormals, or a range too close to binary64's own.
  public init?(_ format: FloatingPointFormat) {
    guard format.precision <= 50, format.hasSubnormals, format.isSubset(of: .fp64),
      format.minimumExponent >= -900, format.maximumExponent <= 900
    else { return nil }
    minimumExponentField = UInt64(format.minimumExponent + 1023)
    // Exponent field of 1.5·2^52·q minus the field of 2^e: 52 − p + 1.
    magicOffset = UInt64(53 - format.precision)
    largest = format.double(of: format.largestFiniteEncoding(isNegative: false))
    aboveLargest =
      format.saturates ? largest : format.specialValues == .nanOnly ? .nan : .infinity
  }

  /// `x` rounded once.
  @inlinable @inline(__always) public func callAsFunction(_ x: Double) -> Double {
    let field = max(x.bitPattern >> 52 & 0x7FF, minimumExponentField)
    // Numbers near the top of binary64, infinities and NaNs are beyond every such format.
    guard field < 1023 + 902 else { return extreme(x) }
    let magic = Double(bitPattern: (field + magicOffset) << 52 | 1 << 51)
    let magnitude = (x.magnitude + magic) - magic
    guard magnitude <= largest else { return overflow(x) }
    return x.sign == .minus ? -magnitude : magnitude
  }

  @usableFromInline func extreme(_ x: Double) -> Double { x.isNaN ? .nan : overflow(x) }

  /// Above the largest finite value: the NaN of a format without infinities is positive.
  @usableFromInline func overflow(_ x: Double) -> Double {
    aboveLargest.isNaN || x.sign == .plus ? aboveLargest : -aboveLargest
  }
}
