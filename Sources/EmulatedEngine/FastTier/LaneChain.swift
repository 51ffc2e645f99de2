// Rounding to nearest even over runs of positions, as the kernels know it: the values of a table come in runs, and the scalar rounder's
// branches would cost more than its arithmetic.

import FloatingPointFormats
import RoundingKernels

/// Four consecutive positions.
typealias Lanes = SIMD4<Double>

/// One or two roundings to nearest even, into formats of at most 50 bits or binary64, by the addition that ``NearestEvenRounder``
/// explains.
///
/// Numbers are finite (NaN gives NaN) and at most ``largest`` in magnitude: the caller sees to it.
struct LaneChain: Sendable {
  /// What the kernels take.
  let kernel: ropedrift_lane_chain
  /// Bits of a stored result.
  let precision: Int
  /// The greatest magnitude that no rounding of the chain takes to infinity.
  let largest: Double

  /// Nil where the chain is exact, not nearest even, longer than two, or of formats that are not fit.
  init?(_ chain: RoundingChain) {
    guard chain.rounding == .nearestEven, (1...2).contains(chain.formats.count),
      let first = Self.rounder(chain.formats[0]), let second = Self.rounder(chain.formats.last!)
    else { return nil }
    kernel = ropedrift_lane_chain(first: first, second: second, is_double: chain.formats.count == 2 ? 1 : 0)
    precision = chain.formats.last!.precision
    largest = chain.formats.map { $0.double(of: $0.largestFiniteEncoding(isNegative: false)) }.min()!
  }

  private static func rounder(_ format: FloatingPointFormat) -> ropedrift_lane_rounder? {
    let isBinary64 = format == .fp64
    guard isBinary64 || NearestEvenRounder(format) != nil else { return nil }
    return ropedrift_lane_rounder(
      smallest: Double(sign: .plus, exponent: format.minimumExponent, significand: 1),
      magic_offset: UInt64(53 - format.precision) << 52 | 1 << 51,
      half_gap_offset: UInt64(format.precision) << 52, is_binary64: isBinary64 ? 1 : 0)
  }
}
