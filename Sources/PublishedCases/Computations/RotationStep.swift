// One pair of channels rotated under every algorithm that implementations use.

import ArbitraryPrecision
import EmulatedEngine
import FloatingPointFormats

/// (x cos φ − y sin φ, x sin φ + y cos φ) of given numbers.
struct RotationStep: CaseComputation {
  static let name = "rotation"
  static let summary =
    "One pair (x cos φ − y sin φ, x sin φ + y cos φ) under every rotation algorithm of a recipe; the second channel as ALGORITHM.second."
  static let keys = ["cosine", "sine", "first", "second", "format", "rounding"]

  private let operands: [CaseOperand]
  private let chain: RoundingChain

  init(_ object: CaseObject, _ names: CaseNames) throws {
    operands = try ["cosine", "sine", "first", "second"].map { try names.operand(object, $0) }
    chain = try object.chain()
    guard !chain.isExact else { throw object.invalid("format", expected: "a format that rounds") }
  }

  var parts: [String] {
    Recipe.Rotation.Algorithm.allCases.flatMap { [$0.rawValue, "\($0.rawValue).second"] }
  }

  func run(_ scope: CaseScope) throws -> [String: CaseValue] {
    let numbers = try operands.map { operand -> Double in
      let value = scope.value(operand).numbers[0].value
      let number = try value.binary64()
      guard value.exactReal?.rational == ExactReal(number).rational else {
        throw StepFailure(reason: "its operands must be numbers that a format stores; round them first")
      }
      return number
    }
    let (cosine, sine, x, y) = (numbers[0], numbers[1], numbers[2], numbers[3])
    var result: [String: CaseValue] = [:]
    for algorithm in Recipe.Rotation.Algorithm.allCases {
      let name = algorithm.rawValue
      result[name] = stored(algorithm, x, cosine, -y, sine)
      result["\(name).second"] = stored(algorithm, x, sine, y, cosine, isSecond: true)
    }
    return result
  }

  /// a·b + c·d; in the second component of a pair the sine stands in the first product.
  private func stored(
    _ algorithm: Recipe.Rotation.Algorithm, _ a: Double, _ b: Double, _ c: Double, _ d: Double,
    isSecond: Bool = false
  ) -> CaseValue {
    func product(_ x: Double, _ y: Double) -> Double { chain.rounded(.product(x, y)) }
    let rounding = chain.rounding
    let exact: ExactValue =
      switch algorithm {
      case .perOperation: .sum(product(a, b), product(c, d), rounding)
      case .fusedFirstProductExact,
        .fusedCosineProductExact where !isSecond,
        .fusedSineProductExact where isSecond:
        .productSum(a, b, product(c, d), rounding)
      case .fusedSecondProductExact, .fusedCosineProductExact, .fusedSineProductExact:
        .productSum(c, d, product(a, b), rounding)
      case .wide: .sumOfProducts(a, b, c, d, rounding)
      }
    return CaseValue(CaseNumber(.number(chain.rounded(exact)), format: chain.stored))
  }
}
