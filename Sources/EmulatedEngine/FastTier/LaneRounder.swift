// Rounding to nearest even, four numbers abreast: the values of a table come in runs of positions, and the scalar rounder's branches
// would cost more than its arithmetic.

import FloatingPointFormats

/// Four consecutive positions.
typealias Lanes = SIMD4<Double>

extension Lanes {
  @inline(__always) var bits: SIMD4<UInt64> { unsafeBitCast(self, to: SIMD4<UInt64>.self) }
  @inline(__always) init(bits: SIMD4<UInt64>) { self = unsafeBitCast(bits, to: Lanes.self) }
  @inline(__always) var magnitudes: Lanes { Lanes(bits: bits & 0x7FFF_FFFF_FFFF_FFFF) }
}

/// RN(a + b) and the exact error of that sum, lane by lane.
@inline(__always) func twoSum(_ a: Lanes, _ b: Lanes) -> (sum: Lanes, error: Lanes) {
  let sum = a + b
  let partOfB = sum - a
  return (sum, (a - (sum - partOfB)) + (b - partOfB))
}

/// The same for |a| ≥ |b| or a = 0.
@inline(__always) func fastTwoSum(_ a: Lanes, _ b: Lanes) -> (sum: Lanes, error: Lanes) {
  let sum = a + b
  return (sum, b - (sum - a))
}

/// Rounds to a format of at most 50 bits, or to binary64, by the addition that ``NearestEvenRounder`` explains.
///
/// Numbers are finite (NaN gives NaN) and at most the format's largest value in magnitude: the caller sees to it.
struct LaneRounder: Sendable {
  private let smallest: Double
  private let magicOffset: UInt64
  private let halfGapOffset: UInt64
  private let isBinary64: Bool
  /// The greatest magnitude that may be rounded here.
  let largest: Double

  /// Nil where the format is not fit for it.
  init?(_ format: FloatingPointFormat) {
    isBinary64 = format == .fp64
    guard isBinary64 || NearestEvenRounder(format) != nil else { return nil }
    smallest = Double(sign: .plus, exponent: format.minimumExponent, significand: 1)
    magicOffset = UInt64(53 - format.precision) << 52 | 1 << 51
    halfGapOffset = UInt64(format.precision) << 52
    largest = format.double(of: format.largestFiniteEncoding(isNegative: false))
  }

  /// The exponent field of the binade that decides the gap.
  @inline(__always) private func field(_ magnitude: Lanes) -> SIMD4<UInt64> {
    let normal = magnitude.replacing(with: Lanes(repeating: smallest), where: magnitude .< smallest)
    return normal.bits & 0x7FF0_0000_0000_0000
  }

  @inline(__always) private func round(_ x: Lanes, _ field: SIMD4<UInt64>) -> Lanes {
    let magic = Lanes(bits: field &+ magicOffset)
    let rounded = (x.magnitudes + magic) - magic
    return Lanes(bits: rounded.bits | (x.bits & 0x8000_0000_0000_0000))
  }

  /// `x` rounded once.
  @inline(__always) func callAsFunction(_ x: Lanes) -> Lanes {
    isBinary64 ? x : round(x, field(x.magnitudes))
  }

  /// high + low rounded once, where the number meant lies within `bound` of that sum and |low| ≤ 2^−50.
  ///
  /// `undecided` marks the lanes whose rounding the bound does not prove: those within it of half a gap from the result. The bound
  /// has to cover 2^−100, for the normalisation where high is smaller than low.
  @inline(__always) func callAsFunction(
    _ high: Lanes, _ low: Lanes, bound: Lanes, undecided: inout SIMDMask<SIMD4<Int64>>
  ) -> Lanes {
    let (x, rest) = fastTwoSum(high, low)
    let field = field(x.magnitudes)
    let rounded = isBinary64 ? x : round(x, field)
    let distance = ((x - rounded) + rest).magnitudes
    // In binary64's lowest binades half a gap has no exponent field; it wraps to a NaN or a great number there, so that such numbers
    // are looked at below.
    let half = Lanes(bits: field &- halfGapOffset)
    undecided = undecided .| (distance + bound .>= half)
    if isBinary64 { undecided = undecided .| (x.magnitudes .< 0x1p-900) }
    return rounded
  }
}

/// One or two roundings of a chain, nearest even.
struct LaneChain: Sendable {
  let first: LaneRounder
  private let second: LaneRounder
  private let isDouble: Bool
  /// Bits of a stored result.
  let precision: Int
  /// The greatest magnitude that no rounding of the chain takes to infinity.
  let largest: Double

  /// Nil where the chain is exact, not nearest even, longer than two, or of formats that are not fit.
  init?(_ chain: RoundingChain) {
    guard chain.rounding == .nearestEven, (1...2).contains(chain.formats.count),
      let first = LaneRounder(chain.formats[0]), let second = LaneRounder(chain.formats.last!)
    else { return nil }
    self.first = first
    self.second = second
    isDouble = chain.formats.count == 2
    precision = chain.formats.last!.precision
    largest = min(first.largest, second.largest)
  }

  @inline(__always) func callAsFunction(_ x: Lanes) -> Lanes {
    let rounded = first(x)
    return isDouble ? second(rounded) : rounded
  }

  @inline(__always) func callAsFunction(
    _ high: Lanes, _ low: Lanes, bound: Lanes, undecided: inout SIMDMask<SIMD4<Int64>>
  ) -> Lanes {
    let rounded = first(high, low, bound: bound, undecided: &undecided)
    return isDouble ? second(rounded) : rounded
  }

  /// value + change + low rounded, where the number meant lies within `bound` of that sum; |value|, |change| ≤ 4, |low| ≤ 2^−51.
  @inline(__always) func rounded(
    _ value: Lanes, _ change: Lanes, _ low: Lanes, bound: Lanes, _ undecided: inout SIMDMask<SIMD4<Int64>>
  ) -> Lanes {
    let (high, error) = twoSum(value, change)
    return self(high, error + low, bound: bound, undecided: &undecided)
  }
}
