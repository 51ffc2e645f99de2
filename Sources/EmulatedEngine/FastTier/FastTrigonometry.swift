// cos and sin of an angle that differs from one whose cos and sin are known: in binary64, without the C library, with a bound that a
// rounding test can use.

/// cos(θ + δ) − cos θ and sin(θ + δ) − sin θ from cos θ, sin θ and δ.
///
/// With C = cos δ − 1 and S = sin δ they are cos θ·C − sin θ·S and sin θ·C + cos θ·S. Sums of Taylor series; every operation is one
/// of IEEE 754's, so that the bits are the same everywhere.
enum FastTrigonometry {
  /// Up to here ``smallTurn(_:_:_:)`` holds.
  static let smallLimit = 0x1p-4
  /// Up to here ``turn(_:_:_:_:)`` holds.
  static let limit = 0x1p20

  /// The differences for |δ| ≤ 2^−4. Each is within 2^−48.5·|δ| of the exact one for cos θ and sin θ good to 2^−52.
  ///
  /// The series end with δ^11/11! (2^−65 of δ) and δ^12/12! (2^−73 of δ); four roundings of C and S are below 2^−51·|δ|, the
  /// products and the sum below 2^−51·|δ| again, the neglected low parts of cos θ and sin θ below 2^−52·|δ|.
  @inline(__always) static func smallTurn(_ cosine: Lanes, _ sine: Lanes, _ delta: Lanes) -> (Lanes, Lanes) {
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
  @inline(__always) static func turn(
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
