import FloatingPointFormats
import Foundation
import Testing

@Suite struct NumberLiteralTests {
  static func parts(_ text: String) throws -> (Bool, NumberLiteral.ScaledInteger, NumberLiteral.ScaledInteger)
  {
    guard case .rational(let negative, let numerator, let denominator) = try NumberLiteral(text).meaning
    else {
      throw FormatError.invalidNumber(text)
    }
    return (negative, numerator, denominator)
  }

  @Test(
    arguments: [
      ("12", "12", 10, 0), ("+12", "12", 10, 0), ("007", "7", 10, 0), (".5", "5", 10, -1), ("5.", "5", 10, 0),
      ("1.50", "150", 10, -2), ("1.5e-3", "15", 10, -4), ("1E+5", "1", 10, 5), ("0.000", "0", 10, 0),
      ("0e99999", "0", 10, 0), ("0xff", "ff", 16, 0), ("0XFF", "ff", 16, 0), ("0x1.8p-1", "18", 16, -5),
      ("0x.8", "8", 16, -4), ("0x1.", "1", 16, 0), ("0x1p+3", "1", 16, 3), ("0xep1", "e", 16, 1),
      ("0x1e5", "1e5", 16, 0), ("1e100000", "1", 10, 100_000), ("1e-100000", "1", 10, -100_000),
      ("123456789012345678901234567890", "123456789012345678901234567890", 10, 0), (" 3 ", "3", 10, 0),
    ] as [(String, String, Int, Int)])
  func parsed(text: String, digits: String, radix: Int, exponent: Int) throws {
    let (negative, numerator, denominator) = try Self.parts(text)
    #expect(!negative)
    #expect(numerator == NumberLiteral.ScaledInteger(zeroOr: digits, radix: radix, exponent: exponent))
    #expect(denominator.digits == "1")
  }

  @Test func signsFractionsAndSpecialNames() throws {
    #expect(try Self.parts("-0").0)
    #expect(try Self.parts("-0").1.isZero)
    #expect(try Self.parts("-257/256").0)
    #expect(try Self.parts("257/256").2.digits == "256")
    #expect(try Self.parts("0x10/0.5").2.exponent == -1)
    #expect(try NumberLiteral("NaN").meaning == .nan)
    #expect(try NumberLiteral("-nan").meaning == .nan)
    #expect(try NumberLiteral("INF").meaning == .infinity(isNegative: false))
    #expect(try NumberLiteral("-Infinity").meaning == .infinity(isNegative: true))
    #expect(NumberLiteral(Int.min).description == "-9223372036854775808")
    #expect(NumberLiteral(Int.min).meaning == (try NumberLiteral("-9223372036854775808").meaning))
  }

  @Test(arguments: [
    "", " ", "-", "+", ".", "e5", "1e", "1e+", "0x", "0xp3", "0x.", "0x1p", "1.2.3", "--1", "+-1", "1 2",
    "1/0",
    "1/0.00", "1/0x0", "/2", "1/", "1/2/3", "1/-2", "1,5", "1_000", "0b1", "nanx", "infx", "inf/2", "1/inf",
    "nan/1",
    "1e100001", "1e-100001", "1e9223372036854775807", "1e-9223372036854775808", "1e99999999999999999999",
    "0x1p-9223372036854775808", "\u{0661}", "１", "1\u{0301}", "0x1.8p-1.5", "1e1.5", "½",
  ])
  func refused(text: String) {
    #expect(throws: FormatError.self) { try NumberLiteral(text) }
  }

  @Test func veryLongLiterals() throws {
    let digits = String(repeating: "9", count: NumberLiteral.exponentLimit)
    #expect(try Self.parts(digits).1.digits == digits)
    #expect(throws: FormatError.self) { try NumberLiteral(digits + "9") }
  }

  @Test func codable() throws {
    let read = try JSONDecoder().decode([NumberLiteral].self, from: Data(#"["0.1", 3, "-0x1p3", -7]"#.utf8))
    #expect(read.map(\.description) == ["0.1", "3", "-0x1p3", "-7"])
    #expect(throws: (any Error).self) {
      try JSONDecoder().decode([NumberLiteral].self, from: Data("[0.5]".utf8))
    }
    #expect(String(decoding: try JSONEncoder().encode(read), as: UTF8.self) == #"["0.1","3","-0x1p3","-7"]"#)
  }
}

extension NumberLiteral.ScaledInteger {
  fileprivate init(zeroOr digits: String, radix: Int, exponent: Int) {
    self = (try? NumberLiteralTests.parts("1").1)!
    self.digits = digits
    self.radix = radix
    self.exponent = exponent
  }
}
