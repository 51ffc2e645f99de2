// What sequence parallelism changes in one layer's attention: its outputs against one device's, and both against the reference.

import EmulatedEngine
import FloatingPointFormats
import ReferenceEngine
import RotaryAttention
import TensorIO

/// One recipe on some heads of a layer under causal full attention, on one device and shared among ranks in several ways.
///
/// Document layouts, windows and anchors are not part of it: the rings that are emulated cut plain causal sequences.
public struct SequenceParallelComparison: Sendable {
  /// A way of sharing, and among how many.
  public struct Way: Sendable, Hashable {
    /// How.
    public var kind: SequenceParallelism
    /// Among how many.
    public var ranks: Int

    /// A way from its parts.
    public init(_ kind: SequenceParallelism, ranks: Int) { (self.kind, self.ranks) = (kind, ranks) }
  }

  /// The q, k and v.
  public let input: AttentionInput
  /// The layer.
  public let layer: AttentionLayer
  /// Which of its query heads, ascending.
  public let heads: [Int]
  /// The recipe on the problem.
  public let emulation: Emulation
  /// What is compared with one device.
  public let ways: [Way]
  /// How partial results are joined.
  public let merge: PartialMerge
  /// p = token + shift.
  public let positions: TokenPositions
  let schedules: [RingSchedule?]
  let ring: RingAttention?
  let problem: ReferenceProblem?

  /// Checks what is asked for.
  ///
  /// - Parameters:
  ///   - input: the q, k and v.
  ///   - layer: the layer; with a query for every token.
  ///   - heads: which of its query heads; not empty.
  ///   - embedding: for heads of the layer's size.
  ///   - scale: what multiplies q·k.
  ///   - softcap: the cap of the logits; nil for none.
  ///   - recipe: the arithmetic; with an online softmax where a ring is among the ways.
  ///   - shift: what is added to every token's index in the emulation.
  ///   - ways: what is compared with one device.
  ///   - merge: how partial results are joined.
  ///   - measuresError: whether the outputs are compared with the reference too.
  /// - Throws: ``SequenceParallelismError``, ``ProblemError``, ``UndecidedRounding``.
  public init(
    input: AttentionInput, layer: AttentionLayer, heads: [Int], embedding: RotaryEmbedding,
    scale: AttentionScale = .inverseSquareRootOfHeadSize, softcap: NumberLiteral? = nil, recipe: Recipe,
    shift: Int = 0, ways: [Way], merge: PartialMerge = .ringFlashAttention, measuresError: Bool = true
  ) throws {
    precondition(!heads.isEmpty && heads.allSatisfy { (0..<layer.queryHeads).contains($0) })
    guard layer.queryTokens == layer.keyTokens else {
      throw SequenceParallelismError.queriesAreNotAllTokens(
        queries: layer.queryTokens, tokens: layer.keyTokens)
    }
    self.input = input
    self.layer = layer
    self.heads = heads
    self.ways = ways
    self.merge = merge
    positions = try TokenPositions(tokens: layer.keyTokens, shift: shift)
    emulation = try Emulation(recipe: recipe, embedding: embedding, scale: scale, softcap: softcap)
    schedules = try ways.map { way in
      guard way.kind == .ulysses else {
        return try RingSchedule(way.kind, ranks: way.ranks, tokens: layer.keyTokens)
      }
      guard way.ranks > 0 else { throw SequenceParallelismError.ranks(way.ranks) }
      guard layer.queryHeads.isMultiple(of: way.ranks) else {
        throw SequenceParallelismError.headsDoNotDivide(ranks: way.ranks, heads: layer.queryHeads)
      }
      return nil
    }
    ring = schedules.contains { $0 != nil } ? try RingAttention(emulation, merge: merge) : nil
    problem =
      measuresError ? try ReferenceProblem(embedding: embedding, scale: scale, softcap: softcap) : nil
  }

  /// How much there is to do, in tokens of heads, for a progress meter.
  public var workload: Int { heads.count * layer.keyTokens }
}

/// What one way of sharing changed; differences are those of the stored outputs, over all channels of all tokens of the heads.
public struct SequenceParallelResult: Sendable, Equatable {
  /// A greatest magnitude and its place; the first one in the order head, token, channel.
  public struct Greatest: Sendable, Equatable {
    /// The magnitude.
    public let value: Double
    /// Query head.
    public let head: Int
    /// Token.
    public let token: Int
    /// Channel.
    public let channel: Int

    /// The greater one; of equal ones the first.
    static func max(_ first: Greatest?, _ second: Greatest) -> Greatest {
      if let first, first.value >= second.value { first } else { second }
    }
  }

  /// How and among how many.
  public var way: SequenceParallelComparison.Way
  /// How many outputs were compared: heads × tokens × channels.
  public var outputs = 0
  /// How many of them have other bits; two NaNs do not differ.
  public var differing = 0
  /// How many pairs hold a NaN or an infinity and are in no figure below.
  public var nonFinite = 0
  /// The greatest |shared − one device|; nil without a finite pair.
  public var difference: Greatest?
  /// The mean of |shared − one device|; nil without a finite pair.
  public var meanDifference: Double?
  /// For each token the mean of |shared − one device| over heads and channels; nil without a finite pair.
  public var meanByToken: [Double?] = []
  /// The greatest |one device − reference|; nil where the reference was not asked for or no pair is finite. Pairs that are not finite on
  /// either side are left out here too.
  public var oneDeviceError: Greatest?
  /// The greatest |shared − reference|; likewise.
  public var sharedError: Greatest?
  /// The greatest proven bound on an error of the reference's outputs; nil where it was not asked for or none is proven.
  public var referenceBound: Double?
}
