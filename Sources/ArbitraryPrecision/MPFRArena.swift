// Arrays of MPFR numbers of one precision in two blocks of memory: no allocation per number, and the cost per operation of C.

import CMPFR

/// A fixed number of MPFR numbers of equal precision in one block.
///
/// The numbers are NaN at first. Filling is for one thread at a time (or for threads with disjoint indices); once filled, any
/// number of threads may read. MPFR never reallocates such numbers, so nothing but the two blocks is ever freed.
public final class MPFRArena: @unchecked Sendable {
  /// How many numbers there are.
  public let count: Int
  /// Their precision in bits.
  public let precision: Int
  private let numbers: UnsafeMutablePointer<__mpfr_struct>
  private let limbs: UnsafeMutableRawPointer

  /// An arena of NaNs.
  public init(count: Int, precision: Int) {
    self.count = count
    self.precision = precision
    let stride = ropedrift_mpfr_custom_get_size(mpfr_prec_t(precision))
    numbers = .allocate(capacity: max(count, 1))
    limbs = .allocate(byteCount: max(count * stride, 1), alignment: MemoryLayout<mp_limb_t>.alignment)
    for index in 0..<count {
      ropedrift_mpfr_custom_init_set_nan(numbers + index, mpfr_prec_t(precision), limbs + index * stride)
    }
  }

  deinit {
    numbers.deallocate()
    limbs.deallocate()
  }

  /// The number at an index.
  @inlinable public subscript(index: Int) -> MPFRPointer {
    precondition(index >= 0 && index < count)
    return base + index
  }

  /// The first number; the others follow it.
  public var base: MPFRPointer { numbers }
}
