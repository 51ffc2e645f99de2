// Attention that captures of whole runs hold, and top keys that change: figures worked out by hand.

import Testing

@testable import DriftAnalysis

@Suite struct StoredAttentionTests {
  /// One head, two rows of two tokens, figures worked out by hand.
  @Test func storedAttentionByHand() throws {
    func fixture(_ name: String, _ shift: Int, _ logits: [Double], _ probabilities: [Double]) -> RunFixture {
      RunFixture(
        name: name, shift: shift, layers: [0], heads: (1, 1), tokens: 2, size: 2,
        stored: (logits, probabilities, nil))
    }
    // Row 0 sees key 0 alone; what stands at key 1 of row 0 is not seen and not read.
    let a = fixture("a", 0, [2, 777, 1, 3], [1, 777, 0.25, 0.75])
    let b = fixture("b", 4, [2.5, -777, 4, 3], [1, -777, 0.75, 0.25])
    let c = fixture("c", 0, [2, 5, 1, 2.5], [1, 5, 0.375, 0.625])
    let results = try PropagatedExperiment.of(a, b, c).run(threads: 1)
    #expect(results.recipes.map(\.name) == ["hf-bf16", "stored"])
    let stored = results.recipes[1]
    #expect(stored.modes.map(\.mode) == [.propagated, .null] && stored.shareBound == .none)
    let whole = try #require(stored[.propagated])
    // Logits: |2 − 2.5|, |1 − 4|, |3 − 3|; probabilities: 0, |0.25 − 0.75|, |0.75 − 0.25|.
    #expect(whole.totals.sumAbsLogitDifference == 3.5)
    #expect(whole.totals.dLogit == (0.5 + 3) / 2)
    #expect(whole.totals.dUnweighted == 1)
    // n_0 = 1/2, n_1 = 1.
    #expect(whole.totals.dWeighted == 0.5 / 2 + 0.5)
    #expect(whole.totals.dSigned == 0.5 / 2 + 0.5)
    #expect(whole.keys.map(\.logit.signedMean) == [(-0.5 - 3) / 2, 0])
    #expect(whole.totals.concentration(in: .probability)?.share == 0.5)
    // Row 1: key 1 leads by 2 in A and is beaten in B. Row 0 has one key.
    #expect(whole.flips.rows == 1 && whole.flips.flips == 1)
    #expect(whole.flips.meanMargin == 2 && whole.flips.greatestMargin == 2)
    let null = try #require(stored[.null])
    #expect(null.totals.sumAbsLogitDifference == 0.5 && null.totals.dUnweighted == 0.25)
    #expect(null.totals.dWeighted == 0.125 / 2 + 0.125 && null.flips.flips == 0)
  }

  /// Rows of some queries: n_j counts those that see the key.
  @Test func storedRowsOfSomeQueries() throws {
    func fixture(_ name: String, _ shift: Int, _ logits: [Double]) -> RunFixture {
      RunFixture(
        name: name, shift: shift, layers: [0], heads: (1, 1), tokens: 3, size: 2,
        stored: (logits, logits.map { $0 / 8 }, [0, 2]))
    }
    let a = fixture("a", 0, [1, 0, 0, 1, 2, 3])
    let b = fixture("b", 4, [3, 0, 0, 1, 2.5, 2])
    let whole = try #require(try PropagatedExperiment.of(a, b).run(threads: 2).recipes[1][.propagated])
    // Key 0 is seen by both rows (2 and 0), keys 1 and 2 by one (0.5, 1).
    #expect(whole.totals.logit.count == 4 && whole.totals.sumAbsLogitDifference == 3.5)
    #expect(whole.totals.dWeighted == (2.0 / 8) / 2 + 0.5 / 8 + 1.0 / 8)
    #expect(whole.keys.map(\.count) == [2, 1, 1])
    #expect(whole.flips.rows == 1 && whole.flips.flips == 1)
  }

  @Test func topKeysByHand() {
    var flips = TopKeyFlips()
    func add(_ first: [Double], _ second: [Double]) {
      first.withUnsafeBufferPointer { a in second.withUnsafeBufferPointer { flips.add(a, $0) } }
    }
    add([1], [2])  // one key: no row
    add([1, 4, 2.5], [0, 3, 3])  // a tie that includes the top key is no flip
    add([1, 4, 2.5], [0, 3, 3.5])  // flip, margin 1.5
    add([4, 4, 0], [1, 2, 0])  // the first of two greatest is beaten, margin 0
    add([1, .nan], [1, 2])
    add([1, 2], [.infinity, 2])
    #expect(flips.rows == 3 && flips.flips == 2 && flips.nonfiniteRows == 2)
    #expect(flips.meanMargin == 0.75 && flips.greatestMargin == 1.5 && flips.fraction == 2.0 / 3)
    var sum = TopKeyFlips()
    #expect(sum.fraction == nil && sum.meanMargin == nil && sum.greatestMargin == nil)
    sum.merge(flips)
    sum.merge(flips)
    #expect(sum.rows == 6 && sum.flips == 4 && sum.nonfiniteRows == 4 && sum.meanMargin == 0.75)
  }
}
