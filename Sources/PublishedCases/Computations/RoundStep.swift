// Values as a format stores them.

import EmulatedEngine
import FloatingPointFormats

/// Each value rounded through a chain of formats.
struct RoundStep: CaseComputation {
  static let name = "round"
  static let summary = "Each value rounded to a format, or through several."
  static let keys = ["value", "format", "rounding"]

  private let operand: CaseOperand
  private let chain: RoundingChain

  init(_ object: CaseObject, _ names: CaseNames) throws {
    operand = try names.operand(object, "value")
    chain = try object.chain()
  }

  func run(_ scope: CaseScope) throws -> [String: CaseValue] {
    let value = scope.value(operand)
    let rounded = try value.numbers.map { try chain.stored($0.value) }
    return ["": value.isList ? CaseValue(list: rounded) : CaseValue(rounded[0])]
  }
}

extension RoundingChain {
  /// A value as the chain stores it; as it is where the chain is exact.
  func stored(_ value: StageValue) throws -> CaseNumber {
    guard let format = stored else { return CaseNumber(value) }
    return CaseNumber(.number(rounded(try value.exactValue())), format: format)
  }
}
