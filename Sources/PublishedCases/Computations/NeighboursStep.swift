// Whether a table tells neighbouring positions apart.

import ArbitraryPrecision
import FloatingPointFormats

/// Rows of cos and sin at consecutive positions, compared with the row before.
struct NeighboursStep: CaseComputation {
  static let name = "neighbours"
  static let summary =
    "How many rows of stored cos and sin equal the row of the position before, and the least of the greatest |difference| of cos."
  static let keys = ["table", "positions"]

  private let screen: TableScreen
  private let positions: [Int]

  init(_ object: CaseObject, _ names: CaseNames) throws {
    screen = try TableScreen(names.table(object))
    positions = try object.positions("positions")
    guard positions.count > 1 else { throw object.invalid("positions", expected: "two positions at least") }
  }

  let parts = ["identical", "compared", "least"]

  func run(_ scope: CaseScope) throws -> [String: CaseValue] {
    let pairs = 0..<screen.table.embedding.embedding.pairCount
    var before: [(cosine: Double, sine: Double)] = []
    var identical = 0
    var least = Double.infinity
    for position in positions {
      let row = try pairs.map { try screen.storedEntry(position: position, pair: $0) }
      if !before.isEmpty {
        if zip(row, before).allSatisfy({ $0.0 == $0.1 }) { identical += 1 }
        // Exact: both are multiples of one unit of a format of at most 50 bits, and below 2 in magnitude.
        least = min(least, zip(row, before).map { ($0.cosine - $1.cosine).magnitude }.max()!)
      }
      before = row
    }
    return [
      "identical": CaseValue(CaseNumber(identical)),
      "compared": CaseValue(CaseNumber(positions.count - 1)),
      "least": CaseValue(CaseNumber(.number(least), format: .fp64)),
    ]
  }
}
