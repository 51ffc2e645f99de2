// Consecutive positions as implementations of "arange" make them in a narrow format.

import ArbitraryPrecision
import EmulatedEngine
import FloatingPointFormats

/// start, start + 1, …, below end.
struct ArangeStep: CaseComputation {
  static let name = "arange"
  static let summary =
    "start … end − 1 in a format: 'rounded' RN(start + k); 'accumulated' x = RN(x + 1); 'blocks' RN(RN(start + n·⌊k/n⌋) + k mod n), n = block."
  static let keys = ["start", "end", "model", "block", "format", "rounding"]

  /// How elements are made.
  enum Model: String, CaseIterable {
    case rounded, accumulated, blocks
  }

  private let range: Range<Int>
  private let model: Model
  private let block: Int
  private let chain: RoundingChain

  init(_ object: CaseObject, _ names: CaseNames) throws {
    let limit = 1 << 30
    let start = try object.integer("start", in: -limit...limit)
    let end = try object.integer("end", in: -limit...limit)
    guard start < end, end - start <= 1 << 16 else {
      throw object.invalid("end", expected: "more than 'start', by at most 2^16")
    }
    range = start..<end
    model = try object.name("model")
    chain = try object.chain()
    guard !chain.isExact else { throw object.invalid("format", expected: "a format that rounds") }
    guard (model == .blocks) == object.has("block") else {
      throw object.has("block")
        ? object.invalid("block", expected: "no block for this model") : object.missing("block")
    }
    block = model == .blocks ? try object.integer("block", in: 1...1 << 20) : 1
  }

  let parts = ["", "last"]

  func run(_ scope: CaseScope) throws -> [String: CaseValue] {
    let round = ChainRounder(chain)
    var values: [Double] = []
    values.reserveCapacity(range.count)
    for index in 0..<range.count {
      switch model {
      case .rounded: values.append(round(Double(range.lowerBound + index)))
      case .accumulated:
        values.append(values.last.map { round($0 + 1) } ?? round(Double(range.lowerBound)))
      case .blocks:
        let first = round(Double(range.lowerBound + index / block * block))
        values.append(round(first + Double(index % block)))
      }
    }
    func number(_ value: Double) -> CaseNumber { CaseNumber(.number(value), format: chain.stored) }
    return [
      "": CaseValue(list: values.map(number)), "last": CaseValue(number(values[values.count - 1])),
    ]
  }
}
