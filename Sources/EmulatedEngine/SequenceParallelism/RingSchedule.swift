// Which keys a query of a ring meets, in which order, and where the attention call of each meeting puts them.

import RotaryAttention

/// A causal sequence over the ranks of a ring or zigzag ring.
///
/// The order is that of zhuzilin/ring-flash-attention 8996282, ring_flash_attn.py and zigzag_ring_flash_attn.py: a rank's own keys first,
/// then those of rank r − 1, r − 2, …, n − 1 … r + 1, as they arrive. A meeting is one call of attention: its keys stand at places from 0 on,
/// so that tiles are cut from the beginning of the block that arrived. Meetings of which a query sees nothing do not happen.
///
/// In a zigzag ring a rank's first call is causal over both of its chunks, one after the other. From a rank below, both halves of the
/// queries meet the first chunk alone; from a rank above, the second half meets both chunks.
public struct RingSchedule: Sendable, Hashable {
  /// `ring` or `zigzagRing`.
  public let kind: SequenceParallelism
  /// How many ranks.
  public let ranks: Int
  /// Tokens of a chunk.
  public let chunkLength: Int

  /// Cuts the tokens.
  ///
  /// - Parameters:
  ///   - kind: `ring` or `zigzagRing`.
  ///   - ranks: n.
  ///   - tokens: tokens of the sequence.
  /// - Throws: ``SequenceParallelismError``.
  public init(_ kind: SequenceParallelism, ranks: Int, tokens: Int) throws {
    precondition(kind != .ulysses, "ulysses shares heads")
    guard ranks > 0 else { throw SequenceParallelismError.ranks(ranks) }
    let (doubled, overflows) = ranks.multipliedReportingOverflow(by: 2)
    guard !overflows, (kind == .zigzagRing ? doubled : ranks) <= tokens else {
      throw SequenceParallelismError.moreChunksThanTokens(kind, ranks: ranks, tokens: tokens)
    }
    let chunks = kind.chunkCount(ranks: ranks)
    guard tokens.isMultiple(of: chunks) else {
      throw SequenceParallelismError.tokensDoNotDivide(kind, ranks: ranks, tokens: tokens)
    }
    self.kind = kind
    self.ranks = ranks
    chunkLength = tokens / chunks
  }

  /// Tokens of the sequence.
  public var tokens: Int { chunkLength * kind.chunkCount(ranks: ranks) }

  /// The chunk that a token lies in.
  public func chunk(ofToken token: Int) -> Int { token / chunkLength }

  /// The rank that has a chunk.
  public func rank(ofChunk chunk: Int) -> Int {
    kind == .zigzagRing && chunk >= ranks ? 2 * ranks - 1 - chunk : chunk
  }

  /// The keys that a query meets, meeting after meeting; keys are tokens, places those of the meeting's call.
  public func meetings(ofToken token: Int) -> [[KeyRun]] {
    let own = chunk(ofToken: token)
    let rank = rank(ofChunk: own)
    let seen = own * chunkLength..<token + 1
    func whole(_ chunk: Int, place: Int = 0) -> KeyRun {
      KeyRun(keys: chunk * chunkLength..<(chunk + 1) * chunkLength, place: place)
    }
    let isSecond = kind == .zigzagRing && own >= ranks
    var meetings = [
      isSecond
        ? [whole(rank), KeyRun(keys: seen, place: chunkLength)] : [KeyRun(keys: seen, place: 0)]
    ]
    for other in (0..<rank).reversed() { meetings.append([whole(other)]) }
    if isSecond {
      for other in (rank + 1..<max(ranks, rank + 1)).reversed() {
        meetings.append([whole(other), whole(2 * ranks - 1 - other, place: chunkLength)])
      }
    }
    return meetings
  }
}
