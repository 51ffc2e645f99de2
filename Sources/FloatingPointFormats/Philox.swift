// The counter-based generator behind stochastic rounding and behind every seeded generator of the package: its output
// is a function of (key, counter), so no order of evaluation can change it.

/// Philox4x32-10 [Salmon2011]: ten rounds over a 128-bit counter under a 64-bit key.
public enum Philox {
  /// The four output words for one counter.
  public static func words(counter: SIMD4<UInt32>, key: SIMD2<UInt32>) -> SIMD4<UInt32> {
    var x = counter
    var k = key
    for round in 0..<10 {
      if round > 0 { k = k &+ SIMD2(0x9E37_79B9, 0xBB67_AE85) }
      let first = UInt64(0xD251_1F53) * UInt64(x[0])
      let second = UInt64(0xCD9E_8D57) * UInt64(x[2])
      x = SIMD4(
        UInt32(truncatingIfNeeded: second >> 32) ^ x[1] ^ k[0], UInt32(truncatingIfNeeded: second),
        UInt32(truncatingIfNeeded: first >> 32) ^ x[3] ^ k[1], UInt32(truncatingIfNeeded: first))
    }
    return x
  }

  /// 64 uniform bits for a seed and a counter.
  public static func bits(seed: UInt64, counter: RoundingCounter) -> UInt64 {
    let key = SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
    let output = words(counter: counter.words, key: key)
    return UInt64(output[0]) | UInt64(output[1]) << 32
  }
}
