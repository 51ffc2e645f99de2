// One MPFR number whose storage is freed when its scope ends: the scalar of the slow, exact paths.

import CMPFR
import FloatingPointFormats

/// A pointer to an MPFR number that somebody else owns (an ``MPFRNumber`` or an ``MPFRArena``).
public typealias MPFRPointer = UnsafeMutablePointer<__mpfr_struct>

/// An owned MPFR number [Fousse2007]. Non-copyable: its limbs are freed exactly once.
///
/// Operations are MPFR's own, called through ``pointer``; every one of them returns MPFR's ternary value and is correctly
/// rounded to ``precision`` bits. A new number is NaN.
public struct MPFRNumber: ~Copyable {
  /// The number, for MPFR functions.
  public let pointer: MPFRPointer

  /// A NaN of a precision in bits.
  public init(precision: Int) {
    pointer = .allocate(capacity: 1)
    mpfr_init2(pointer, mpfr_prec_t(precision))
  }

  /// A binary64 number, exactly where `precision` ≥ 53.
  public init(_ value: Double, precision: Int) {
    self.init(precision: precision)
    mpfr_set_d(pointer, value, MPFR_RNDN)
  }

  /// An integer, exactly where `precision` ≥ 63.
  public init(_ value: Int, precision: Int) {
    self.init(precision: precision)
    mpfr_set_si(pointer, value, MPFR_RNDN)
  }

  deinit {
    mpfr_clear(pointer)
    pointer.deallocate()
  }

  /// Precision in bits.
  public var precision: Int { Int(mpfr_get_prec(pointer)) }
}

/// Versions of the libraries that compute, as they say at run time.
public enum LibraryVersions {
  /// MPFR's version, as "4.2.0".
  public static var mpfr: String { String(cString: mpfr_get_version()) }
  /// GMP's version.
  public static var gmp: String { String(cString: ropedrift_gmp_version()) }
}

extension ExactValue {
  /// The value of an MPFR number, truncated to 128 bits; exact where the number has no more significant bits than that.
  ///
  /// - Parameters:
  ///   - number: the number.
  ///   - hasTail: whether the value meant lies strictly above the number in magnitude by less than a unit in its last place
  ///     (what a non-zero ternary value after rounding toward zero says). Needs a precision of at least 128 bits.
  public init(_ number: MPFRPointer, hasTail: Bool = false) {
    let isNegative = mpfr_signbit(number) != 0
    if mpfr_nan_p(number) != 0 {
      self = .nan
    } else if mpfr_inf_p(number) != 0 {
      self = .infinity(isNegative: isNegative)
    } else if mpfr_zero_p(number) != 0 {
      self = .zero(isNegative: isNegative)
    } else {
      let limbBits = 64
      let count = (Int(mpfr_get_prec(number)) + limbBits - 1) / limbBits
      let limbs = UnsafeBufferPointer(start: ropedrift_mpfr_limbs(number), count: count)
      let exponent = Int(mpfr_get_exp(number)) - count * limbBits
      self = limbs.withMemoryRebound(to: UInt64.self) { words in
        .finite(
          TruncatedReal(isNegative: isNegative, words: words, exponent: exponent, hasTail: hasTail)!)
      }
    }
  }

  /// The exact result of one correctly rounded MPFR function, as leading bits and a tail.
  ///
  /// `operation` computes its result toward zero into the number that it is given (128 bits) and returns the ternary value.
  public static func result(of operation: (MPFRPointer) -> Int32) -> ExactValue {
    let number = MPFRNumber(precision: 128)
    let ternary = operation(number.pointer)
    return ExactValue(number.pointer, hasTail: ternary != 0)
  }
}

extension FloatingPointFormat {
  /// An MPFR number rounded once into this format.
  public func round(_ number: MPFRPointer, _ rounding: Rounding = .nearestEven) -> RoundedValue {
    round(ExactValue(number), rounding)
  }
}
