// The pair at which a rotary embedding turns a given number of times over a length: where YaRN's ramp begins and ends.

import ArbitraryPrecision
import FloatingPointFormats

/// c(n) = r·ln(L/(2πn))/(2·ln b) [Peng2023], neither rounded nor clamped.
struct CorrectionDimensionStep: CaseComputation {
  static let name = "correctionDimension"
  static let summary = "YaRN's c(n) = r·ln(L/(2πn))/(2·ln b), neither rounded nor clamped."
  static let keys = ["rotarySize", "base", "original", "rotations"]

  private let size: Int
  private let base: Rational
  private let original: Rational
  private let rotations: Rational

  init(_ object: CaseObject, _ names: CaseNames) throws {
    size = try object.integer("rotarySize", in: 2...65536)
    func positive(_ key: String) throws -> Rational {
      guard let value = Rational(try object.literal(key)), value.sign > 0 else {
        throw object.invalid(key, expected: "a finite number above zero")
      }
      return value
    }
    base = try positive("base")
    guard base != Rational(1) else { throw object.invalid("base", expected: "a base other than 1") }
    original = try positive("original")
    rotations = try positive("rotations")
  }

  func run(_ scope: CaseScope) throws -> [String: CaseValue] {
    let turns = ExactReal(Rational(2) * rotations) * ExactReal.pi
    let ratio = ExactReal(original) * turns.reciprocal
    let numerator = ExactReal(Rational(size)) * ratio.logarithm
    let denominator = ExactReal(Rational(2)) * ExactReal(base).logarithm
    return ["": CaseValue(CaseNumber(numerator * denominator.reciprocal))]
  }
}
