// `ropedrift formats`: what each format can hold, from the format's own data.

import ArgumentParser
import RoPEDrift

/// Lists the floating-point formats, or shows one.
struct FormatsCommand: PrintingCommand {
  static let configuration = CommandConfiguration(
    commandName: "formats",
    abstract: "List the floating-point formats, or show one.",
    discussion: """
      Beside the named ones any format can be spelled pPeEMIN:EMAX (p11e-14:15 is fp16), and -saturating after a name \
      turns overflow into the largest finite value.

      Examples:
        ropedrift formats
        ropedrift formats p5e-14:15
        ropedrift formats fp8-e4m3fn-saturating --json
      """)

  @Argument(help: "One format; all named ones if left out.", completion: .formats)
  var name: String?

  @OptionGroup var printing: PrintingOptions

  func run() throws {
    let console = Console.current
    let formats =
      try name.map { [try FloatingPointFormat(spelling: $0)] } ?? FloatingPointFormat.named.map(\.format)
    if printing.json {
      let values = formats.map(Self.json)
      try console.print(json: name == nil ? .array(values) : values[0])
      return
    }
    var table = AlignedTextTable(header: [
      "format", "bits", "p", "emin", "emax", "smallest subnormal", "smallest normal", "largest",
      "infinity and NaN",
      "overflow",
    ])
    for format in formats {
      table.append([
        .string(format.spelling), .integer(format.bitWidth), .integer(format.precision),
        .integer(format.minimumExponent), .integer(format.maximumExponent),
        format.smallestSubnormal.map { .string(format.shortDecimal($0)) } ?? .missing,
        .string(format.shortDecimal(format.smallestNormal)),
        .string(format.shortDecimal(format.largestFiniteEncoding(isNegative: false))),
        .string(format.specialValuesInWords), .string(format.overflowInWords),
      ])
    }
    try console.write(table.text)
  }

  private static func json(_ format: FloatingPointFormat) -> JSONValue {
    func value(_ encoding: UInt64) -> JSONValue {
      .object([
        "bits": .string(format.hexadecimal(encoding)), "value": format.jsonValue(encoding),
      ])
    }
    return .object([
      "name": .string(format.spelling), "bits": .integer(format.bitWidth),
      "precision": .integer(format.precision),
      "emin": .integer(format.minimumExponent), "emax": .integer(format.maximumExponent),
      "smallest_subnormal": format.smallestSubnormal.map(value) ?? .null,
      "smallest_normal": value(format.smallestNormal),
      "largest": value(format.largestFiniteEncoding(isNegative: false)),
      "special_values": .string(format.specialValues.rawValue), "overflow": .string(format.overflowInWords),
    ])
  }
}

extension FloatingPointFormat {
  /// The encoding of the smallest subnormal value; nil where there are none.
  fileprivate var smallestSubnormal: UInt64? { hasSubnormals ? 1 : nil }

  /// The encoding of 2^emin.
  fileprivate var smallestNormal: UInt64 { 1 << UInt64(precision - 1) }

  /// The infinity and NaN policy in words.
  fileprivate var specialValuesInWords: String {
    switch specialValues {
    case .infinityAndNaN: "both"
    case .nanOnly: "NaN only"
    }
  }

  /// What rounding to nearest gives above the range.
  fileprivate var overflowInWords: String {
    if saturates { return "largest finite value" }
    return infinityEncoding(isNegative: false) == nil ? "NaN" : "infinity"
  }
}
