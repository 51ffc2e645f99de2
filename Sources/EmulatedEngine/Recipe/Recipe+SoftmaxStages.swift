// The stages after the logit: softmax, and the product with the values.

import FloatingPointFormats

extension Recipe {
  /// The stage that turns a row of logits into weights, over the keys that the query sees.
  ///
  /// x_j is what the stage reads: the stored logit, or with `exp2` and `exp2Fused` under
  /// ``Logit/Scaling/insideExponential`` the stored score S, and c then the logit stage's factor. m is the greatest x_j. What a
  /// recipe leaves exact before this stage is rounded to binary64 as it enters.
  public struct Softmax: Sendable, Hashable {
    /// Which keys a maximum, a sum and an accumulator belong to.
    public enum Algorithm: Sendable, Hashable {
      /// One maximum and one sum for the row; weights are normalized before the product with the values.
      case fullRow
      /// Tile after tile of keys with a running maximum, sum and accumulator ([Milakov2018], [Dao2023]); normalized at the end.
      case online(tile: TileSize, order: TileOrder)
    }

    /// How many keys a tile has. Tiles start at multiples of it, counted from key 0.
    public struct TileSize: Sendable, Hashable {
      /// The sizes up to some head sizes, ascending.
      public var upTo: [HeadSizeLimit]
      /// The size for all greater heads.
      public var otherwise: Int

      /// One size for all heads.
      public init(_ size: Int) { (upTo, otherwise) = ([], size) }

      init(upTo: [HeadSizeLimit], otherwise: Int) { (self.upTo, self.otherwise) = (upTo, otherwise) }

      /// The size for a head of d channels.
      public func size(headSize: Int) -> Int { upTo.first { headSize <= $0.headSize }?.tile ?? otherwise }
    }

    /// The tile of heads of at most some size.
    public struct HeadSizeLimit: Sendable, Hashable {
      /// The greatest head size that it holds for.
      public var headSize: Int
      /// Keys of a tile.
      public var tile: Int
    }

    /// In which order tiles are visited; keys ascend within a tile.
    public enum TileOrder: Sendable, Hashable {
      /// From key 0 on.
      case ascending
      /// From the tile of the last visible key down.
      case descending
      /// Keys in blocks of this many, counted from key 0: the tiles of the block that holds the last visible key, ascending, then
      /// all before them, ascending. With a causal mask and as many queries in a block, partly visible blocks come first.
      case diagonalFirst(block: Int)

      /// How a recipe spells the order.
      public var spelling: String {
        switch self {
        case .ascending: "ascending"
        case .descending: "descending"
        case .diagonalFirst(let block): "diagonalFirst(\(block))"
        }
      }

      /// The spellings with what they take, for messages.
      public static let spellings = ["ascending", "descending", "diagonalFirst(block)"]

      /// The order of a spelling; nil where it has none.
      public init?(spelling: String) {
        switch spelling {
        case "ascending": self = .ascending
        case "descending": self = .descending
        default:
          guard spelling.hasPrefix("diagonalFirst("), spelling.hasSuffix(")") else { return nil }
          let digits = spelling.dropFirst(14).dropLast()
          guard digits.allSatisfy({ $0.isASCII && $0.isNumber }), let block = Int(digits),
            (1...1 << 20).contains(block)
          else { return nil }
          self = .diagonalFirst(block: block)
        }
      }
    }

    /// The weight e_j of a key, before anything is summed.
    public enum Exponential: String, Sendable, Hashable, CaseIterable {
      /// RN(exp(RN(x_j − m))).
      case exp
      /// RN(exp2(RN(E_j − max E))), E_j = RN(x_j·c); c = RN(log₂ e), or the logit stage's factor.
      case exp2
      /// RN(exp2(RN(x_j·c − RN(m·c)))), the product with x_j exact inside; c is the logit stage's factor. The factor by which a new
      /// maximum rescales is RN(exp2(RN(RN(m_old − m_new)·c))).
      case exp2Fused
    }

    /// How the weights of a row are added up.
    public struct Sum: Sendable, Hashable {
      /// How a tile's weights join the row's sum.
      public enum Tiles: String, Sendable, Hashable, CaseIterable {
        /// The running accumulators, lanes too, take in weight after weight; lanes are folded at the end.
        case running
        /// A tile's own sum t from +0, then RN(RN(l·f) + t).
        case separate
        /// A tile's own sum t from +0, then RN(l·f + t).
        case fused
      }
      /// The order and grouping: `sequential`, `pairwise`, `lanes`, `blocks` or `exact`. Key j stands for channel j.
      public var order: Dot.Order
      /// How many neighbouring keys go to one lane: key j to lane ⌊j/width⌋ mod n.
      public var laneWidth: Int
      /// How tiles join; `running` for a full row.
      public var tiles: Tiles
      /// The accumulator.
      public var rounding: RoundingChain
    }

    /// Which keys a maximum and a sum belong to.
    public var algorithm: Algorithm
    /// The weight's formula.
    public var exponential: Exponential
    /// The stored log₂ e, where ``Exponential/exp2`` multiplies logits with it.
    public var log2e: RoundingChain
    /// The product E_j, or of the maximum with c.
    public var exponent: RoundingChain
    /// The difference under the exponential.
    public var difference: RoundingChain
    /// The exponential.
    public var rounding: RoundingChain
    /// The sum of a row.
    public var sum: Sum
    /// What a full row is normalized by; nil for an online softmax, whose output is.
    public var normalization: Normalization?

    /// Whether the stage reads stored scores and the logit stage's factor.
    public func readsScores(_ logit: Logit) -> Bool {
      exponential != .exp && logit.scaling == .insideExponential
    }
  }

  /// How weights, or outputs, are divided by the sum l of a row.
  public struct Normalization: Sendable, Hashable {
    /// The steps.
    public enum Algorithm: String, Sendable, Hashable, CaseIterable {
      /// RN(x/l).
      case divide
      /// RN(x·RN(1/l)).
      case reciprocal
    }
    /// The steps.
    public var algorithm: Algorithm
    /// The stored reciprocal; not used by `divide`.
    public var reciprocal: RoundingChain
    /// The quotient or product.
    public var rounding: RoundingChain
  }

  /// The stage that adds up the product of probabilities and values, o_c = Σ_j P_j·v_jc, over the keys that the query sees. Keys that
  /// it does not see are no terms at all, whatever their values are.
  public struct Output: Sendable, Hashable {
    /// The order and grouping of the additions of one channel; key j stands where the dot product has channel j, lanes and blocks
    /// counted from key 0. In an online softmax the accumulator goes on from tile to tile, and a block ends where its tile does.
    public var order: Dot.Order
    /// What P is rounded to once more as an operand; exact: not rounded again.
    public var probabilityOperand: RoundingChain
    /// What v is rounded to once more as an operand, after the input stage.
    public var valueOperand: RoundingChain
    /// The accumulator.
    public var accumulator: RoundingChain
    /// acc·f, where a new maximum of an online softmax rescales the accumulator.
    public var rescaling: RoundingChain
    /// What an online softmax is normalized by at the end; nil for a full row.
    public var normalization: Normalization?
    /// The stored output.
    public var rounding: RoundingChain
  }
}
