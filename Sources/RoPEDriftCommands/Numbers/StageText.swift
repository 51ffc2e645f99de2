// Values of emulated stages for people and for JSON: a decimal, and bits where a format stores the value.

import RoPEDrift

/// A value after a stage, with the format in which it is stored there; none where the stage keeps it exact.
struct StoredValue {
  let decimal: String
  let bits: String?
  let format: FloatingPointFormat?
  private let number: Double?

  /// A stage's value.
  ///
  /// - Parameters:
  ///   - value: what the stage gave.
  ///   - format: the format of its last rounding; nil where it does not round.
  ///   - digits: for an exact real that no format stores.
  /// - Throws: ``UndecidedRounding``.
  init(_ value: StageValue, format: FloatingPointFormat?, digits: Int) throws {
    self.format = format
    switch value {
    case .number(let number):
      self.number = number
      decimal = DecimalText.shortest(number)
      bits = format.map { $0.hexadecimal($0.round(ExactValue(number)).encoding) }
    case .real(let real):
      number = nil
      decimal = try real.decimal(digits: digits)
      bits = nil
    }
  }

  /// `{"value": …, "bits": …, "format": …}`; an exact real as a string of digits.
  var json: JSONValue {
    var object: JSONObject = ["value": number.map(JSONValue.number) ?? .string(decimal)]
    if let bits { object["bits"] = .string(bits) }
    object["format"] = .string(format?.spelling ?? "exact")
    return .object(object)
  }

  /// Cells of a table: decimal, bits.
  var cells: [Cell] { [.string(decimal), bits.map(Cell.string) ?? .missing] }
}

/// An exact value rounded correctly into the formats that people compare with.
enum CorrectlyRounded {
  static let formats: [FloatingPointFormat] = [.fp64, .fp32, .bf16, .fp16]

  /// The value in each of ``formats``.
  ///
  /// - Throws: ``UndecidedRounding``.
  static func values(of real: ExactReal) throws -> [StoredValue] {
    let exact = try real.exactValue()
    return try formats.map { format in
      try StoredValue(.number(format.rounded(exact)), format: format, digits: 17)
    }
  }
}
