// Which keys meet which queries in a ring: by hand, and as properties of every cut.

import RotaryAttention
import Testing

@testable import EmulatedEngine

@Suite struct RingScheduleTests {
  private func run(_ keys: Range<Int>, _ place: Int) -> KeyRun { KeyRun(keys: keys, place: place) }

  @Test func aRingByHand() throws {
    let ring = try RingSchedule(.ring, ranks: 3, tokens: 6)
    #expect(ring.meetings(ofToken: 0) == [[run(0..<1, 0)]])
    #expect(ring.meetings(ofToken: 3) == [[run(2..<4, 0)], [run(0..<2, 0)]])
    #expect(ring.meetings(ofToken: 4) == [[run(4..<5, 0)], [run(2..<4, 0)], [run(0..<2, 0)]])
  }

  /// Eight tokens over two ranks: rank 0 has tokens 0, 1 and 6, 7, rank 1 has 2, 3 and 4, 5.
  @Test func aZigzagRingByHand() throws {
    let ring = try RingSchedule(.zigzagRing, ranks: 2, tokens: 8)
    #expect((0..<4).map(ring.rank(ofChunk:)) == [0, 1, 1, 0])
    #expect(ring.meetings(ofToken: 1) == [[run(0..<2, 0)]])
    #expect(ring.meetings(ofToken: 2) == [[run(2..<3, 0)], [run(0..<2, 0)]])
    // The second half's own call is causal over both of the rank's chunks.
    #expect(ring.meetings(ofToken: 5) == [[run(2..<4, 0), run(4..<6, 2)], [run(0..<2, 0)]])
    // Rank 1's chunks come together to rank 0.
    #expect(
      ring.meetings(ofToken: 6) == [[run(0..<2, 0), run(6..<7, 2)], [run(2..<4, 0), run(4..<6, 2)]])
    // Over three ranks, rank 1's last token: its own, rank 0's first chunk, rank 2's both.
    let three = try RingSchedule(.zigzagRing, ranks: 3, tokens: 6)
    #expect(
      three.meetings(ofToken: 4) == [
        [run(1..<2, 0), run(4..<5, 1)], [run(0..<1, 0)], [run(2..<3, 0), run(3..<4, 1)],
      ])
  }

  @Test func everyQueryMeetsEveryKeyBeforeItOnce() throws {
    for kind in [SequenceParallelism.ring, .zigzagRing] {
      for ranks in 1...6 {
        for length in 1...3 {
          let tokens = kind.chunkCount(ranks: ranks) * length
          let ring = try RingSchedule(kind, ranks: ranks, tokens: tokens)
          #expect(ring.tokens == tokens && ring.chunkLength == length)
          for token in 0..<tokens {
            let meetings = ring.meetings(ofToken: token)
            #expect(meetings.flatMap { $0.flatMap(\.keys) }.sorted() == Array(0...token))
            for meeting in meetings {
              #expect(meeting.haveAscendingPlaces && meeting[0].place == 0)
              #expect(meeting.flatMap(\.places) == Array(0..<meeting.keyCount))
            }
            // Own first, then rank after rank downwards, round the ring.
            let ranksMet = meetings.map { ring.rank(ofChunk: ring.chunk(ofToken: $0[0].keys.lowerBound)) }
            let own = ring.rank(ofChunk: ring.chunk(ofToken: token))
            let steps = ranksMet.map { (own - $0 + ranks) % ranks }
            #expect(steps == steps.sorted() && steps[0] == 0)
          }
        }
      }
    }
  }

  @Test func whatDoesNotFitIsRefusedWithNumbers() {
    func message(_ kind: SequenceParallelism, ranks: Int, tokens: Int) -> String {
      do {
        _ = try RingSchedule(kind, ranks: ranks, tokens: tokens)
        return ""
      } catch { return "\(error)" }
    }
    #expect(message(.ring, ranks: 0, tokens: 8) == "0 ranks: a sequence is shared among 1 rank or more")
    #expect(message(.ring, ranks: -3, tokens: 8).hasPrefix("-3 ranks"))
    #expect(
      message(.zigzagRing, ranks: 8, tokens: 12)
        == "zigzag-ring over 8 ranks needs 16 chunks of tokens, and there are 12 tokens; ask for fewer ranks")
    #expect(
      message(.zigzagRing, ranks: .max, tokens: 12)
        .contains("9223372036854775807 ranks needs 18446744073709551614 chunks"))
    #expect(
      message(.ring, ranks: 4, tokens: 10)
        == "10 tokens do not make the 4 equal chunks of ring over 4 ranks; 8 or 12 tokens do, and nothing is padded"
    )
    #expect(message(.ring, ranks: Int.max, tokens: 10).contains("there are 10 tokens"))
    #expect(message(.zigzagRing, ranks: Int.max, tokens: 10).contains("there are 10 tokens"))
  }
}
