// `ropedrift round`: one value into a format, or an encoding back to its value.

import ArgumentParser
import RoPEDrift

/// Rounds values into formats and decodes encodings.
struct RoundCommand: PrintingCommand {
  static let configuration = CommandConfiguration(
    commandName: "round",
    abstract: "Round values into formats, or decode encodings.",
    discussion: """
      Values are exact as typed: decimals, hexadecimal floating point, fractions, nan, inf. Each is rounded once.

      Examples:
        ropedrift round 0.1 -257/256 0x1.01p0 --format bf16
        ropedrift round 448.1 --format fp8-e4m3fn --rounding toward-zero --json
        ropedrift round --bits 0x3f80
      """)

  // Unknown options arrive here too, because a negative number looks like one; they are refused below.
  @Argument(
    parsing: .allUnrecognized,
    help: ArgumentHelp("Numbers, such as 0.1, -0x1.8p-3, 257/256.", valueName: "value"))
  var values: [String] = []
  @Option(
    help: ArgumentHelp(
      "An encoding to decode, such as 0x3f80 or 0b0011; repeatable. Without --format: in the formats with as many hexadecimal digits as typed.",
      valueName: "bits"))
  var bits: [String] = []
  @OptionGroup var formats: FormatOptions
  @OptionGroup var rounding: RoundingOptions
  @OptionGroup var printing: PrintingOptions

  func run() throws {
    let console = Console.current
    let named = FloatingPointFormat.named.map(\.format)
    let rounding = try rounding.resolve()
    var results: [RoundingResult] = []
    // The terminator arrives as a value too.
    var values = values
    if let terminator = values.firstIndex(of: "--") { values.remove(at: terminator) }
    guard !values.isEmpty || !bits.isEmpty else {
      throw CommandFailure(
        .wrongUsage, "nothing to round; give a value, as in 'ropedrift round 0.1', or --bits")
    }
    for value in values {
      let exact = try literal(value).exactValue
      for format in try formats.resolve(default: named) {
        results.append(RoundingResult(value, format, format.round(exact, rounding)))
      }
    }
    for typed in bits {
      let encoding = try EncodingLiteral(typed)
      for format in try formats.resolve(default: encoding.likelyFormats(among: named)) {
        results.append(RoundingResult(typed, format, try encoding.encoding(in: format)))
      }
    }
    if printing.json {
      try console.print(json: .array(results.map { $0.json(rounding) }))
    } else {
      var table = AlignedTextTable(header: RoundingResult.header)
      for result in results { table.append(result.cells) }
      try console.write(table.text)
    }
  }

  /// A number, or wrong usage: an option that does not exist, or text that is no number.
  private func literal(_ value: String) throws -> NumberLiteral {
    do {
      return try NumberLiteral(value)
    } catch let error as FormatError {
      guard value.hasPrefix("-"), value.drop(while: { $0 == "-" }).first?.isLetter ?? false else {
        throw error
      }
      throw CommandFailure(
        .wrongUsage,
        "'\(value)' is neither an option of round nor a number; 'ropedrift round --help' lists the options")
    }
  }
}

/// An encoding as typed: `0x3f80`, `0b0011`.
struct EncodingLiteral {
  private let typed: String
  private let value: UInt64
  /// Hexadecimal digits as typed, leading zeros included; of binary, as many as hold its digits.
  private let width: Int

  init(_ typed: String) throws {
    let digits = typed.dropFirst(2)
    let isBinary = typed.lowercased().hasPrefix("0b")
    guard isBinary || typed.lowercased().hasPrefix("0x"), digits.first != "+", digits.first != "-",
      let value = UInt64(digits, radix: isBinary ? 2 : 16)
    else {
      throw CommandFailure(
        .wrongUsage,
        "'\(typed)' is not an encoding of at most 64 bits; write hexadecimal (0x3f80) or binary (0b0011)")
    }
    self.typed = typed
    self.value = value
    width = isBinary ? (digits.count + 3) / 4 : digits.count
  }

  /// The formats that are written with as many digits; where there are none, those that the encoding fits.
  func likelyFormats(among formats: [FloatingPointFormat]) throws -> [FloatingPointFormat] {
    let same = formats.filter { ($0.bitWidth + 3) / 4 == width && fits($0) }
    return same.isEmpty ? formats.filter(fits) : same
  }

  private func fits(_ format: FloatingPointFormat) -> Bool {
    format.bitWidth == 64 || value >> UInt64(format.bitWidth) == 0
  }

  /// The encoding in a format.
  ///
  /// - Throws: ``CommandFailure`` (wrong usage) where it has too many bits.
  func encoding(in format: FloatingPointFormat) throws -> UInt64 {
    guard fits(format) else {
      throw CommandFailure(
        .wrongUsage,
        "\(typed) does not fit \(format.spelling), whose encodings have \(format.bitWidth) bits; name a wider --format"
      )
    }
    return value
  }
}

/// One line of `round`.
private struct RoundingResult {
  let typed: String
  let format: FloatingPointFormat
  let encoding: UInt64
  /// Nil for an encoding that was decoded.
  let rounded: RoundedValue?

  init(_ typed: String, _ format: FloatingPointFormat, _ rounded: RoundedValue) {
    (self.typed, self.format, self.rounded) = (typed, format, rounded)
    encoding = rounded.encoding
  }

  init(_ typed: String, _ format: FloatingPointFormat, _ encoding: UInt64) {
    (self.typed, self.format, self.encoding, rounded) = (typed, format, encoding, nil)
  }

  /// The binary32 word of the same value, where another format's values are all binary32 numbers: tf32 lives in such words.
  private var binary32Word: String? {
    guard format != .fp32, format.isSubset(of: .fp32) else { return nil }
    return FloatingPointFormat.fp32.hexadecimal(
      FloatingPointFormat.fp32.round(format.value(of: encoding)).encoding)
  }

  private var flags: String? {
    guard let rounded else { return nil }
    let raised = [
      (rounded.isInexact, "inexact"), (rounded.overflowed, "overflow"), (rounded.underflowed, "underflow"),
    ].filter(\.0).map(\.1)
    return raised.isEmpty ? "exact" : raised.joined(separator: " ")
  }

  static let header = ["typed", "format", "bits", "in binary32", "class", "flags", "hexadecimal", "value"]

  var cells: [Cell] {
    [
      .string(typed), .string(format.spelling), .string(format.hexadecimal(encoding)),
      binary32Word.map(Cell.string) ?? .missing, .string(format.classify(encoding).rawValue),
      flags.map(Cell.string) ?? .missing, .string(format.hexadecimalFloat(encoding)),
      .string(format.exactDecimal(encoding)),
    ]
  }

  func json(_ rounding: Rounding) -> JSONValue {
    var object: JSONObject = ["typed": .string(typed), "format": .string(format.spelling)]
    if rounded != nil { object["rounding"] = .string(rounding.spelling) }
    object["bits"] = .string(format.hexadecimal(encoding))
    object["binary32_word"] = binary32Word.map(JSONValue.string) ?? .null
    object["class"] = .string(format.classify(encoding).rawValue)
    object["value"] = format.jsonValue(encoding)
    object["exact"] = .string(format.exactDecimal(encoding))
    object["hexadecimal"] = .string(format.hexadecimalFloat(encoding))
    if let rounded {
      object["inexact"] = .boolean(rounded.isInexact)
      object["overflow"] = .boolean(rounded.overflowed)
      object["underflow"] = .boolean(rounded.underflowed)
    }
    return .object(object)
  }
}
