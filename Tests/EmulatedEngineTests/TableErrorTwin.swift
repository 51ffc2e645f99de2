// The plain twin of the kernels over runs of positions: the same operations in Swift, four positions abreast.

import FloatingPointFormats

@testable import EmulatedEngine

extension Lanes {
  var bits: SIMD4<UInt64> { unsafeBitCast(self, to: SIMD4<UInt64>.self) }
  init(bits: SIMD4<UInt64>) { self = unsafeBitCast(bits, to: Lanes.self) }
  var magnitudes: Lanes { Lanes(bits: bits & 0x7FFF_FFFF_FFFF_FFFF) }
}

/// RN(a + b) and the exact error of that sum, lane by lane.
func twoSum(_ a: Lanes, _ b: Lanes) -> (sum: Lanes, error: Lanes) {
  let sum = a + b
  let partOfB = sum - a
  return (sum, (a - (sum - partOfB)) + (b - partOfB))
}

/// The same for |a| ≥ |b| or a = 0.
func fastTwoSum(_ a: Lanes, _ b: Lanes) -> (sum: Lanes, error: Lanes) {
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
  init(_ format: FloatingPointFormat) {
    isBinary64 = format == .fp64
    smallest = Double(sign: .plus, exponent: format.minimumExponent, significand: 1)
    magicOffset = UInt64(53 - format.precision) << 52 | 1 << 51
    halfGapOffset = UInt64(format.precision) << 52
    largest = format.double(of: format.largestFiniteEncoding(isNegative: false))
  }

  /// The exponent field of the binade that decides the gap.
  private func field(_ magnitude: Lanes) -> SIMD4<UInt64> {
    let normal = magnitude.replacing(with: Lanes(repeating: smallest), where: magnitude .< smallest)
    return normal.bits & 0x7FF0_0000_0000_0000
  }

  private func round(_ x: Lanes, _ field: SIMD4<UInt64>) -> Lanes {
    let magic = Lanes(bits: field &+ magicOffset)
    let rounded = (x.magnitudes + magic) - magic
    return Lanes(bits: rounded.bits | (x.bits & 0x8000_0000_0000_0000))
  }

  /// `x` rounded once.
  func callAsFunction(_ x: Lanes) -> Lanes {
    isBinary64 ? x : round(x, field(x.magnitudes))
  }

  /// high + low rounded once, where the number meant lies within `bound` of that sum and |low| ≤ 2^−50.
  ///
  /// `undecided` marks the lanes whose rounding the bound does not prove: those within it of half a gap from the result. The bound
  /// has to cover 2^−100, for the normalisation where high is smaller than low.
  func callAsFunction(
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

/// One or two roundings.
struct PlainChain {
  let first: LaneRounder
  let second: LaneRounder?

  init(_ chain: RoundingChain) {
    first = LaneRounder(chain.formats[0])
    second = chain.formats.count == 2 ? LaneRounder(chain.formats[1]) : nil
  }

  func callAsFunction(_ x: Lanes) -> Lanes {
    let rounded = first(x)
    return second?(rounded) ?? rounded
  }

  func callAsFunction(
    _ high: Lanes, _ low: Lanes, bound: Lanes, undecided: inout SIMDMask<SIMD4<Int64>>
  ) -> Lanes {
    let rounded = first(high, low, bound: bound, undecided: &undecided)
    return second?(rounded) ?? rounded
  }

  /// value + change + low rounded, where the number meant lies within `bound` of that sum; |value|, |change| ≤ 4, |low| ≤ 2^−51.
  func rounded(
    _ value: Lanes, _ change: Lanes, _ low: Lanes, bound: Lanes, _ undecided: inout SIMDMask<SIMD4<Int64>>
  ) -> Lanes {
    let (high, error) = twoSum(value, change)
    return self(high, error + low, bound: bound, undecided: &undecided)
  }
}

/// cos(θ + δ) − cos θ and sin(θ + δ) − sin θ from cos θ, sin θ and δ.
///
/// With C = cos δ − 1 and S = sin δ they are cos θ·C − sin θ·S and sin θ·C + cos θ·S. Sums of Taylor series; every operation is one
/// of IEEE 754's, so that the bits are the same everywhere.
enum PlainTrigonometry {
  /// Up to here ``smallTurn(_:_:_:)`` holds.
  static let smallLimit = FastTableErrors.smallDifference
  /// Up to here ``turn(_:_:_:_:)`` holds.
  static let limit = FastTableErrors.differenceLimit

  /// The differences for |δ| ≤ 2^−4. Each is within 2^−48.5·|δ| of the exact one for cos θ and sin θ good to 2^−52.
  ///
  /// The series end with δ^11/11! (2^−65 of δ) and δ^12/12! (2^−73 of δ); four roundings of C and S are below 2^−51·|δ|, the
  /// products and the sum below 2^−51·|δ| again, the neglected low parts of cos θ and sin θ below 2^−52·|δ|.
  static func smallTurn(_ cosine: Lanes, _ sine: Lanes, _ delta: Lanes) -> (Lanes, Lanes) {
    let z = delta * delta
    var sinTail = Lanes(repeating: 1.0 / 362_880)
    sinTail = sinTail * z + (-1.0 / 5_040)
    sinTail = sinTail * z + (1.0 / 120)
    sinTail = sinTail * z + (-1.0 / 6)
    var cosTail = Lanes(repeating: -1.0 / 3_628_800)
    cosTail = cosTail * z + (1.0 / 40_320)
    cosTail = cosTail * z + (-1.0 / 720)
    cosTail = cosTail * z + (1.0 / 24)
    cosTail = cosTail * z + (-1.0 / 2)
    let s = delta + delta * z * sinTail
    let c = z * cosTail
    return (cosine * c - sine * s, sine * c + cosine * s)
  }

  /// The differences for |δ + low| ≤ 2^20, |low| ≤ 2^−52·|δ|: each within 2^−49 of the exact one, for cos θ and sin θ good to
  /// 2^−52.
  ///
  /// δ = k·π/2 + r, |r| ≤ 0.7855, with π/2 in pieces of 33, 33 and 53 bits: k < 2^20 times a piece is exact, and so are the first
  /// difference and, with its error, the second; r is within 2^−53 of the exact remainder. The series end below 2^−62 of their value.
  static func turn(
    _ cosine: Lanes, _ sine: Lanes, _ delta: Lanes, _ low: Lanes
  ) -> (Lanes, Lanes) {
    let magic = 0x1.8p52
    let shifted = delta * 0x1.45f306dc9c883p-1 + magic
    let k = shifted - magic
    let quadrant = shifted.bits & 3
    let (near, error) = twoSum(delta - k * halfPi.0, -(k * halfPi.1))
    let r = near + ((error - k * halfPi.2) + low)
    let z = r * r
    var sinTail = Lanes(repeating: 1.0 / 355_687_428_096_000)
    sinTail = sinTail * z + (-1.0 / 1_307_674_368_000)
    sinTail = sinTail * z + (1.0 / 6_227_020_800)
    sinTail = sinTail * z + (-1.0 / 39_916_800)
    sinTail = sinTail * z + (1.0 / 362_880)
    sinTail = sinTail * z + (-1.0 / 5_040)
    sinTail = sinTail * z + (1.0 / 120)
    sinTail = sinTail * z + (-1.0 / 6)
    var cosTail = Lanes(repeating: -1.0 / 6_402_373_705_728_000)
    cosTail = cosTail * z + (1.0 / 20_922_789_888_000)
    cosTail = cosTail * z + (-1.0 / 87_178_291_200)
    cosTail = cosTail * z + (1.0 / 479_001_600)
    cosTail = cosTail * z + (-1.0 / 3_628_800)
    cosTail = cosTail * z + (1.0 / 40_320)
    cosTail = cosTail * z + (-1.0 / 720)
    cosTail = cosTail * z + (1.0 / 24)
    cosTail = cosTail * z + (-1.0 / 2)
    let s = r + r * z * sinTail
    let c = 1 + z * cosTail
    let isOdd = (quadrant & 1) .== 1
    let cosSign = ((quadrant &+ 1) & 2) &<< 62
    let sinSign = (quadrant & 2) &<< 62
    let cosDelta = Lanes(bits: c.replacing(with: s, where: isOdd).bits ^ cosSign)
    let sinDelta = Lanes(bits: s.replacing(with: c, where: isOdd).bits ^ sinSign)
    return (
      (cosine * cosDelta - sine * sinDelta) - cosine, (sine * cosDelta + cosine * sinDelta) - sine
    )
  }

  /// π/2 in pieces of 33, 33 and 53 bits.
  static let halfPi = (0x1.921fb544p+0, 0x1.0b4611a6p-34, 0x1.3198a2e037073p-69)
}
