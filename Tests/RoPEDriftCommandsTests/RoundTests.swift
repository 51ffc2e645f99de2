// `ropedrift round`: golden lines small enough to check by hand.

import RoPEDriftCommands
import Testing

@Suite struct RoundTests {
  @Test func roundsAndTellsWhatHappened() {
    let result = ropedrift("round", "65520", "-1.5", "0x1p-25", "257/256", "--format", "fp16")
    #expect(result.exit == .done)
    // 65520 lies halfway between 65504 and 65536; 2^-25 halfway between 0 and the smallest subnormal.
    #expect(
      result.output == """
        typed    format  bits    in binary32  class     flags              hexadecimal  value
        65520    fp16    0x7c00  0x7f800000   infinity  inexact overflow   INF          INF
        -1.5     fp16    0xbe00  0xbfc00000   normal    exact              -0x1.8p+0    -1.5
        0x1p-25  fp16    0x0000  0x00000000   zero      inexact underflow  0x0p+0       0
        257/256  fp16    0x3c04  0x3f808000   normal    exact              0x1.01p+0    1.00390625

        """)
  }

  /// The decimal is taken as it stands: through binary64 it would be the tie 257/256, which goes to 0x3f80.
  @Test func decimalsAreNotRoundedTwice() {
    let result = ropedrift("round", "1.00390625000000000001", "--format", "bf16", "--json")
    #expect(
      result.output == """
        [
          {
            "typed": "1.00390625000000000001",
            "format": "bf16",
            "rounding": "nearest-even",
            "bits": "0x3f81",
            "binary32_word": "0x3f810000",
            "class": "normal",
            "value": 1.0078125,
            "exact": "1.0078125",
            "hexadecimal": "0x1.02p+0",
            "inexact": true,
            "overflow": false,
            "underflow": false
          }
        ]

        """)
  }

  @Test(arguments: [
    ["-inf", "0xff800000"], ["nan", "0x7fc00000"], ["-0", "0x80000000"], ["0xff", "0x437f0000"],
    ["-.5", "0xbf000000"],
  ])
  func readsEverySpelling(_ typed: [String]) {
    for arguments in [[typed[0]], ["--", typed[0]]] {
      let result = ropedrift(["round", "--format", "fp32"] + arguments)
      #expect(result.exit == .done)
      #expect(result.output.contains(" \(typed[1]) "), "\(typed): \(result.output)")
    }
  }

  @Test func roundingAndSeedAreOptions() {
    #expect(ropedrift("round", "1.001", "--format", "bf16", "--rounding", "up").output.contains("0x3f81"))
    let seeds = (0..<8).map { seed in
      ropedrift("round", "257/256", "--format", "bf16", "--rounding", "stochastic", "--seed", "\(seed)")
        .output
    }
    #expect(Set(seeds.map { $0.contains("0x3f81") }) == [true, false])
  }

  @Test func tf32HasItsBinary32Word() {
    let output = ropedrift("round", "1.5", "--format", "tf32").output
    #expect(output.contains("0x1fe00  0x3fc00000"))
  }

  @Test func decodesInFormatsOfAsManyDigits() {
    let output = ropedrift("round", "--bits", "0x3f80").output
    #expect(output.contains("bf16    0x3f80  0x3f800000   normal      -  0x1p+0       1\n"))
    #expect(output.contains("fp16    0x3f80  0x3ff00000   normal      -  0x1.ep+0     1.875\n"))
    #expect(!output.contains("fp32"))
    #expect(
      ropedrift("round", "--bits", "0b0111_1110", "--format", "fp8-e4m3fn").exit == .wrongUsage)
    #expect(ropedrift("round", "--bits", "0b01111110", "--format", "fp8-e4m3fn").output.contains(" 448\n"))
  }

  @Test(arguments: [
    (["round"], "nothing to round"),
    (["round", "--"], "nothing to round"),
    (["round", "1.2.3"], "'1.2.3' is not a number"),
    (["round", "--fromat", "bf16"], "'--fromat' is neither an option of round nor a number"),
    (["round", "1", "--format", "bf61"], "did you mean 'bf16'?"),
    (["round", "1", "--rounding", "nearset-even"], "did you mean 'nearest-even'?"),
    (["round", "1", "--seed", "3"], "--seed has no effect on rounding nearest-even"),
    (["round", "--bits", "0x3f800", "--format", "bf16"], "0x3f800 does not fit bf16"),
    (["round", "--bits", "3f80"], "write hexadecimal (0x3f80) or binary (0b0011)"),
    (["round", "1", "--format"], "Missing value for '--format <format>'"),
  ])
  func wrongUsage(_ arguments: [String], _ message: String) {
    let result = ropedrift(arguments)
    #expect(result.exit == .wrongUsage)
    #expect(result.output.isEmpty)
    #expect(result.talk.hasPrefix("ropedrift: error: ") && result.talk.contains(message), "\(result.talk)")
  }
}
