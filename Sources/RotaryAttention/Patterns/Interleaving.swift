// Documents in chunks, one document's chunk after another's, as long-context mixtures are sometimes packed.

import FloatingPointFormats

/// How documents are cut into chunks and mixed. The order within a document is kept.
public struct Interleaving: Sendable, Hashable {
  /// Tokens of a chunk.
  public let chunk: Int
  /// Nil: documents take turns. Else the seed of the order.
  public let seed: UInt64?

  /// Chunks of at least one token.
  ///
  /// - Throws: ``PatternError/documents(reason:)``.
  public init(chunk: Int, seed: UInt64? = nil) throws {
    guard chunk > 0 else {
      throw PatternError.documents(reason: "chunks of \(chunk) tokens: a chunk has one at least")
    }
    self.chunk = chunk
    self.seed = seed
  }

  /// Reads `64` or `64:seed=3`.
  ///
  /// - Throws: ``PatternError/documents(reason:)``.
  public init(spelling: String) throws {
    let parts = spelling.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    var seed: UInt64?
    if parts.count == 2 {
      guard parts[1].hasPrefix("seed="), let value = UInt64(parts[1].dropFirst(5)) else {
        throw PatternError.documents(
          reason: "interleaving '\(spelling)' is neither CHUNK nor CHUNK:seed=NUMBER")
      }
      seed = value
    }
    guard let chunk = Int(parts[0]) else {
      throw PatternError.documents(
        reason:
          "interleaving '\(spelling)': '\(parts[0])' is \(parts[0].isDecimalInteger ? "out of range" : "no number of tokens")"
      )
    }
    try self.init(chunk: chunk, seed: seed)
  }

  /// As ``init(spelling:)`` reads it.
  public var spelling: String { seed.map { "\(chunk):seed=\($0)" } ?? "\(chunk)" }

  /// Documents and token counts in the order of the window.
  func order(lengths: [Int]) -> [(document: Int, count: Int)] {
    var left = lengths
    var order: [(Int, Int)] = []
    func take(_ document: Int) {
      let count = min(chunk, left[document])
      order.append((document, count))
      left[document] -= count
    }
    guard let seed else {
      var open = Array(lengths.indices)
      while !open.isEmpty {
        for document in open { take(document) }
        open.removeAll { left[$0] == 0 }
      }
      return order
    }
    // One slot a chunk, shuffled (Fisher–Yates): the k-th slot of a document is its k-th chunk. Words of 64 bits leave a bias
    // below 2^-32 for fewer than 2^32 chunks.
    var slots = lengths.indices.flatMap { document in
      Array(repeating: document, count: (lengths[document] + chunk - 1) / chunk)
    }
    let key = SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
    for index in slots.indices.reversed() where index > 0 {
      let words = Philox.words(
        counter: SIMD4(
          UInt32(truncatingIfNeeded: index), UInt32(truncatingIfNeeded: index >> 32), 0, 0x696E_746C),
        key: key)
      let word = UInt64(words[0]) | UInt64(words[1]) << 32
      slots.swapAt(index, Int(word % UInt64(index + 1)))
    }
    for document in slots { take(document) }
    return order
  }
}
