import FloatingPointFormats
import Testing

/// The defining figures of every named format, from the standards that define them.
@Suite struct NamedFormatTests {
  @Test(
    arguments: [
      ("bf16", 16, 0x1p-126, 0x1p-133, 0x1.fep127), ("fp16", 16, 0x1p-14, 0x1p-24, 65504),
      ("fp32", 32, 0x1p-126, 0x1p-149, Double(Float.greatestFiniteMagnitude)),
      ("tf32", 19, 0x1p-126, 0x1p-136, 0x1.ffcp127),
      ("fp64", 64, 0x1p-1022, 0x1p-1074, Double.greatestFiniteMagnitude),
      ("fp8-e4m3fn", 8, 0x1p-6, 0x1p-9, 448), ("fp8-e5m2", 8, 0x1p-14, 0x1p-16, 57344),
    ] as [(String, Int, Double, Double, Double)])
  func limits(name: String, width: Int, smallestNormal: Double, smallest: Double, largest: Double) throws {
    let format = try FloatingPointFormat(spelling: name)
    #expect(format.spelling == name)
    #expect(format.bitWidth == width)
    #expect(format.double(of: 1) == smallest)
    #expect(format.double(of: 1 << UInt64(format.precision - 1)) == smallestNormal)
    #expect(format.double(of: format.largestFiniteEncoding(isNegative: false)) == largest)
    #expect(format.double(of: format.largestFiniteEncoding(isNegative: true)) == -largest)
  }

  @Test func spelledOutParametersNameTheSameFormat() throws {
    #expect(try FloatingPointFormat(spelling: "p11e-14:15") == .fp16)
    #expect(try FloatingPointFormat(spelling: "p11e-14:15").spelling == "fp16")
    #expect(
      try FloatingPointFormat(spelling: "p5e-2:3-nosubnormals-saturating").spelling
        == "p5e-2:3-nosubnormals-saturating")
    #expect(try FloatingPointFormat(spelling: "fp8-e4m3fn-saturating").saturates)
  }

  @Test func misspellingsAreAnsweredWithTheNearestName() {
    #expect(throws: FormatError.unknownFormat("bf61", suggestion: "bf16")) {
      try FloatingPointFormat(spelling: "bf61")
    }
    #expect(throws: FormatError.unknownFormat("bf16-saturating-saturating", suggestion: nil)) {
      try FloatingPointFormat(spelling: "bf16-saturating-saturating")
    }
    #expect(throws: FormatError.self) { try FloatingPointFormat(spelling: "p1e-14:15") }
    #expect(throws: FormatError.self) { try FloatingPointFormat(spelling: "p60e-1022:1023") }
  }
}
