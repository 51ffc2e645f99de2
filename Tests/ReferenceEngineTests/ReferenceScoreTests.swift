import ArbitraryPrecision
import FloatingPointFormats
import ReferenceEngine
import RotaryAttention
import Testing

@Suite struct ReferenceScoreTests {
  private func vector(_ seed: UInt64, _ size: Int) -> [Double] {
    (0..<size).map {
      let bits = Philox.bits(seed: seed, counter: RoundingCounter(UInt32($0)))
      return Double(Int64(bitPattern: bits) >> 11) * 0x1p-50
    }
  }

  private func problem(
    size: Int = 12, rotarySize: Int? = nil, base: String = "10000", layout: RotaryLayout = .halfSplit,
    angles: ExactAngles? = nil
  ) throws -> ReferenceProblem {
    try ReferenceProblem(
      embedding: RotaryEmbedding(
        headSize: size, rotarySize: rotarySize, base: NumberLiteral(base), layout: layout),
      scale: .inverseSquareRootOfHeadSize, angles: angles)
  }

  /// Two algorithms that share no formula agree to the last of 40 digits.
  @Test(
    arguments: [(5, 3), (0, 131071), (1_048_577, 2), (1 << 53, 0), (-7, 9), (16_777_217, 16_777_216)],
    RotaryLayout.allCases)
  func relativeFormAgreesWithAbsoluteRotation(positions: (Int, Int), layout: RotaryLayout) throws {
    for (rotarySize, base) in [(12, "10000"), (8, "500000.5"), (4, "1"), (12, "1/7")] {
      let problem = try problem(rotarySize: rotarySize, base: base, layout: layout)
      let q = vector(1, 12)
      let k = vector(2, 12)
      let relative = problem.relativeFormScore(
        query: q, key: k, queryPosition: positions.0, keyPosition: positions.1)
      let absolute = problem.absoluteRotationScore(
        query: q, key: k, queryPosition: positions.0, keyPosition: positions.1)
      #expect(try relative?.decimal(digits: 40) == absolute?.decimal(digits: 40))
    }
  }

  /// Half a unit beyond a binary64 number at equal positions: a tie that only the algebraic argument decides.
  @Test func tiesAtEqualPositionsAreDecided() throws {
    // d = 4, scale 1/2: x = (2·1 + 2·2^-53)/2 = 1 + 2^-53, halfway between 1 and 1 + 2^-52.
    let problem = try problem(size: 4)
    let score = try #require(
      problem.relativeFormScore(
        query: [2, 2, 0, 0], key: [1, 0x1p-53, 0, 0], queryPosition: 123_456_789, keyPosition: 123_456_789))
    #expect(score.rational == Rational(1) + Rational(0x1p-53))
    #expect(FloatingPointFormat.fp64.rounded(try score.exactValue()) == 1)
    #expect(FloatingPointFormat.fp64.rounded(try score.exactValue(), .up) == 1 + 0x1p-52)
    #expect(FloatingPointFormat.fp64.rounded(try score.exactValue(), .nearestAway) == 1 + 0x1p-52)
  }

  /// 3/√3 is irrational: no tie, whatever the format.
  @Test func anIrrationalScaleNeverTies() throws {
    let problem = try problem(size: 3, rotarySize: 2)
    let score = try #require(
      problem.relativeFormScore(query: [3, 0, 0], key: [1, 0, 0], queryPosition: 4, keyPosition: 4))
    #expect(score.rational == nil)
    #expect(try score.decimal(digits: 30) == "1.73205080756887729352744634151")
  }

  /// Stored frequencies may coincide: cosines of one angle whose coefficients cancel leave an exact zero.
  @Test func coefficientsThatVanishInAGroupGiveAnExactScore() throws {
    let angles = ExactAngles(storedFrequencies: [0.5, 0.5])
    let problem = try problem(size: 4, angles: angles)
    // Pairs (0, 2) and (1, 3): a = 3 and −3, b = 0.
    let score = try #require(
      problem.relativeFormScore(query: [3, 3, 0, 0], key: [1, -1, 0, 0], queryPosition: 9, keyPosition: 2))
    #expect(score.isZero)
    // A stored frequency of zero does not rotate.
    let still = try self.problem(size: 4, angles: ExactAngles(storedFrequencies: [0, 0]))
    #expect(
      still.relativeFormScore(query: [3, 1, 0, 0], key: [1, 1, 0, 0], queryPosition: 9, keyPosition: 2)?
        .rational
        == Rational(2))
  }

  @Test func vectorsWithoutAnExactScoreHaveNone() throws {
    let problem = try problem(size: 2)
    for bad in [Double.nan, .infinity, -.infinity] {
      #expect(
        problem.relativeFormScore(query: [bad, 0], key: [1, 1], queryPosition: 0, keyPosition: 0) == nil)
    }
  }

  /// Rows of the simple tier against single scores, with cancellation, ties, huge, tiny, zero and non-finite vectors.
  @Test(arguments: [FloatingPointFormat.fp64, .fp32, .bf16])
  func rowsAreCorrectlyRounded(format: FloatingPointFormat) throws {
    let size = 4
    let problem = try problem(size: size)
    let adversarial: [[Double]] = [
      [2, 2, 0, 0], [1, 0x1p-53, 0, 0], [0x1p60, 1, -0x1p60, 0x1p-40], [0, 0, 0, 0],
      [1e300, -1e300, 1e-300, 1],
      [0x1p-1074, 0, 0, 0x1p-1074], [1e-160, 1e-160, 0, 3e-170], [.nan, 1, 1, 1], [1, .infinity, 0, 0],
      [1e200, 1e200, 1e200, 1e200],
    ]
    let vectors = adversarial + (0..<6).map { vector(UInt64($0) + 5, size) }
    let positions = vectors.indices.map { $0 / 2 + 1_000_000 }
    let trigonometry = ReferenceTrigonometry(angles: problem.angles, positions: positions, threads: 2)
    let head = ReferenceHead(
      problem: problem, trigonometry: trigonometry, keys: vectors.flatMap { $0 },
      keyRows: Array(vectors.indices), format: format)
    var row = [Double](repeating: 0, count: vectors.count)
    var total = ReferenceHead.Counts()
    for (index, query) in vectors.enumerated() {
      total += try query.withUnsafeBufferPointer { query in
        try row.withUnsafeMutableBufferPointer {
          try head.scores(query: query, queryRow: index, keys: 0..<vectors.count, into: $0)
        }
      }
      for (key, vector) in vectors.enumerated() {
        let exact = problem.relativeFormScore(
          query: query, key: vector, queryPosition: positions[index], keyPosition: positions[key])
        guard let exact else {
          #expect(row[key].isNaN)
          continue
        }
        let expected = format.rounded(try exact.exactValue())
        #expect(
          row[key].bitPattern == expected.bitPattern, "query \(index) key \(key): \(row[key]), \(expected)")
      }
    }
    #expect(total.sliced + total.bounded > 60 && total.relativeForm > 0 && total.nonFinite > 0)
  }
}
