// One or more entries of a rotary table, stage by stage, beside their exact values.

import ArbitraryPrecision
import EmulatedEngine
import FloatingPointFormats
import RotaryAttention

/// Frequency, position, angle, cos and sin as an arithmetic makes them, and as real numbers.
struct TableEntryStep: CaseComputation {
  static let name = "tableEntry"
  static let summary =
    "Every stage of a table at one position for one or more pairs, with the exact values and the differences."
  static let keys = ["table", "position", "pair"]

  private let table: CaseTable
  private let position: Int
  private let pairs: [Int]
  private let isList: Bool

  init(_ object: CaseObject, _ names: CaseNames) throws {
    table = try names.table(object)
    position = try object.integer("position", in: -TokenPositions.limit...TokenPositions.limit)
    let known = 0...table.embedding.embedding.pairCount - 1
    pairs = try object.integers("pair", in: known)
    if case .array = object.value("pair") { isList = true } else { isList = pairs.count > 1 }
  }

  let parts = [
    "frequency", "position", "angle", "cosine", "sine", "exactFrequency", "exactAngle", "exactCosine",
    "exactSine", "angleDifference", "cosineDifference",
  ]

  func run(_ scope: CaseScope) throws -> [String: CaseValue] {
    var columns: [String: [CaseNumber]] = [:]
    let recipe = table.recipe
    let tableFormat = recipe.table.stored ?? recipe.trig.rounding.stored
    for pair in pairs {
      func add(_ part: String, _ value: StageValue, _ format: FloatingPointFormat? = nil) {
        columns[part, default: []].append(CaseNumber(value, format: format))
      }
      let entry = try table.emulation.tableEntry(position: position, pair: pair)
      let exact = table.embedding.exactAngle(position: position, pair: pair)
      add("frequency", table.emulation.frequencies[pair], recipe.inverseFrequency.rounding.stored)
      columns["position", default: []].append(
        try recipe.position.stored(.real(ExactReal(Rational(position)))))
      add("angle", entry.angle, recipe.angle.rounding.stored)
      add("cosine", entry.cosine, tableFormat)
      add("sine", entry.sine, tableFormat)
      add("exactFrequency", .real(table.embedding.frequencies[pair]))
      add("exactAngle", .real(exact))
      add("exactCosine", .real(exact.cosine))
      add("exactSine", .real(exact.sine))
      let isExact = try table.angleIsExact(position: position, pair: pair)
      add("angleDifference", isExact ? .real(ExactReal(Rational(0))) : difference(entry.angle, exact))
      let isExactCosine = isExact && recipe.trig.rounding.isExact && recipe.table.isExact
      add(
        "cosineDifference",
        isExactCosine ? .real(ExactReal(Rational(0))) : difference(entry.cosine, exact.cosine))
    }
    return columns.mapValues { isList ? CaseValue(list: $0) : CaseValue($0[0]) }
  }

  /// stored − exact; NaN where the stored value is not finite.
  private func difference(_ stored: StageValue, _ exact: ExactReal) -> StageValue {
    stored.exactReal.map { .real(.sum([$0, -exact])) } ?? .number(.nan)
  }
}
