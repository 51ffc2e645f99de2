// One operation, exact or rounded once: arithmetic that a case writes out.

import ArbitraryPrecision
import CMPFR
import EmulatedEngine
import FloatingPointFormats

/// One operation on earlier values; lists element by element, numbers beside them repeated.
struct ExpressionStep: CaseComputation {
  static let name = "expression"
  static let summary = "One operation on exact operands, its result rounded once to a format or kept exact."
  static let keys = ["operation", "operands", "format", "rounding"]

  /// The operations, and how many operands each takes.
  enum Operation: String, CaseIterable {
    case sum, difference, product, quotient, fusedProductSum, magnitude, squareRoot, logarithm, cosine, sine
    case exponential, binaryExponential
    case minimum, maximum, count, slice

    var operands: Int {
      switch self {
      case .sum, .difference, .product, .quotient: 2
      case .fusedProductSum, .slice: 3
      default: 1
      }
    }
  }

  private let operation: Operation
  private let operands: [CaseOperand]
  private let chain: RoundingChain

  init(_ object: CaseObject, _ names: CaseNames) throws {
    let operation: Operation = try object.name("operation")
    self.operation = operation
    guard case .array(let elements) = object.value("operands") else {
      throw object.has("operands")
        ? object.invalid("operands", expected: "an array of \(operation.operands)")
        : object.missing("operands")
    }
    guard elements.count == operation.operands else {
      throw object.invalid(
        "operands", expected: "an array of \(operation.operands) for '\(operation.rawValue)'")
    }
    operands = try elements.enumerated().map { index, element in
      let key = "operands[\(index)]"
      return try names.operand(
        CaseObject(file: object.file, path: object.path, [(key, element)]), key)
    }
    chain = try object.chain()
    if [.exponential, .binaryExponential].contains(operation), chain.isExact {
      throw object.invalid(
        "format", expected: "a format: '\(operation.rawValue)' is rounded once, never exact")
    }
  }

  func run(_ scope: CaseScope) throws -> [String: CaseValue] {
    let values = operands.map(scope.value)
    switch operation {
    case .count: return ["": CaseValue(CaseNumber(values[0].numbers.count))]
    case .minimum, .maximum: return ["": CaseValue(try extreme(values[0].numbers))]
    case .slice: return ["": try slice(values)]
    default: break
    }
    let lengths = Set(values.filter(\.isList).map(\.numbers.count))
    guard lengths.count <= 1 else {
      throw StepFailure(
        reason: "its lists have \(lengths.sorted().map(String.init).joined(separator: " and ")) elements")
    }
    let results = try (0..<(lengths.first ?? 1)).map { index in
      try chain.stored(result(values.map { $0.isList ? $0.numbers[index].value : $0.numbers[0].value }))
    }
    return ["": lengths.isEmpty ? CaseValue(results[0]) : CaseValue(list: results)]
  }

  /// The exact result before rounding; the exponentials' already rounded.
  private func result(_ x: [StageValue]) throws -> StageValue {
    switch operation {
    case .exponential: return .number(try exponential(x[0]) { mpfr_exp($0, $1, MPFR_RNDZ) })
    case .binaryExponential: return .number(try exponential(x[0]) { mpfr_exp2($0, $1, MPFR_RNDZ) })
    default: break
    }
    let reals = x.compactMap(\.exactReal)
    guard reals.count == x.count else { return .number(try special(x)) }
    let (a, b) = (reals[0], reals.last!)
    switch operation {
    case .sum: return .real(.sum([a, b]))
    case .difference: return .real(.sum([a, -b]))
    case .product: return .real(a * b)
    case .quotient:
      guard !b.isZero else { return .number(try special(x)) }
      return .real(a * b.reciprocal)
    case .fusedProductSum: return .real(.sum([a * reals[1], b]))
    case .magnitude: return .real(try a.magnitude())
    case .squareRoot:
      guard try a.isZero || isPositive(a) else { return .number(.nan) }
      return .real(a.squareRoot)
    case .logarithm:
      guard try !a.isZero && isPositive(a) else {
        throw StepFailure(reason: "the logarithm of a number that is not above zero")
      }
      return .real(a.logarithm)
    case .cosine: return .real(a.cosine)
    case .sine: return .real(a.sine)
    case .exponential, .binaryExponential, .minimum, .maximum, .count, .slice:
      preconditionFailure("handled before")
    }
  }

  private func isPositive(_ a: ExactReal) throws -> Bool { try ExactReal.isLess(ExactReal(Rational(0)), a) }

  /// IEEE 754's result where an operand is NaN or infinite, or a divisor zero.
  private func special(_ x: [StageValue]) throws -> Double {
    let numbers = try x.map { try $0.binary64() }
    switch operation {
    case .sum: return numbers[0] + numbers[1]
    case .difference: return numbers[0] - numbers[1]
    case .product: return numbers[0] * numbers[1]
    case .quotient: return numbers[0] / numbers[1]
    case .fusedProductSum: return numbers[2].addingProduct(numbers[0], numbers[1])
    case .magnitude: return numbers[0].magnitude
    default: throw StepFailure(reason: "'\(operation.rawValue)' of a number that is not finite")
    }
  }

  /// e^x or 2^x of a binary64 number, rounded through the chain from the exact result; an infinite x gives 0 or an infinity.
  private func exponential(_ x: StageValue, _ function: (MPFRPointer, MPFRPointer) -> Int32) throws -> Double
  {
    let value = try x.binary64()
    if case .real(let real) = x, real.rational != Rational(value.isFinite ? value : 0) {
      throw StepFailure(
        reason: "'\(operation.rawValue)' takes a number that a format stores; round its operand first")
    }
    let operand = MPFRNumber(value, precision: 53)
    return chain.rounded(ExactValue.result { function($0, operand.pointer) })
  }

  /// Elements first … first + count − 1 of a list.
  private func slice(_ values: [CaseValue]) throws -> CaseValue {
    let list = values[0].numbers
    guard let first = values[1].numbers[0].integer, let count = values[2].numbers[0].integer, first >= 0,
      count > 0, first + count <= list.count
    else { throw StepFailure(reason: "the list of \(list.count) has no such elements") }
    return CaseValue(list: Array(list[first..<first + count]))
  }

  private func extreme(_ numbers: [CaseNumber]) throws -> CaseNumber {
    guard var best = numbers.first else {
      throw StepFailure(reason: "an empty list has no \(operation.rawValue)")
    }
    for number in numbers {
      guard let a = best.value.exactReal, let b = number.value.exactReal else {
        throw StepFailure(reason: "a list with a number that is not finite has no \(operation.rawValue)")
      }
      if try operation == .maximum ? ExactReal.isLess(a, b) : ExactReal.isLess(b, a) { best = number }
    }
    return best
  }
}
