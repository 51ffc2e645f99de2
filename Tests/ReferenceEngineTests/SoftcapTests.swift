import ArbitraryPrecision
import FloatingPointFormats
import ReferenceEngine
import RotaryAttention
import Testing

@Suite struct SoftcapTests {
  private func problem(cap: String?) throws -> ReferenceProblem {
    try ReferenceProblem(
      embedding: RotaryEmbedding(headSize: 2, base: NumberLiteral(10000), layout: .halfSplit),
      scale: .inverseSquareRootOfHeadSize, softcap: cap.map { try NumberLiteral($0) })
  }

  /// x = (−5 cos 5 − 10 sin 5)/√2 and, at equal positions, −5/√2, capped: computed with mpmath.
  @Test(arguments: [
    (7, "3", "2.875203821712819214672586149827610843832046953"),
    (7, "3/10", "0.2999999999999999887815015503501504701131"),
    (2, "3", "-2.4809448312970732675750268920285807658774616648"),
  ])
  func theCapFollowsTheFormula(queryPosition: Int, cap: String, expected: String) throws {
    let score = try problem(cap: cap).relativeFormScore(
      query: [1, 2], key: [3, -4], queryPosition: queryPosition, keyPosition: 2)
    let digits = expected.count { $0.isNumber } - 1
    #expect(try score?.decimal(digits: digits).hasPrefix(String(expected.dropLast(2))) == true)
  }

  @Test func rowsAndSingleScoresRoundAlike() throws {
    let tokens = 7
    let query = [0.5, -1.25]
    let keys: [Double] = [3, -4, 0, 0, 1e-3, 2e-3, 500, -800, -2.5, 0.25, 1e-200, 1e-200, 7, 7]
    for cap in ["2.5", "1/3", "50"] {
      let problem = try problem(cap: cap)
      let trigonometry = ReferenceTrigonometry(
        angles: problem.angles, attentionFactor: problem.attentionFactor, positions: Array(0..<tokens),
        threads: 1)
      let head = ReferenceHead(
        problem: problem, trigonometry: trigonometry, keys: keys, keyRows: Array(0..<tokens))
      var row = [Double](repeating: .nan, count: tokens)
      _ = try query.withUnsafeBufferPointer { query in
        try row.withUnsafeMutableBufferPointer {
          try head.scores(query: query, queryRow: 3, keys: 0..<tokens, into: $0)
        }
      }
      for key in 0..<tokens {
        let score = try #require(
          problem.relativeFormScore(
            query: query, key: Array(keys[2 * key..<2 * key + 2]), queryPosition: 3, keyPosition: key))
        #expect(row[key].bitPattern == FloatingPointFormat.fp64.rounded(try score.exactValue()).bitPattern)
      }
    }
  }

  /// cap·tanh(x/cap) comes as near to the cap as no precision tells, and never reaches it.
  @Test(arguments: [(1e6, 2.5), (-1e6, 2.5), (1e300, 1), (-1e6, 3)])
  func whatSaturatesStaysBelowTheCap(x: Double, cap: Double) throws {
    let value = ExactReal(x).softcapped(Rational(cap))
    let magnitude = try value.exactValue()
    let format = FloatingPointFormat.fp64
    #expect(format.rounded(magnitude) == (x < 0 ? -cap : cap))
    #expect(format.rounded(magnitude, .towardZero) == (x < 0 ? -cap.nextDown : cap.nextDown))
    #expect(format.rounded(magnitude, x < 0 ? .down : .up) == (x < 0 ? -cap : cap))
  }
}
