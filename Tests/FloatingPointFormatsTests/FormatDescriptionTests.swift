import FloatingPointFormats
import Foundation
import Testing
import TestSupport

@Suite struct FormatDescriptionTests {
  /// Every format whose values a test can list: p 2…4, small exponent ranges, all policies.
  static func smallFormats() throws -> [FloatingPointFormat] {
    var formats: [FloatingPointFormat] = []
    for precision in 2...4 {
      for emin in -3...0 {
        for emax in 0...2 {
          for hasSubnormals in [true, false] {
            for special in [FloatingPointFormat.SpecialValues.infinityAndNaN, .nanOnly] {
              formats.append(
                try FloatingPointFormat(
                  precision: precision, minimumExponent: emin, maximumExponent: emax,
                  hasSubnormals: hasSubnormals, specialValues: special))
            }
          }
        }
      }
    }
    return formats
  }

  /// The finite values in units of 2^−8 by definition, not by decoding.
  static func values(_ format: FloatingPointFormat) -> Set<Int> {
    let (p, emin, emax) = (format.precision, format.minimumExponent, format.maximumExponent)
    var values: Set<Int> = [0]
    for e in emin...emax {
      for m in (1 << (p - 1))..<(1 << p) { values.insert(m << (e - p + 1 + 8)) }
    }
    if format.hasSubnormals { for m in 1..<(1 << (p - 1)) { values.insert(m << (emin - p + 1 + 8)) } }
    let fields = emax - emin + 2
    if format.specialValues == .nanOnly, fields & (fields - 1) == 0 {
      values.remove(((1 << p) - 1) << (emax - p + 1 + 8))
    }
    return values
  }

  @Test func subsetsAreSubsetsOfTheValueSets() throws {
    let formats = try Self.smallFormats()
    let values = formats.map(Self.values)
    var sweep = Sweep()
    for (a, first) in formats.enumerated() {
      for (b, second) in formats.enumerated() {
        let expected = values[a].isSubset(of: values[b])
        sweep.check(
          first.isSubset(of: second) == expected,
          "\(first.spelling) within \(second.spelling): expected \(expected)")
      }
    }
    #expect(sweep.passed(atLeast: 144 * 144), "\(sweep)")
  }

  @Test func subsetsAmongTheNamedFormats() {
    #expect(FloatingPointFormat.bf16.isSubset(of: .fp32))
    #expect(FloatingPointFormat.fp16.isSubset(of: .fp32))
    #expect(FloatingPointFormat.fp16.isSubset(of: .tf32))
    #expect(FloatingPointFormat.bf16.isSubset(of: .tf32))
    #expect(FloatingPointFormat.fp8E4M3FN.isSubset(of: .fp16))
    #expect(FloatingPointFormat.fp8E5M2.isSubset(of: .fp16))
    #expect(!FloatingPointFormat.fp16.isSubset(of: .bf16))
    #expect(!FloatingPointFormat.bf16.isSubset(of: .fp16))
    #expect(!FloatingPointFormat.fp32.isSubset(of: .tf32))
    #expect(!FloatingPointFormat.fp8E4M3FN.isSubset(of: .fp8E5M2))
  }

  /// ulp(x) is the distance between the neighbours of x in its binade; the models know the values.
  @Test(arguments: FormatModel.tiny + [.bf16, .fp16])
  func unitInLastPlaceIsTheGap(model: FormatModel) throws {
    let format = try model.format
    var sweep = Sweep()
    let normal = UInt64(1) << UInt64(model.storedBits)
    let stride = model.largestEncoding > 1000 && !isExhaustive ? 37 : 1
    for lower in Swift.stride(from: 0, to: Int(model.largestEncoding), by: stride).map(UInt64.init) {
      if !model.hasSubnormals, lower < normal { continue }
      let (a, b) = (model.value(lower), model.value(lower + 1))
      for x in [a, a + (b - a) / 2, b.nextDown] {
        for signed in [x, -x] {
          let got = format.unitInLastPlace(at: signed)
          sweep.check(
            got == b - a, "\(model) at \(shown(signed)): \(String(describing: got)), expected \(b - a)")
        }
      }
    }
    #expect(sweep.passed(atLeast: 4), "\(sweep)")
    #expect(format.unitInLastPlace(at: model.largest) != nil)
    #expect(format.unitInLastPlace(at: -model.largest.nextUp) == nil)
    #expect(format.unitInLastPlace(at: 0) == exp2i(model.emin - model.storedBits))
    #expect(format.unitInLastPlace(at: .infinity) == nil)
    #expect(format.unitInLastPlace(at: .nan) == nil)
  }

  /// Formats that reach beyond binary64 on either side have units too.
  @Test func unitInLastPlaceBeyondBinary64() throws {
    #expect(try FloatingPointFormat(spelling: "p8e-2000:127").unitInLastPlace(at: 0x1p127) == 0x1p120)
    #expect(try FloatingPointFormat(spelling: "p8e-2000:127").unitInLastPlace(at: 0x1.ffp127) == nil)
    #expect(try FloatingPointFormat(spelling: "p60e-2:3").unitInLastPlace(at: 15.99) == 0x1p-56)
    #expect(try FloatingPointFormat(spelling: "p60e-2:3").unitInLastPlace(at: 16) == nil)
    #expect(try FloatingPointFormat(spelling: "p54e0:1000").unitInLastPlace(at: 0x1.fp1000) == 0x1p947)
    #expect(try FloatingPointFormat(spelling: "p8e-2000:127").unitInLastPlace(at: 0) == nil)
    #expect(FloatingPointFormat.fp64.unitInLastPlace(at: 0x1p-1074) == 0x1p-1074)
    #expect(FloatingPointFormat.fp64.unitInLastPlace(at: .greatestFiniteMagnitude) == 0x1p971)
  }

  @Test func spellingsReadBack() throws {
    for format in try Self.smallFormats() {
      for candidate in [format, format.saturating] {
        #expect(try FloatingPointFormat(spelling: candidate.spelling) == candidate, "\(candidate.spelling)")
      }
    }
    for (name, format) in FloatingPointFormat.named {
      #expect(try FloatingPointFormat(spelling: name) == format)
      #expect(try FloatingPointFormat(spelling: format.saturating.spelling) == format.saturating)
    }
    #expect(FloatingPointFormat.bf16.saturating.spelling == "bf16-saturating")
    #expect(try FloatingPointFormat(spelling: "p4e-6:8-noinfinity").spelling == "fp8-e4m3fn")
    for name in Rounding.names { #expect(try Rounding(spelling: name).spelling == name) }
    #expect(try Rounding(spelling: "stochastic", seed: 9) == .stochastic(seed: 9))
  }

  @Test(arguments: [
    "", "bf", "BF16", " bf16", "bf16 ", "p11e-14", "p11e-14:15 ", "p11e+1:15", "p11e-14:-15", "p11-14:15",
    "bf16-nosubnormals", "p5e-2:3-saturating-nosubnormals", "p5e-2:3-nosubnormals-noinfinity", "-saturating",
    "p1e0:0", "p64e0:0", "p63e0:0", "p999e-1:1", "p5e1:3", "p5e-16384:3", "p5e-2:16384", "p53e-1023:1023-x",
    "p\u{0661}\u{0661}e-14:15", "pe:", "p5e-2:3-",
  ])
  func spellingsThatNameNothingAreErrors(text: String) {
    #expect(throws: FormatError.self) { try FloatingPointFormat(spelling: text) }
  }

  @Test func theWidestFormats() throws {
    let widest = try FloatingPointFormat(
      precision: 63, minimumExponent: 0, maximumExponent: 0, specialValues: .nanOnly)
    #expect(widest.bitWidth == 64)
    #expect(widest.largestSignificand == 0x7FFF_FFFF_FFFF_FFFE)
    #expect(throws: FormatError.self) {
      try FloatingPointFormat(precision: Int.max, minimumExponent: 0, maximumExponent: 0)
    }
    #expect(throws: FormatError.self) {
      try FloatingPointFormat(precision: Int.min, minimumExponent: Int.min, maximumExponent: Int.max)
    }
  }

  @Test(
    arguments: [
      ("bf61", "bf16"), ("fp61", "fp16"), ("pf16", "bf16"), ("BF16 ", "bf16"), ("tf23", "tf32"),
      ("float8", nil), ("", nil), ("fp8-e4m3", "fp8-e4m3fn"), ("fp8-e5m3", "fp8-e5m2"), ("zzzz", nil),
    ] as [(String, String?)])
  func nearestNames(typed: String, expected: String?) {
    #expect(nearestName(to: typed, among: FloatingPointFormat.named.map(\.name)) == expected)
  }

  @Test func nearestNamesByHand() {
    #expect(nearestName(to: "x", among: []) == nil)
    // One transposition, one insertion, one deletion: distance 1 of 4 or fewer letters is near, 2 of 4 too (⌈4/3⌉ = 2).
    #expect(nearestName(to: "ab", among: ["ba"]) == "ba")
    #expect(nearestName(to: "abcd", among: ["abxy"]) == "abxy")
    #expect(nearestName(to: "abcd", among: ["axyz"]) == nil)
    #expect(nearestName(to: "abc", among: ["abd", "abe"]) == "abd")
    #expect(didYouMean("up") == " (did you mean 'up'?)")
    #expect(didYouMean(nil) == "")
  }

  @Test func equalNumbersAreEqual() {
    let one = ExactValue.finite(TruncatedReal(isNegative: false, significand: 1, exponent: 0))
    #expect(ExactValue(1) == one)
    #expect(ExactValue(1).hashValue == one.hashValue)
    #expect(FloatingPointFormat.bf16.value(of: 0x3F80) == ExactValue(1))
    #expect(ExactValue(1) != ExactValue(-1))
    #expect(ExactValue(1) != ExactValue(2))
    #expect(ExactValue(0.0) != ExactValue(-0.0))
    let tailed = ExactValue.finite(
      TruncatedReal(isNegative: false, significand: 1 << 127, exponent: -127, hasTail: true))
    #expect(tailed != one)
  }
}
