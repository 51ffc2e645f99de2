// The fast tiers against MPFR on ten million scores: random vectors and the shipped sample's. Runs with ROPEDRIFT_EXHAUSTIVE=1.

import Dispatch
import FloatingPointFormats
import ReferenceEngine
import RotaryAttention
import Synchronization
import TensorIO
import TestSupport
import Testing

@Suite struct TenMillionScoresTests {
  /// Counts scores of a head's fast tiers that differ from the simple tier's; queries in tiles of 32, two tiles at a time.
  private func compare(
    _ name: String, queries: [Double], keys: [Double], embedding: RotaryEmbedding, firstPosition: Int
  ) throws -> (scores: Int, wrong: Int, counts: ReferenceHead.Counts, seconds: (fast: Double, simple: Double))
  {
    let size = embedding.headSize
    let (queryCount, keyCount) = (queries.count / size, keys.count / size)
    let problem = try ReferenceProblem(embedding: embedding, scale: .inverseSquareRootOfHeadSize)
    let clock = ContinuousClock()
    let start = clock.now
    let trigonometry = ReferenceTrigonometry(
      angles: problem.angles, attentionFactor: problem.attentionFactor,
      positions: (0..<max(queryCount, keyCount)).map { firstPosition + $0 }, threads: 2)
    let fast = ReferenceHead(
      problem: problem, trigonometry: trigonometry, keys: keys, keyRows: Array(0..<keyCount))
    let setUp = (clock.now - start) / .seconds(1)
    let simple = ReferenceHead(
      problem: problem, trigonometry: trigonometry, keys: keys, keyRows: Array(0..<keyCount), tier: .simple)
    let tiles = stride(from: 0, to: queryCount, by: 32).map { $0..<min($0 + 32, queryCount) }
    let total = Mutex((wrong: 0, counts: ReferenceHead.Counts(), fast: setUp, simple: 0.0, error: false))
    DispatchQueue.concurrentPerform(iterations: tiles.count) { index in
      let tile = tiles[index]
      func run(_ head: ReferenceHead) -> (scores: [Double], counts: ReferenceHead.Counts, seconds: Double)? {
        var scores = [Double](repeating: 0, count: tile.count * keyCount)
        let begin = clock.now
        let counts = queries.withUnsafeBufferPointer { queries in
          scores.withUnsafeMutableBufferPointer {
            try? head.scores(
              queries: UnsafeBufferPointer(
                rebasing: queries[tile.lowerBound * size..<tile.upperBound * size]),
              queryRows: Array(tile), keys: Array(repeating: 0..<keyCount, count: tile.count), into: $0,
              stride: keyCount)
          }
        }
        return counts.map { (scores, $0, (clock.now - begin) / .seconds(1)) }
      }
      let (first, second) = (run(fast), run(simple))
      total.withLock {
        guard let first, let second else {
          $0.error = true
          return
        }
        $0.wrong += zip(first.scores, second.scores).count { $0.bitPattern != $1.bitPattern }
        $0.counts += first.counts
        $0.fast += first.seconds
        $0.simple += second.seconds
      }
    }
    return total.withLock {
      #expect(!$0.error)
      let scores = queryCount * keyCount
      print(
        "\(name): \($0.wrong) wrong of \(scores); \($0.counts);",
        "\($0.fast / Double(scores) * 1e9) ns a score with set-up, \($0.simple / Double(scores) * 1e9) ns in MPFR"
      )
      return (scores, $0.wrong, $0.counts, ($0.fast, $0.simple))
    }
  }

  @Test(.enabled(if: isExhaustive)) func noneIsWronglyRounded() throws {
    var (scores, wrong) = (0, 0)
    let sample = try AttentionInput.shippedSample()
    for (layer, head) in [(7, 0), (7, 5), (22, 3), (22, 8)] {
      let result = try compare(
        "sample layer \(layer) head \(head)", queries: sample.queries(layer: layer, head: head),
        keys: sample.keys(layer: layer, kvHead: head / 3),
        embedding: RotaryEmbedding(headSize: 64, base: NumberLiteral(100_000), layout: .halfSplit),
        firstPosition: 0)
      scores += result.scores
      wrong += result.wrong
    }
    var generator = SeededGenerator(seed: 4)
    for (size, tokens, position) in [(64, 1024, 0), (128, 2048, 1 << 20), (128, 2304, 0)] {
      // Sums of four uniform numbers, as binary32.
      func vectors() -> [Double] {
        (0..<tokens * size).map { _ in
          Double(
            Float(
              (0..<4).reduce(0.0) { sum, _ in sum + Double(Int64(bitPattern: generator.next())) * 0x1p-63 }))
        }
      }
      let result = try compare(
        "random d \(size)", queries: vectors(), keys: vectors(),
        embedding: RotaryEmbedding(headSize: size, base: NumberLiteral(500_000), layout: .interleaved),
        firstPosition: position)
      scores += result.scores
      wrong += result.wrong
    }
    #expect(scores >= 10_000_000)
    #expect(wrong == 0)
  }
}
