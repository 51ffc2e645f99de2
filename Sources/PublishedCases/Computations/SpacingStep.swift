// The gap between neighbours of a format.

import ArbitraryPrecision
import EmulatedEngine
import FloatingPointFormats

/// ulp of a format at a value, and the largest run of integers that the format holds.
struct SpacingStep: CaseComputation {
  static let name = "spacing"
  static let summary =
    "The gap of a format's values in the binade of a value, and 2^p, up to which it holds every integer."
  static let keys = ["value", "format"]

  private let operand: CaseOperand
  private let format: FloatingPointFormat

  init(_ object: CaseObject, _ names: CaseNames) throws {
    operand = try names.operand(object, "value")
    let chain = try object.chain()
    guard chain.formats.count == 1 else { throw object.invalid("format", expected: "one format") }
    format = chain.formats[0]
  }

  let parts = ["", "integers"]

  func run(_ scope: CaseScope) throws -> [String: CaseValue] {
    let value = scope.value(operand)
    let gaps = try value.numbers.map { number -> CaseNumber in
      // Toward zero, so that a value just below a power of two stays in its binade.
      let magnitude = FloatingPointFormat.fp64.rounded(try number.value.exactValue(), .towardZero)
      guard let gap = format.unitInLastPlace(at: magnitude) else {
        throw StepFailure(reason: "\(format.spelling) has no gap at a value beyond its range")
      }
      return CaseNumber(.number(gap), format: .fp64)
    }
    let integers = min(Int(1) << format.precision, Int(1) << min(format.maximumExponent, 62))
    return [
      "": value.isList ? CaseValue(list: gaps) : CaseValue(gaps[0]),
      "integers": CaseValue(CaseNumber(integers)),
    ]
  }
}
