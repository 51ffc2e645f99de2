// In which order and grouping the products of a dot product are added, and how that is spelled.

import FloatingPointFormats

extension Recipe.Dot {
  /// The order and grouping of the additions.
  public enum Order: Sendable, Hashable {
    /// acc = RN(acc + RN(q_c·k_c)), from +0.
    case sequential
    /// acc = RN(acc + q_c·k_c), from +0.
    case sequentialFused
    /// Products rounded, then neighbours added level by level; an odd last term moves up unchanged.
    case pairwise
    /// Channel c is added to accumulator c mod n (n a power of two), each in order from +0, with `isFused` without rounding the
    /// product. Then halves are folded, a_l = RN(a_l + a_(l+n/2)), until `neighbours` accumulators are left, and from there
    /// neighbours are added, a_l = RN(a_2l + a_(2l+1)).
    case lanes(Int, neighbours: Int = 1, isFused: Bool = false)
    /// Accumulators as of ``lanes(_:neighbours:isFused:)``, products rounded, then added in order: ((a_0 + a_1) + a_2) + …
    case lanesInOrder(Int)
    /// Consecutive blocks of n channels, each summed as `sequential` does from +0; the sums of the blocks are then added in order
    /// from +0.
    case blocks(Int)
    /// As ``blocks(_:)``, but each block is summed as `sequentialFused` does from +0.
    case blocksFused(Int)
    /// A matrix unit ([Fasi2021], [Khattak2025]): the accumulator (from +0) takes in a block of n channels at a time. Products are exact; products and
    /// accumulator are cut off (toward zero) at the weight 2^(E − (p − 1) − alignment bits), where p is the accumulator's precision
    /// and E the largest exponent of all, for a product the sum of its operands' exponents; the sum of what is left is exact and
    /// rounded once, in the given direction.
    case tensorCore(block: Int, alignmentBits: Int, rounding: Rounding)
    /// No rounding: the next rounding is taken from the exact sum.
    case exact

    /// The spellings with what they take, for messages and help.
    public static let spellings = [
      "sequential", "sequentialFused", "pairwise", "lanes(n)", "lanes(n,neighbours)", "lanesFused(n)",
      "lanesFused(n,neighbours)", "lanesInOrder(n)", "blocks(n)",
      "blocksFused(n)", "tensorCore(block,alignmentBits,toward-zero|nearest-even)",
      "exact",
    ]

    /// One order of each kind, in the order of ``spellings``.
    public static let samples: [Order] = [
      .sequential, .sequentialFused, .pairwise, .lanes(4), .lanes(8, neighbours: 4),
      .lanes(4, isFused: true), .lanes(8, neighbours: 4, isFused: true), .lanesInOrder(4), .blocks(4),
      .blocksFused(4),
      .tensorCore(block: 4, alignmentBits: 2, rounding: .towardZero), .exact,
    ]

    /// How a recipe spells the order.
    public var spelling: String {
      switch self {
      case .sequential: "sequential"
      case .sequentialFused: "sequentialFused"
      case .pairwise: "pairwise"
      case .lanes(let count, let neighbours, let isFused):
        (isFused ? "lanesFused" : "lanes") + "(\(count)" + (neighbours == 1 ? ")" : ",\(neighbours))")
      case .lanesInOrder(let count): "lanesInOrder(\(count))"
      case .blocks(let count): "blocks(\(count))"
      case .blocksFused(let count): "blocksFused(\(count))"
      case .tensorCore(let block, let bits, let rounding):
        "tensorCore(\(block),\(bits),\(rounding.spelling))"
      case .exact: "exact"
      }
    }

    /// The order of a spelling; nil where it has none.
    ///
    /// Counts go to 4096 and lanes are powers of two, alignment bits go to 24.
    public init?(spelling: String) {
      let parts = spelling.split(separator: "(", maxSplits: 1, omittingEmptySubsequences: false)
      let name = String(parts[0])
      var arguments: [String] = []
      if parts.count == 2 {
        guard parts[1].last == ")" else { return nil }
        arguments = parts[1].dropLast().split(separator: ",", omittingEmptySubsequences: false).map { part in
          String(part.drop { $0 == " " })
        }
      }
      func count(_ index: Int, _ range: ClosedRange<Int>) -> Int? {
        guard arguments[index].allSatisfy({ $0.isASCII && $0.isNumber }), let value = Int(arguments[index]),
          range.contains(value)
        else { return nil }
        return value
      }
      switch (name, arguments.count) {
      case ("sequential", 0) where parts.count == 1: self = .sequential
      case ("sequentialFused", 0) where parts.count == 1: self = .sequentialFused
      case ("pairwise", 0) where parts.count == 1: self = .pairwise
      case ("exact", 0) where parts.count == 1: self = .exact
      case ("lanes", 1...2), ("lanesFused", 1...2):
        guard let lanes = count(0, 1...4096), lanes.nonzeroBitCount == 1 else { return nil }
        var neighbours = 1
        if arguments.count == 2 {
          guard let value = count(1, 1...lanes), value.nonzeroBitCount == 1 else { return nil }
          neighbours = value
        }
        self = .lanes(lanes, neighbours: neighbours, isFused: name == "lanesFused")
      case ("lanesInOrder", 1):
        guard let lanes = count(0, 1...4096), lanes.nonzeroBitCount == 1 else { return nil }
        self = .lanesInOrder(lanes)
      case ("blocks", 1), ("blocksFused", 1):
        guard let size = count(0, 1...4096) else { return nil }
        self = name == "blocks" ? .blocks(size) : .blocksFused(size)
      case ("tensorCore", 3):
        guard let block = count(0, 1...4096), let bits = count(1, 0...24),
          let rounding = ["toward-zero": Rounding.towardZero, "nearest-even": .nearestEven][arguments[2]]
        else { return nil }
        self = .tensorCore(block: block, alignmentBits: bits, rounding: rounding)
      default: return nil
      }
    }
  }
}
