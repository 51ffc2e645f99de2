// Formats, roundings and positions as a case file spells them.

import EmulatedEngine
import FloatingPointFormats
import RotaryAttention

extension CaseObject {
  /// Positions within ±2^53.
  func positions(_ key: String) throws -> [Int] {
    try integers(key, in: -TokenPositions.limit...TokenPositions.limit)
  }

  /// A chain: `"bf16"`, `["fp32", "bf16"]` or `"exact"`, with `rounding` beside it.
  func chain(_ key: String = "format") throws -> RoundingChain {
    let names = try texts(key).texts
    guard names.count <= 8 else { throw invalid(key, expected: "at most eight formats") }
    var chain = RoundingChain.exact
    if names != ["exact"] { chain.formats = try names.map { try format($0, key) } }
    if has("rounding") {
      let name = try string("rounding")
      do {
        chain.rounding = try Rounding(spelling: name)
      } catch {
        throw invalid("rounding", "'\(name)'", expected: "\(error)")
      }
      if case .stochastic = chain.rounding {
        throw invalid("rounding", "'stochastic'", expected: "a rounding that the operands alone decide")
      }
    }
    return chain
  }

  /// A chain as the value of a key: a format, a list of formats, or an object with `format` and `rounding`.
  func stage(_ key: String) throws -> RoundingChain {
    guard case .object = value(key) else { return try chainAlone(key) }
    let stage = try object(key)
    try stage.allow(["format", "rounding"])
    return try stage.chain()
  }

  private func chainAlone(_ key: String) throws -> RoundingChain {
    try CaseObject(file: file, path: path, members.filter { $0.key == key }).chain(key)
  }

  private func format(_ name: String, _ key: String) throws -> FloatingPointFormat {
    let format: FloatingPointFormat
    do {
      format = try FloatingPointFormat(spelling: name)
    } catch {
      throw invalid(key, "'\(name)'", expected: "a format ('exact' stands alone): \(error)")
    }
    guard format.isSubset(of: .fp64), format.precision <= 53 else {
      throw invalid(key, "'\(name)'", expected: "formats whose values are all binary64 numbers")
    }
    return format
  }
}

extension RoundingChain {
  /// An exact value rounded through the formats, of which there must be one.
  func rounded(_ value: ExactValue) -> Double {
    var operand = value
    var result = Double.nan
    for format in formats {
      result = format.rounded(operand, rounding)
      operand = ExactValue(result)
    }
    return result
  }
}
