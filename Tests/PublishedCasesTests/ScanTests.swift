// The screened maximum against the exact one, entry by entry; and the screen's bound against MPFR.

import ArbitraryPrecision
import CMPFR
import EmulatedEngine
import FloatingPointFormats
import Foundation
import Testing

@testable import PublishedCases

@Suite struct ScanTests {
  /// Arithmetics that take every path of the screen: rounded everywhere, frequency alone, position alone, exact cos of a rounded
  /// angle, fp16 that overflows, directed rounding.
  static let setups: [String] = [
    tableSetup(),
    tableSetup(position: #""exact""#, angle: #""exact""#, trig: #""exact""#, table: #""exact""#),
    tableSetup(frequency: #""exact""#, angle: #""exact""#, trig: #""exact""#, table: #""exact""#),
    tableSetup(
      frequency: #""exact""#, position: #""exact""#, angle: #""fp16""#, trig: #""exact""#, table: #""fp16""#),
    tableSetup(
      frequency: #""fp32""#, position: #""fp16""#, angle: #""fp16""#, trig: #""exact""#, table: #""exact""#),
    tableSetup(
      angle: #"{"format": "fp16", "rounding": "down"}"#,
      table: #"{"format": "bf16", "rounding": "toward-zero"}"#),
  ]

  @Test(arguments: setups, TableQuantity.allCases)
  func theMaximumIsThatOfEveryEntry(_ setup: String, _ quantity: TableQuantity) throws {
    let positions = [0, 1, 2, 100, 255, 256, 257, 258, 511, 1000, 2047, 2049, 4095, 60001]
    let read = try PublishedCase(
      json: caseText(
        setup: setup,
        steps:
          #"{"name": "a", "compute": "tableScan", "table": "t", "quantity": "\#(quantity.rawValue)", "positions": \#(positions)}"#
      ),
      origin: "mine.json")
    let screen = try TableScreen(read.setup.tables[0].value)
    let isStored =
      screen.table.recipe.table.isExact == false || screen.table.recipe.trig.rounding.isExact == false
    guard quantity != .phase || isStored else {
      #expect(throws: CaseError.self) { try read.run() }
      return
    }
    var best: (value: ExactReal, position: Int, pair: Int)?
    for position in positions {
      for pair in 0..<4 {
        let value = try screen.exactError(quantity, position: position, pair: pair)
        if let known = best, try !isGreater(value, known.value) { continue }
        best = (value, position, pair)
      }
    }
    let found = Dictionary(
      uniqueKeysWithValues: try read.run().steps[0].values.map { ($0.name, $0.value) })
    #expect(found["a.position"]?.integers == [best!.position] && found["a.pair"]?.integers == [best!.pair])
    #expect(try found["a"]?.double == FloatingPointFormat.fp64.rounded(best!.value.exactValue()))
    #expect(found["a.notFinite"]?.integers == [0])
  }

  /// a > b; values that 192 bits do not tell apart count as equal.
  private func isGreater(_ a: ExactReal, _ b: ExactReal) throws -> Bool {
    if let x = a.rational, let y = b.rational { return y < x }
    return ExactReal.sum([a, -b]).interval(precision: 192).sign == 1
  }

  @Test func overflowIsCountedNotHidden() throws {
    let found = try values(
      setup: tableSetup(position: #""fp16""#, angle: #""fp16""#),
      #"{"name": "a", "compute": "tableScan", "table": "t", "quantity": "angle", "positions": [1, 65519, 65520]}"#
    )
    // All four pairs at 65520 are infinite; at 65519 the position is 65504.
    #expect(found["a.notFinite"]?.integers == [4] && found["a.position"]?.integers == [65519])
  }

  /// r = 8, ω = 1, 0.1, 0.01, 0.001: at 1001 the bf16 position is off by 1, which only pairs 0 and 1 carry above 0.05.
  @Test func aThresholdCountsPairs() throws {
    let found = try values(
      setup: tableSetup(frequency: #""exact""#, angle: #""exact""#),
      #"{"name": "a", "compute": "tableScan", "table": "t", "quantity": "angle", "positions": 1001, "threshold": "0.05"}, "#
        + #"{"name": "b", "compute": "tableScan", "table": "t", "quantity": "angle", "positions": 1001, "threshold": "1"}"#
    )
    #expect(found["a.pairsAbove"]?.integers == [2] && found["a"]?.integers == [1])
    #expect(found["b.pairsAbove"]?.integers == [0])
  }

  @Test func theBoundOfTheScreenHolds() throws {
    var worst = 0.0
    var arguments = [
      0.0, 0x1p-30, 0.7853981633974483, 0x1p20, 1_048_575.99, 3.141592653589793, 1.5707963267948966,
    ]
    for index in 0..<4000 {
      let bits = Philox.bits(seed: 7, counter: RoundingCounter(UInt32(index)))
      let x = Double(bits >> 11) * 0x1p-53
      arguments.append(x * (index.isMultiple(of: 2) ? 8 : 0x1p20))
    }
    for x in arguments + arguments.map(-) {
      let low = x * 0x1p-53
      let found = try #require(BoundedTrigonometry.shared.cosineAndSine(x, low))
      let exact = ExactReal.sum([ExactReal(x), ExactReal(low)])
      for (value, truth) in [(found.cosine, exact.cosine), (found.sine, exact.sine)] {
        let error = ExactReal.sum([ExactReal(value), -truth])
        worst = max(worst, abs(FloatingPointFormat.fp64.rounded(try error.exactValue())))
      }
    }
    #expect(worst < BoundedTrigonometry.bound / 4, "\(worst)")
    #expect(BoundedTrigonometry.shared.cosineAndSine(0x1.0000001p20) == nil)
    #expect(BoundedTrigonometry.shared.cosineAndSine(.nan) == nil)
  }

  @Test(arguments: [
    RoundingChain([.bf16]), RoundingChain([.fp32, .fp16]), RoundingChain([.fp64]),
    RoundingChain([.tf32], rounding: .towardZero), RoundingChain([.fp8E4M3FN]),
  ])
  func theFastRounderIsThePlainOne(_ chain: RoundingChain) {
    let round = ChainRounder(chain)
    for index in 0..<2000 {
      let bits = Philox.bits(seed: 3, counter: RoundingCounter(UInt32(index)))
      let a = Double(bitPattern: bits & ~(0x7FF << 52) | UInt64(1023 - 30 + index % 60) << 52)
      let b = Double(Int(bits >> 40)) / 64
      #expect(round(a).bitPattern == chain.rounded(ExactValue(a)).bitPattern)
      #expect(round.product(a, b).bitPattern == chain.rounded(.product(a, b)).bitPattern)
    }
  }

  @Test func theFirstOfEqualMaximaWins() throws {
    var search = MaximumSearch()
    for (index, value) in [1.0, 3, 2, 3].enumerated() {
      search.add(BoundedNumber(value: value, bound: index == 1 ? 0.5 : 0), .init(position: index, pair: 0))
    }
    let found = try search.maximum { ExactReal([1.0, 3, 2, 3][$0.position]) }
    #expect(found?.place.position == 1)
  }
}
