// The greatest error of a table over positions and pairs, with its place.

import ArbitraryPrecision
import EmulatedEngine
import FloatingPointFormats

/// The greatest error of a table, screened in binary64 with bounds and decided exactly.
struct TableScanStep: CaseComputation {
  static let name = "tableScan"
  static let summary =
    "The greatest |table − exact| over positions and pairs, its place, and how many pairs exceed a threshold."
  static let keys = ["table", "quantity", "positions", "pairs", "threshold"]

  private let screen: TableScreen
  private let quantities: [TableQuantity]
  private let positions: [Int]
  private let pairs: [Int]
  private let threshold: Rational?

  init(_ object: CaseObject, _ names: CaseNames) throws {
    let table = try names.table(object)
    screen = try TableScreen(table)
    quantities = try object.texts("quantity").texts.map { text in
      guard let quantity = TableQuantity(rawValue: text) else {
        throw object.invalid(
          "quantity", "'\(text)'",
          expected: "some of " + TableQuantity.allCases.map(\.rawValue).joined(separator: ", "))
      }
      return quantity
    }
    positions = try object.positions("positions")
    let all = 0...table.embedding.embedding.pairCount - 1
    pairs = object.has("pairs") ? try object.integers("pairs", in: all) : Array(all)
    threshold = object.has("threshold") ? Rational(try object.literal("threshold")) : nil
    if object.has("threshold"), threshold == nil {
      throw object.invalid("threshold", expected: "a finite number")
    }
    guard quantities.count == 1 || !quantities.contains(.phase), threshold == nil || quantities != [.phase]
    else {
      throw object.invalid("quantity", expected: "'phase' by itself, without a threshold")
    }
    guard table.emulation.attentionFactor == nil else {
      throw object.invalid("table", expected: "an embedding without an attention factor for '\(Self.name)'")
    }
  }

  var parts: [String] {
    ["", "position", "pair", "notFinite"] + (threshold == nil ? [] : ["pairsAbove"])
  }

  func run(_ scope: CaseScope) throws -> [String: CaseValue] {
    var search = MaximumSearch()
    var notFinite = 0
    var above: Set<Int> = []
    for position in positions {
      for pair in pairs {
        for (index, quantity) in quantities.enumerated() {
          guard let error = try screen.error(quantity, position: position, pair: pair) else {
            notFinite += 1
            continue
          }
          // The quantity travels in the pair, which is below 2^16.
          search.add(error, .init(position: position, pair: index << 16 | pair))
          if let threshold, !above.contains(pair),
            try exceeds(error, threshold, quantity, position: position, pair: pair)
          {
            above.insert(pair)
          }
        }
      }
    }
    let found = try search.maximum { place in
      try screen.exactError(
        quantities[place.pair >> 16], position: place.position, pair: place.pair & 0xFFFF)
    }
    guard let found else { throw StepFailure(reason: "no stored value of the table is finite") }
    return [
      "": CaseValue(CaseNumber(found.value)), "position": CaseValue(CaseNumber(found.place.position)),
      "pair": CaseValue(CaseNumber(found.place.pair & 0xFFFF)),
      "notFinite": CaseValue(CaseNumber(notFinite)), "pairsAbove": CaseValue(CaseNumber(above.count)),
    ]
  }

  /// Whether the error is above the threshold: by its bound, else exactly.
  private func exceeds(
    _ error: BoundedNumber, _ threshold: Rational, _ quantity: TableQuantity, position: Int, pair: Int
  ) throws -> Bool {
    // One more rounding than the bound counts: of the threshold to binary64.
    let limit = FloatingPointFormat.fp64.rounded(threshold.exactValue)
    let slack = error.bound + limit.magnitude * 0x1p-50
    if error.value > limit + slack { return true }
    if error.value < limit - slack { return false }
    return try ExactReal.isLess(
      ExactReal(threshold), screen.exactError(quantity, position: position, pair: pair))
  }
}
