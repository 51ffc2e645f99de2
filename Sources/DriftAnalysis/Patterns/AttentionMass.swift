// How much attention falls on the first tokens of a window's documents.

import RotaryAttention

/// Mean probability of a key over the queries that see it and are not it.
public struct AttentionMass: Sendable, Hashable {
  /// Queries that see the key and are not it, over all heads, with a number in the reference and at Δ₁.
  public internal(set) var queries = 0
  /// Such queries without a number.
  public internal(set) var nonfiniteCount = 0
  var referenceSum = CompensatedSum()
  var emulatedSum = CompensatedSum()

  /// The sums over no query.
  public init() {}

  /// Σ reference probability / queries; nil without a query.
  public var reference: Double? { queries > 0 ? referenceSum.value / Double(queries) : nil }
  /// Σ probability at Δ₁ / queries; nil without a query.
  public var emulated: Double? { queries > 0 ? emulatedSum.value / Double(queries) : nil }

  mutating func add(reference: Double, emulated: Double) {
    guard reference.isFinite, emulated.isFinite else {
      nonfiniteCount += 1
      return
    }
    queries += 1
    referenceSum.add(reference)
    emulatedSum.add(emulated)
  }

  mutating func merge(_ other: AttentionMass) {
    queries += other.queries
    nonfiniteCount += other.nonfiniteCount
    referenceSum.add(other.referenceSum)
    emulatedSum.add(other.emulatedSum)
  }
}

/// The first tokens of a window's documents, by token.
struct FirstTokens: Sendable {
  /// Ascending.
  let tokens: [Int]
  /// The document of each of ``tokens``.
  let documents: [Int]

  init(_ layout: DocumentLayout) {
    let pairs = layout.documents.indices.map { (layout.firstToken(ofDocument: $0), $0) }.sorted {
      $0.0 < $1.0
    }
    tokens = pairs.map(\.0)
    documents = pairs.map(\.1)
  }

  /// Indices of ``tokens`` within a range of tokens.
  func indices(within range: Range<Int>) -> Range<Int> {
    func first(from token: Int) -> Int {
      var (low, high) = (0, tokens.count)
      while low < high {
        let middle = (low + high) / 2
        if tokens[middle] < token { low = middle + 1 } else { high = middle }
      }
      return low
    }
    return first(from: range.lowerBound)..<first(from: range.upperBound)
  }
}

/// A mass for each document; emptying and merging cost what was touched.
struct DocumentMasses: Sendable, Hashable {
  private(set) var masses: [AttentionMass]
  private var touched: [Int] = []
  private var isTouched: [Bool]

  init(documents: Int) {
    masses = Array(repeating: AttentionMass(), count: documents)
    isTouched = Array(repeating: false, count: documents)
  }

  mutating func reset() {
    for document in touched {
      masses[document] = AttentionMass()
      isTouched[document] = false
    }
    touched.removeAll(keepingCapacity: true)
  }

  private mutating func touch(_ document: Int) {
    if isTouched[document] { return }
    isTouched[document] = true
    touched.append(document)
  }

  mutating func add(_ document: Int, reference: Double, emulated: Double) {
    touch(document)
    masses[document].add(reference: reference, emulated: emulated)
  }

  mutating func merge(_ other: DocumentMasses) {
    for document in other.touched {
      touch(document)
      masses[document].merge(other.masses[document])
    }
  }
}
