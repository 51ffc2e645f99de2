// Every kind of step on numbers that can be checked by hand.

import ArbitraryPrecision
import EmulatedEngine
import FloatingPointFormats
import Foundation
import PublishedCases
import Testing

@Suite struct ComputationTests {
  @Test func roundTakesOneValueOrManyAndKeepsBits() throws {
    // 257 is a tie of bf16 between 256 and 258; 1/3 in fp16 is 0x3555.
    let found = try values(
      #"{"name": "a", "compute": "round", "value": ["257", "1/3", "-0"], "format": "bf16"}, "#
        + #"{"name": "b", "compute": "round", "value": "1/3", "format": "fp16"}, "#
        + #"{"name": "c", "compute": "round", "value": "257", "format": "bf16", "rounding": "up"}, "#
        + #"{"name": "d", "compute": "round", "value": "1.00390625000000000001", "format": ["fp32", "bf16"]}, "#
        + #"{"name": "e", "compute": "round", "value": "1.00390625000000000001", "format": "bf16"}"#)
    #expect(found["a"]?.numbers.map(\.bits) == ["0x4380", "0x3eab", "0x8000"])
    #expect(found["b"]?.numbers[0].bits == "0x3555")
    #expect(found["c"]?.double == 258)
    // Through fp32 the excess is lost and the tie goes to even; at once it is not.
    #expect(found["d"]?.double == 1 && found["e"]?.double == 1.0078125)
  }

  @Test func expressionsRoundOnce() throws {
    let found = try values(
      setup: #"{"numbers": {"x": "3", "list": ["1", "2", "4"]}}"#,
      """
      {"name": "sum", "compute": "expression", "operation": "sum", "operands": ["256", "1"], "format": "bf16"},
      {"name": "third", "compute": "expression", "operation": "quotient", "operands": ["1", "x"], "format": "exact"},
      {"name": "whole", "compute": "expression", "operation": "product", "operands": ["third", "x"], "format": "exact"},
      {"name": "fused", "compute": "expression", "operation": "fusedProductSum", "operands": ["4097", "4097", "-16785408"], "format": "fp16"},
      {"name": "root", "compute": "expression", "operation": "squareRoot", "operands": ["2"], "format": "fp64"},
      {"name": "none", "compute": "expression", "operation": "squareRoot", "operands": ["-2"], "format": "fp64"},
      {"name": "e", "compute": "expression", "operation": "exponential", "operands": ["1"], "format": "fp64"},
      {"name": "huge", "compute": "expression", "operation": "binaryExponential", "operands": ["7916"], "format": "fp32"},
      {"name": "tiny", "compute": "expression", "operation": "binaryExponential", "operands": ["-149"], "format": "fp32"},
      {"name": "nan", "compute": "expression", "operation": "quotient", "operands": ["huge", "huge"], "format": "fp32"},
      {"name": "over", "compute": "expression", "operation": "quotient", "operands": ["-1", "0"], "format": "fp32"},
      {"name": "halves", "compute": "expression", "operation": "quotient", "operands": ["list", "2"], "format": "fp32"},
      {"name": "most", "compute": "expression", "operation": "maximum", "operands": ["halves"], "format": "exact"},
      {"name": "least", "compute": "expression", "operation": "minimum", "operands": ["halves"], "format": "exact"},
      {"name": "many", "compute": "expression", "operation": "count", "operands": ["halves"], "format": "exact"},
      {"name": "end", "compute": "expression", "operation": "slice", "operands": ["halves", "1", "2"], "format": "exact"},
      {"name": "size", "compute": "expression", "operation": "magnitude", "operands": ["-1/3"], "format": "exact"},
      {"name": "cos", "compute": "expression", "operation": "cosine", "operands": ["1"], "format": "fp64"},
      {"name": "sin", "compute": "expression", "operation": "sine", "operands": ["1"], "format": "fp64"},
      {"name": "ln", "compute": "expression", "operation": "logarithm", "operands": ["2"], "format": "fp64"}
      """)
    #expect(found["sum"]?.double == 256)
    #expect(found["whole"]?.integers == [1])
    // 4097² = 16785409: the rest is 1, which a rounded product would lose.
    #expect(found["fused"]?.double == 1)
    #expect(found["root"]?.double == 2.0.squareRoot() && found["none"]?.double.isNaN == true)
    #expect(found["e"]?.double == 0x1.5bf0a8b145769p+1)
    #expect(found["huge"]?.double == .infinity && found["tiny"]?.double == 0x1p-149)
    #expect(found["nan"]?.double.isNaN == true && found["over"]?.double == -.infinity)
    #expect(
      found["halves"]?.doubles == [0.5, 1, 2] && found["most"]?.double == 2 && found["least"]?.double == 0.5)
    #expect(found["many"]?.integers == [3] && found["end"]?.doubles == [1, 2])
    #expect(found["size"]?.double == 1.0 / 3)
    #expect(found["cos"]?.double == 0x1.14a280fb5068cp-1 && found["sin"]?.double == 0x1.aed548f090ceep-1)
    #expect(found["ln"]?.double == 0x1.62e42fefa39efp-1)
  }

  @Test(arguments: [
    (#""operation": "logarithm", "operands": ["0"], "format": "fp64""#, "not above zero"),
    (#""operation": "exponential", "operands": ["0.1"], "format": "fp64""#, "round its operand first"),
    (#""operation": "cosine", "operands": ["inf"], "format": "fp64""#, "not finite"),
    (#""operation": "slice", "operands": ["1", "0", "2"], "format": "exact""#, "no such elements"),
  ])
  func whatHasNoResultSaysSo(_ keys: String, _ message: String) {
    let error = #expect(throws: CaseError.self) {
      try values(#"{"name": "a", "compute": "expression", \#(keys)}"#)
    }
    #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
    #expect(error?.description.contains("case mine, step a: ") == true)
  }

  /// r = 8, b = 10000: ω = 1, 0.1, 0.01, 0.001. bf16(1000) = 1000, bf16(0.1) = 0.10009765625, and their product rounds to 100.
  @Test func aTableEntryShowsEveryStage() throws {
    let found = try values(
      setup: tableSetup(),
      #"{"name": "a", "compute": "tableEntry", "table": "t", "position": 1001, "pair": [0, 1]}"#)
    #expect(found["a.position"]?.doubles == [1000, 1000])
    #expect(found["a.frequency"]?.doubles == [1, 0.10009765625])
    #expect(found["a.angle"]?.doubles == [1000, 100])
    #expect(found["a.exactAngle"]?.doubles == [1001, 100.1])
    #expect(found["a.angleDifference"]?.double.isNaN == true)
    #expect(found["a.angleDifference"]?.doubles[0] == -1)
    // cos 1000 = 0.56237…, bf16 0.5625; cos 100 = 0.86231…, bf16 0.86328125.
    #expect(found["a.cosine"]?.doubles == [0.5625, 0.86328125])
  }

  @Test func differencesOfEqualAnglesAreZero() throws {
    for frequency in [#""exact""#, #""fp32""#] {
      let found = try values(
        setup: tableSetup(
          frequency: frequency, position: #""exact""#, angle: #""exact""#, trig: #""exact""#,
          table: #""exact""#),
        #"{"name": "a", "compute": "tableEntry", "table": "t", "position": 3, "pair": 0}"#)
      #expect(found["a.angleDifference"]?.integers == [0] && found["a.cosineDifference"]?.integers == [0])
    }
  }

  @Test func distinctCountsWhatAFormatMerges() throws {
    let found = try values(
      #"{"name": "a", "compute": "distinct", "values": {"from": 253, "to": 262}, "format": "bf16"}"#)
    // 253 … 256 stay; 257 → 256, 259 → 260, 261 → 260, and 258, 260, 262 stay.
    #expect(found["a.distinct"]?.integers == [7] && found["a.changed"]?.integers == [3])
    #expect(found["a.equalAtEnd"]?.integers == [1] && found["a.last"]?.double == 262)
    let over = try values(
      #"{"name": "a", "compute": "distinct", "values": [65519, 65520, 65521], "format": "fp16"}"#)
    #expect(over["a.notFinite"]?.integers == [2] && over["a.equalAtEnd"]?.integers == [2])
  }

  @Test func arangeHasThreeModels() throws {
    func model(_ keys: String) throws -> [Double] {
      try values(#"{"name": "a", "compute": "arange", "format": "bf16", \#(keys)}"#)["a"]!.doubles
    }
    #expect(try model(#""start": 255, "end": 260, "model": "rounded""#) == [255, 256, 256, 258, 260])
    #expect(try model(#""start": 254, "end": 259, "model": "accumulated""#) == [254, 255, 256, 256, 256])
    // Blocks of two from 255: 255, 256; RN(257) = 256, RN(257) = 256; RN(259) = 260.
    #expect(
      try model(#""start": 255, "end": 260, "model": "blocks", "block": 2"#) == [255, 256, 256, 256, 260])
  }

  @Test func spacingIsTheGapOfTheBinade() throws {
    let found = try values(
      #"{"name": "a", "compute": "spacing", "value": ["1", "0.99999999999999999999", "255", "256"], "format": "bf16"}"#
    )
    #expect(found["a"]?.doubles == [0x1p-7, 0x1p-8, 1, 2] && found["a.integers"]?.integers == [256])
  }

  @Test func rotationHasFourAlgorithms() throws {
    // fp16, 2049 is no number of it: x = y = 1, cos = 2048, sin = −1.5: x cos − y sin = 2049.5.
    let found = try values(
      #"{"name": "a", "compute": "rotation", "cosine": "1.0009765625", "sine": "0.99951171875", "first": "1.0009765625", "second": "1", "format": "fp16"}"#
    )
    // 1.0009765625² = 1.00195407867431640625, RN 1.001953125; less 0.99951171875: exact rest 0.00244235992431640625.
    #expect(found["a.perOperation"]?.double == 0.00244140625)
    #expect(found["a.wide"]?.double == FloatingPointFormat.fp16.rounded(0.00244235992431640625))
    #expect(found["a.fusedFirstProductExact"]?.double == found["a.wide"]?.double)
    #expect(found["a.fusedSecondProductExact"]?.double == 0.00244140625)
  }

  @Test func correctionDimensionInvertsTheAngle() throws {
    // n = L/(2π·b^(2i/r)) turns belong to pair i: L = 2π is not rational, so i = 16 of 64 with b = 10^4 from n = L/(2π·10).
    let found = try values(
      #"{"name": "a", "compute": "correctionDimension", "rotarySize": 64, "base": "10000", "original": "6283185307179586476925286766559", "rotations": "1e29"}"#
    )
    #expect(abs(found["a"]!.double - 8) < 1e-14)
  }

  @Test func scalingTellsRegions() throws {
    let found = try values(
      setup:
        #"{"embeddings": {"e": {"rotarySize": 8, "base": "10000", "scaling": "linear:factor=4"}, "y": {"rotarySize": 8, "base": "10000", "scaling": "yarn:factor=10,original=4096"}}}"#,
      #"{"name": "a", "compute": "scaling", "embedding": "e", "divisor": "4"}, {"name": "b", "compute": "scaling", "embedding": "y"}"#
    )
    #expect(found["a.divided"]?.integers == [0, 1, 2, 3] && found["a.kept"]?.numbers.isEmpty == true)
    #expect(found["a.attentionFactor"]?.integers == [1])
    #expect(abs(found["b.attentionFactor"]!.double - (0.1 * 2.302585092994045684 + 1)) < 1e-15)
  }

  @Test func neighboursComparesRows() throws {
    // One pair, ω = 1, positions 256 … 260 in bf16: 256, 256, 258, 260, 260. Rows 257 and 260 repeat.
    let found = try values(
      setup: tableSetup(rotarySize: 2),
      #"{"name": "a", "compute": "neighbours", "table": "t", "positions": {"from": 256, "to": 260}}"#)
    #expect(found["a.identical"]?.integers == [2] && found["a.compared"]?.integers == [4])
    #expect(found["a.least"]?.double == 0)
  }
}
