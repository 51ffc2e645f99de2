// `ropedrift formats`.

import RoPEDrift
import Testing

@Suite struct FormatsTests {
  @Test func listsEveryNamedFormat() {
    let result = ropedrift("formats")
    #expect(result.exit == .done)
    for (name, _) in FloatingPointFormat.named { #expect(result.output.contains("\n" + name)) }
    #expect(result.talk.isEmpty)
  }

  @Test func showsOneFormatAsJSON() {
    let result = ropedrift("formats", "fp8-e4m3fn", "--json")
    #expect(result.exit == .done)
    #expect(
      result.output == """
        {
          "name": "fp8-e4m3fn",
          "bits": 8,
          "precision": 4,
          "emin": -6,
          "emax": 8,
          "smallest_subnormal": {
            "bits": "0x01",
            "value": 0.001953125
          },
          "smallest_normal": {
            "bits": "0x08",
            "value": 0.015625
          },
          "largest": {
            "bits": "0x7e",
            "value": 448.0
          },
          "special_values": "nan-only",
          "overflow": "NaN"
        }

        """)
  }

  @Test func unknownNamesSuggestTheNearest() {
    let result = ropedrift("formats", "bf61")
    #expect(result.exit == .wrongUsage)
    #expect(result.output.isEmpty)
    #expect(
      result.talk.hasPrefix(
        "ropedrift: error: unknown format 'bf61' (did you mean 'bf16'?); known are bf16, "))
  }
}
