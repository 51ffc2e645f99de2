import FloatingPointFormats
import RotaryAttention
import Testing

@Suite struct ProblemTests {
  @Test func layoutsPairTheChannelsTheyAreNamedAfter() {
    #expect(RotaryLayout.halfSplit.channels(ofPair: 3, rotarySize: 16) == (3, 11))
    #expect(RotaryLayout.interleaved.channels(ofPair: 3, rotarySize: 16) == (6, 7))
  }

  @Test(arguments: [(15, 16), (0, 16), (-2, 16), (18, 16)])
  func rotarySizesThatDoNotFitAreRefused(rotarySize: Int, headSize: Int) {
    #expect(throws: ProblemError.self) {
      try RotaryEmbedding(
        headSize: headSize, rotarySize: rotarySize, base: NumberLiteral(10000), layout: .halfSplit)
    }
  }

  @Test(arguments: ["0", "-1", "nan", "inf"])
  func basesThatAreNoPositiveNumberAreRefused(text: String) {
    #expect(throws: ProblemError.base(text)) {
      try RotaryEmbedding(headSize: 16, base: NumberLiteral(text), layout: .halfSplit)
    }
  }

  @Test func queryHeadsShareKeyHeadsInOrder() throws {
    let shape = try AttentionShape(heads: 9, keyValueHeads: 3, queryTokens: 4, keyTokens: 10, headSize: 8)
    #expect((0..<9).map(shape.keyValueHead) == [0, 0, 0, 1, 1, 1, 2, 2, 2])
    #expect(throws: ProblemError.headCounts(heads: 9, keyValueHeads: 2)) {
      try AttentionShape(heads: 9, keyValueHeads: 2, queryTokens: 4, keyTokens: 10, headSize: 8)
    }
  }

  @Test func queriesAreTheLastTokensOfTheKeys() throws {
    let shape = try AttentionShape(heads: 1, keyValueHeads: 1, queryTokens: 3, keyTokens: 5, headSize: 8)
    #expect((0..<3).map { shape.causalKeys(ofQuery: $0) } == [0..<3, 0..<4, 0..<5])
    #expect(AttentionPattern(causalOver: 5).visiblePairs(queryTokens: 3) == 12)
    #expect(throws: ProblemError.moreQueriesThanKeys(queries: 6, keys: 5)) {
      try AttentionShape(heads: 1, keyValueHeads: 1, queryTokens: 6, keyTokens: 5, headSize: 8)
    }
  }

  @Test func shiftsMayReachTheLastExactIntegerAndNoFurther() throws {
    #expect(try TokenPositions(tokens: 2, shift: (1 << 53) - 1).position(ofToken: 1) == 1 << 53)
    #expect(throws: ProblemError.self) { try TokenPositions(tokens: 3, shift: (1 << 53) - 1) }
    #expect(throws: ProblemError.self) { try TokenPositions(tokens: 3, shift: Int.max) }
    #expect(throws: ProblemError.self) { try TokenPositions(tokens: 1, shift: -(1 << 53) - 1) }
  }
}
