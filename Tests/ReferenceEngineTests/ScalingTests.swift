// Scaled frequencies against figures computed with mpmath from the definitions, and scalings that cannot be meant.

import ArbitraryPrecision
import FloatingPointFormats
import ReferenceEngine
import RotaryAttention
import Testing

@Suite struct ScalingTests {
  private func embedding(_ scaling: String, base: String = "500000", size: Int = 12) throws -> RotaryEmbedding
  {
    try RotaryEmbedding(
      headSize: size, base: NumberLiteral(base), layout: .halfSplit, scaling: RotaryScaling(spelling: scaling)
    )
  }

  /// Pair 3 of a head of 12, base 500000: 500000^(−1/2) = 0.00141421356237309504880168872421…, scaled.
  @Test(
    arguments: [
      ("default", "0.001414213562373095048801688724210"),
      ("linear:factor=4", "0.0003535533905932737622004221810524"),
      ("ntk:factor=4", "0.0006155722066724581422496965345839"),
      ("proportional:fraction=0.5", "0"),
      ("proportional:fraction=0.7", "0.001414213562373095048801688724210"),
      ("proportional:fraction=0.7,factor=4", "0.0003535533905932737622004221810524"),
    ])
  func frequenciesFollowTheFormula(scaling: String, expected: String) throws {
    #expect(try embedding(scaling).exactFrequencies()[3].decimal(digits: 31) == expected)
  }

  /// ln 4/10 + 1, and √(1 + ln 32/ln 4096) = √(17/12).
  @Test(
    arguments: [
      ("yarn:factor=4,original=8192", "1.13862943611198906188344642429"),
      ("yarn:factor=4,original=8192,attention_factor=0.5", "0.500000000000000000000000000000"),
      ("yarn:factor=0.5,original=8192", "1.00000000000000000000000000000"),
      (
        "longrope:original=4096,factor=32,length=5000,short=1;1;1;1;1;1,long=1;2;3;4;5;6",
        "1.19023807142380833299989996856"
      ),
    ])
  func attentionFactors(scaling: String, expected: String) throws {
    #expect(try embedding(scaling).exactAttentionFactor().decimal(digits: 30) == expected)
  }

  @Test func longropeChoosesItsListByLength() throws {
    func frequency(_ length: Int) throws -> String {
      try embedding(
        "longrope:original=4096,factor=32,length=\(length),short=1;1;1;1;1;1,long=1;2;3;4;5;6", base: "1"
      ).exactFrequencies()[3].decimal(digits: 3)
    }
    #expect(try frequency(4096) == "1.00")
    #expect(try frequency(4097) == "0.250")
  }

  /// λ = 2π/ω beyond 8192 is divided by 8; below 2048 it is kept.
  @Test func llama3KeepsShortWavelengths() throws {
    let frequencies = try embedding("llama3:factor=8,low=1,high=4,original=8192").exactFrequencies()
    let plain = try embedding("default").exactFrequencies()
    #expect(try frequencies[1].decimal(digits: 30) == plain[1].decimal(digits: 30))
    #expect(
      try frequencies[5].decimal(digits: 30) == (plain[5] * ExactReal(Rational(1, 8))).decimal(digits: 30))
  }

  /// f² multiplies the rotated part of the score and nothing else.
  @Test func theAttentionFactorEntersSquared() throws {
    let scaling = try RotaryScaling(spelling: "yarn:factor=4,original=64,attention_factor=3")
    let embedding = try RotaryEmbedding(
      headSize: 4, rotarySize: 2, base: NumberLiteral(100), layout: .halfSplit, scaling: scaling)
    let problem = try ReferenceProblem(embedding: embedding, scale: .value(NumberLiteral(1)))
    let score = problem.relativeFormScore(
      query: [1, 2, 5, 7], key: [3, 4, 1, 1], queryPosition: 8, keyPosition: 8)
    #expect(score?.rational == Rational(9 * (3 + 8) + 12))
    let moved = try #require(
      problem.relativeFormScore(query: [1, 2, 5, 7], key: [3, 4, 1, 1], queryPosition: 9, keyPosition: 2))
    let absolute = try #require(
      problem.absoluteRotationScore(
        query: [1, 2, 5, 7], key: [3, 4, 1, 1], queryPosition: 9, keyPosition: 2))
    #expect(try moved.decimal(digits: 40) == absolute.decimal(digits: 40))
    let trigonometry = ReferenceTrigonometry(
      angles: problem.angles, attentionFactor: problem.attentionFactor, positions: [2, 9])
    let head = ReferenceHead(
      problem: problem, trigonometry: trigonometry, keys: [3, 4, 1, 1], keyRows: [0])
    var row = [0.0]
    let counts = try row.withUnsafeMutableBufferPointer { row in
      try [1.0, 2, 5, 7].withUnsafeBufferPointer {
        try head.scores(query: $0, queryRow: 1, keys: 0..<1, into: row)
      }
    }
    #expect(counts.sliced == 1)
    #expect(row[0] == FloatingPointFormat.fp64.rounded(try moved.exactValue()))
  }

  @Test(
    arguments: [
      ("yern:factor=4", "did you mean 'yarn'"), ("yarn:factr=4", "did you mean 'factor'"),
      ("yarn:original=8192", "needs factor="), ("linear:factor=0", "above zero"),
      ("linear:factor", "not key=value"), ("linear:factor=2,factor=3", "twice"),
      ("yarn:factor=4,original=8192,truncate=yes", "neither true nor false"),
      ("longrope:original=4096,factor=32,length=1", "short="), ("linear", "needs factor="),
    ])
  func misspeltScalingsAreRefusedWithTheMend(scaling: String, message: String) {
    let error = #expect(throws: ProblemError.self) { try RotaryScaling(spelling: scaling) }
    #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
  }

  @Test func combinationsThatAreImpossibleAreRefused() throws {
    let proportional = try RotaryScaling(spelling: "proportional:fraction=0.5")
    #expect(throws: ProblemError.self) {
      try RotaryEmbedding(headSize: 8, base: NumberLiteral(10), layout: .interleaved, scaling: proportional)
    }
    #expect(throws: ProblemError.self) {
      try RotaryEmbedding(
        headSize: 8, rotarySize: 4, base: NumberLiteral(10), layout: .halfSplit, scaling: proportional)
    }
    #expect(throws: ProblemError.self) {
      try embedding("yarn:factor=4,original=64", base: "1").exactFrequencies()
    }
    #expect(throws: ProblemError.self) { try embedding("ntk:factor=4", size: 2).exactFrequencies() }
    #expect(throws: ProblemError.self) {
      try embedding("longrope:original=4,factor=2,length=9,short=1;1,long=1;1").exactFrequencies()
    }
    #expect(throws: ProblemError.self) { try embedding("proportional:fraction=1.5").exactFrequencies() }
  }
}
