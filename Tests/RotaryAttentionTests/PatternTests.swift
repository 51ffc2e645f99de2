// Masks, documents and positions against what their definitions say pair by pair.

import FloatingPointFormats
import Testing

@testable import RotaryAttention

@Suite struct PatternTests {
  private func layout(_ lengths: [Int], tags: Int = 0, _ interleave: String? = nil) throws -> DocumentLayout {
    let tokens = lengths.reduce(0, +) + tags * lengths.count
    return try DocumentLayout(
      DocumentDescription(lengths: lengths), tokens: tokens, tagTokens: tags,
      interleaving: interleave.map(Interleaving.init(spelling:)))
  }

  private func pattern(
    _ mask: String, _ documents: DocumentLayout, _ policy: PositionPolicy = .continuous
  ) throws -> AttentionPattern {
    try AttentionPattern(mask: AttentionMask(spelling: mask), policy: policy, documents: documents)
  }

  /// The mask's predicate, written down once more.
  private func sees(_ query: Int, _ key: Int, _ mask: AttentionMask, _ documents: DocumentLayout) -> Bool {
    guard key <= query else { return false }
    let isSame =
      mask.documents == .ignored || documents.document(ofToken: query) == documents.document(ofToken: key)
    let isNear = mask.window.map { query - key < $0 } ?? true
    return isSame && isNear || mask.hasAnchor && key == 0
  }

  private static let masks = [
    "full", "intra", "anchor", "anchor-copy", "window:1", "window:7", "window:1000", "intra+window:5",
    "anchor+window:5", "anchor+window:1",
  ]

  private func layouts() throws -> [DocumentLayout] {
    [
      DocumentLayout(singleDocumentOf: 23), try layout([23]), try layout([1, 9, 1, 12]),
      try layout([4, 3, 10, 6], "2"),
      try layout([9, 1, 9, 4], "3:seed=7"), try layout([5, 2, 7], tags: 3),
    ]
  }

  @Test(arguments: masks) func visiblePairsAreThoseOfThePredicate(_ spelling: String) throws {
    for documents in try layouts() {
      let pattern = try pattern(spelling, documents)
      for queryTokens in [23, 10, 1] {
        let first = 23 - queryTokens
        var expected: [[Int]] = []
        for query in first..<23 {
          expected.append((0...query).filter { sees(query, $0, pattern.mask, documents) })
        }
        var found: [[Int]] = []
        var pairs = 0
        for sequence in pattern.sequences(queryTokens: queryTokens) {
          pairs += sequence.visiblePairs
          for token in sequence.queries {
            let visible = sequence.visibleKeys(ofToken: token)
            found.append(visible.flatMap(sequence.tokens(ofKeys:)).flatMap { $0 })
            #expect(visible.flatMap { $0 }.map(sequence.token(ofKey:)) == found.last)
            #expect(sequence.token(ofKey: sequence.key(ofQueryToken: token)) == token)
            #expect(pattern.visibleTokens(ofToken: token).flatMap { $0 } == found.last)
            let runs = sequence.keyRuns(ofToken: token)
            #expect(runs.haveAscendingPlaces && runs.flatMap { $0.keys } == visible.flatMap { $0 })
            #expect(
              runs.flatMap { $0.places }
                == (pattern.mask.documents == .anchorCopied ? visible.flatMap { $0 } : found.last))
          }
        }
        #expect(found == expected, "\(spelling) \(documents.chunks)")
        #expect(pairs == expected.reduce(0) { $0 + $1.count })
        #expect(pairs == pattern.visiblePairs(queryTokens: queryTokens))
      }
    }
  }

  @Test func windowedSequencesHoldFewKeys() throws {
    let pattern = try pattern("window:10", DocumentLayout(singleDocumentOf: 10_000))
    #expect(pattern.sequences().map(\.keyCount) == [4096, 4105, 1817])
    let anchored = try self.pattern("anchor+window:10", DocumentLayout(singleDocumentOf: 10_000))
    #expect(anchored.sequences().map(\.keyCount) == [4096, 4106, 1818])
  }

  @Test(arguments: masks, [1, 4, 5, 128]) func blocksAreCountedAsTheirPairsSay(_ spelling: String, size: Int)
    throws
  {
    for documents in try layouts() {
      let pattern = try pattern(spelling, documents)
      let summary = try BlockSummary(pattern, size: size)
      var expected = (full: 0, partial: 0, empty: 0)
      func count(_ n: Int, _ sees: (Int, Int) -> Bool) {
        let blocks = (n + size - 1) / size
        for row in 0..<blocks {
          for column in 0..<blocks {
            var pairs = 0
            for query in row * size..<min(n, (row + 1) * size) {
              for key in column * size..<min(n, (column + 1) * size) where sees(query, key) { pairs += 1 }
            }
            if pairs == 0 {
              expected.empty += 1
            } else if pairs == size * size {
              expected.full += 1
            } else {
              expected.partial += 1
            }
          }
        }
      }
      if spelling == "anchor-copy" {
        for document in documents.documents.indices {
          let hasOwn = documents.firstToken(ofDocument: document) == 0
          count(documents.documents[document].length + (hasOwn ? 0 : 1)) { $1 <= $0 }
        }
      } else {
        count(23) { sees($0, $1, pattern.mask, documents) }
      }
      #expect(
        summary.full == expected.full && summary.partial == expected.partial
          && summary.empty == expected.empty,
        "\(spelling) \(documents.chunks) \(summary)")
    }
  }

  @Test(arguments: masks, [1, 5, 30]) func gridsHoldThePairsOfTheirBlocks(_ spelling: String, size: Int)
    throws
  {
    for documents in try layouts() {
      for queryTokens in [23, 4] {
        let pattern = try pattern(spelling, documents)
        let grid = try VisibilityGrid(pattern, size: size, queryTokens: queryTokens)
        var expected: [VisibilityGrid.Block] = []
        for row in stride(from: 23 - queryTokens, to: 23, by: size) {
          for column in stride(from: 0, to: 23, by: size) {
            let (queries, keys) = (row..<min(23, row + size), column..<min(23, column + size))
            let all = queries.flatMap { query in keys.map { (query, $0) } }
            let pairs = all.filter { sees($0, $1, pattern.mask, documents) }.count
            let block = VisibilityGrid.Block(queries: queries, keys: keys, pairs: pairs)
            #expect(block.causalPairs == all.filter { $1 <= $0 }.count)
            if pairs > 0 { expected.append(block) }
          }
        }
        #expect(grid.blocks == expected)
      }
    }
    #expect(throws: PatternError.self) {
      try VisibilityGrid(AttentionPattern(causalOver: 3), size: 0)
    }
  }

  @Test func positionsFollowTheirPolicy() throws {
    let documents = try layout([3, 2, 3], "2")
    // Chunks: A A | B B | C C | A | C
    #expect(documents.chunks.map(\.document) == [0, 1, 2, 0, 2])
    #expect(documents.chunks.map(\.tokens) == [0..<2, 2..<4, 4..<6, 6..<7, 7..<8])
    #expect(try pattern("intra", documents, .reset).positions == [0, 1, 0, 1, 0, 1, 2, 2])
    #expect(try pattern("anchor", documents, .reset).positions == [0, 1, 1, 2, 1, 2, 2, 3])
    #expect(try pattern("anchor", documents, .anchor).positions == Array(0..<8))
    #expect(try pattern("intra", documents, .list([5, 6, 1, 2, 3, 4, 9, 9])).positions[6] == 9)
  }

  @Test func chunksKeepTheOrderWithinDocuments() throws {
    for seed in UInt64(0)..<20 {
      let documents = try layout([17, 4, 30, 1], "3:seed=\(seed)")
      #expect(documents.tokens == 52)
      for (document, indices) in documents.chunksOfDocument.enumerated() {
        var next = 0
        for index in indices {
          #expect(documents.chunks[index].document == document && documents.chunks[index].offset == next)
          next += documents.chunks[index].tokens.count
        }
        #expect(next == [17, 4, 30, 1][document])
      }
    }
    #expect(try layout([17, 4, 30, 1], "3:seed=1") != layout([17, 4, 30, 1], "3:seed=2"))
  }

  @Test func whatCannotBeMeantIsRefusedWithItsPlace() throws {
    func lengths(_ lengths: [Int], tokens: Int) throws -> DocumentLayout {
      try DocumentLayout(DocumentDescription(lengths: lengths), tokens: tokens)
    }
    #expect(throws: PatternError.lengthsDoNotAddUp(sum: 9, documents: 2, tags: 0, tokens: 10)) {
      try lengths([4, 5], tokens: 10)
    }
    #expect(throws: PatternError.emptyDocument(index: 1, length: 0)) { try lengths([4, 0, 6], tokens: 10) }
    #expect(throws: PatternError.emptyDocument(index: 0, length: -4)) { try lengths([-4, 14], tokens: 10) }
    #expect(throws: PatternError.self) { try lengths([Int.max, Int.max], tokens: 10) }
    func json(_ text: String) throws -> DocumentLayout {
      try DocumentLayout(DocumentDescription(json: Array(text.utf8)), tokens: 10)
    }
    #expect(throws: PatternError.overlappingDocuments(index: 1, start: 3, previousEnd: 4)) {
      try json("[[0, 4], [3, 10]]")
    }
    #expect(throws: PatternError.uncoveredTokens(first: 4, end: 5)) { try json("[[0, 4], [5, 10]]") }
    #expect(throws: PatternError.anchorWithoutFirstToken(start: 1)) { try json("[[1, 4], [4, 10]]") }
    for text in [
      "", "{", "[1, \"2\"]", "[1.5]", "[{\"length\": 4, \"start\": 0}]", "[{\"size\": 1}]", "[4, [4, 10]]",
      "[]", "[null]", "4\nx\n6",
    ] {
      #expect(throws: PatternError.self, "\(text)") { try json(text) }
    }
    let lines = try json("{\"length\": 4, \"domain\": \"web\"}\n\n6\n")
    #expect(lines.documents.map(\.domain) == ["web", nil])
    #expect(try json("[4, 6]") == json("4\n6\n"))
    #expect(throws: PatternError.self) {
      try pattern("intra", layout([4, 6]), .anchor)
    }
    #expect(throws: PatternError.self) { try pattern("full", layout([4, 6]), .reset) }
    #expect(throws: PatternError.positionCount(3, tokens: 10)) {
      try pattern("intra", layout([4, 6]), .list([1, 2, 3]))
    }
    #expect(throws: PatternError.positionsOutOfOrder(token: 6, position: 5, before: 5, previous: 5)) {
      try pattern("intra", layout([4, 6]), .list([0, 1, 2, 3, 0, 5, 5, 6, 7, 8]))
    }
    #expect(throws: PatternError.positionsOutOfOrder(token: 4, position: 0, before: 0, previous: 0)) {
      try pattern("anchor", layout([4, 6]), .list([0, 1, 2, 3, 0, 1, 5, 6, 7, 8]))
    }
    for spelling in [
      "", "causal", "window", "window:0", "window:-3", "window:x", "intra+anchor", "window:2+window:3",
      "anchor-copy+window:4",
    ] {
      #expect(throws: PatternError.self, "\(spelling)") { try AttentionMask(spelling: spelling) }
    }
    for spelling in [
      "full", "intra", "anchor", "anchor-copy", "window:4", "intra+window:4", "anchor+window:9",
    ] {
      #expect(try AttentionMask(spelling: spelling).spelling == spelling)
    }
    #expect(throws: PatternError.self) { try Interleaving(spelling: "0") }
    #expect(throws: PatternError.self) { try Interleaving(spelling: "4:sed=1") }
  }
}
