// How many integers a format keeps apart.

import ArbitraryPrecision
import EmulatedEngine
import FloatingPointFormats

/// Integers rounded, and counted.
struct DistinctStep: CaseComputation {
  static let name = "distinct"
  static let summary =
    "Integers rounded to a format: how many different results, how many changed, how many at the end are equal."
  static let keys = ["values", "format", "rounding"]

  private let values: [Int]
  private let chain: RoundingChain

  init(_ object: CaseObject, _ names: CaseNames) throws {
    values = try object.positions("values")
    chain = try object.chain()
    guard !chain.isExact else { throw object.invalid("format", expected: "a format that rounds") }
  }

  let parts = ["distinct", "changed", "notFinite", "equalAtEnd", "last"]

  func run(_ scope: CaseScope) throws -> [String: CaseValue] {
    let round = ChainRounder(chain)
    let rounded = values.map { round(Double($0)) }
    let last = rounded[rounded.count - 1]
    let counts = [
      "distinct": Set(rounded.map(\.bitPattern)).count,
      "changed": zip(values, rounded).count { Double($0) != $1 },
      "notFinite": rounded.count { !$0.isFinite },
      "equalAtEnd": rounded.reversed().prefix { $0.bitPattern == last.bitPattern }.count,
    ]
    var result = counts.mapValues { CaseValue(CaseNumber($0)) }
    result["last"] = CaseValue(CaseNumber(.number(last), format: chain.stored))
    return result
  }
}
