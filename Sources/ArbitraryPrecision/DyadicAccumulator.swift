// Exact sums of products of binary64 numbers: the integers behind the decision of exact and tie cases.

import CMPFR

/// An exact sum of products of two finite binary64 numbers, as an integer multiple of 2^−2148 (the smallest such product).
public struct DyadicAccumulator: ~Copyable {
  private static let unitExponent = -2148
  private let total: UnsafeMutablePointer<__mpz_struct>
  private let term: UnsafeMutablePointer<__mpz_struct>

  /// Zero.
  public init() {
    total = .allocate(capacity: 1)
    term = .allocate(capacity: 1)
    __gmpz_init(total)
    __gmpz_init(term)
  }

  deinit {
    __gmpz_clear(total)
    __gmpz_clear(term)
    total.deallocate()
    term.deallocate()
  }

  /// Adds a·b exactly.
  ///
  /// - Precondition: both are finite.
  public mutating func addProduct(_ a: Double, _ b: Double) {
    precondition(a.isFinite && b.isFinite)
    if a == 0 || b == 0 { return }
    let (x, y) = (Self.integral(a), Self.integral(b))
    __gmpz_set_si(term, x.significand)
    __gmpz_mul_si(term, term, y.significand)
    __gmpz_mul_2exp(term, term, UInt(x.exponent + y.exponent - Self.unitExponent))
    __gmpz_add(total, total, term)
  }

  /// Adds another sum exactly.
  public mutating func add(_ other: borrowing DyadicAccumulator) { __gmpz_add(total, total, other.total) }

  /// −1, 0 or 1.
  public var sign: Int { Int(ropedrift_mpz_sign(total)) }

  /// The value, exactly.
  public var rational: Rational {
    let unit = Rational(0x1p-1074)
    let result = unit * unit
    let integer = Rational(1)
    __gmpz_set(ropedrift_mpq_numerator(integer.storage), total)
    return result * integer
  }

  /// ±significand·2^exponent with an integral significand.
  private static func integral(_ value: Double) -> (significand: Int, exponent: Int) {
    let bits = value.bitPattern
    let field = Int(bits >> 52) & 0x7FF
    let fraction = Int(bits & 0xF_FFFF_FFFF_FFFF)
    let magnitude = field == 0 ? fraction : fraction | 1 << 52
    return (value < 0 ? -magnitude : magnitude, max(field, 1) - 1075)
  }
}
