// Where a pair of a query and a key stands: in the file, in position, and in the order in which pairs are
// visited. What is the same for all heads and all recipes of a comparison is worked out once, here.

/// Whether a figure is about attention logits or about attention probabilities.
public enum ValueSpace: String, Sendable, Hashable, CaseIterable {
  /// The score before the softmax.
  case logit
  /// The row-normalised weight after it.
  case probability
}

/// The coordinates of one (query, key) pair. The order is that in which pairs are visited: layer, head,
/// query, key.
public struct PairPlace: Sendable, Hashable, Comparable {
  /// The layer's number.
  public var layer: Int
  /// The query head's number.
  public var head: Int
  /// The query's index in the file.
  public var query: Int
  /// The key's index in the file.
  public var key: Int

  /// A place from its coordinates.
  public init(layer: Int, head: Int, query: Int, key: Int) {
    self.layer = layer
    self.head = head
    self.query = query
    self.key = key
  }

  /// Whether `a` is visited before `b`.
  public static func < (a: PairPlace, b: PairPlace) -> Bool {
    (a.layer, a.head, a.query, a.key) < (b.layer, b.head, b.query, b.key)
  }
}

/// Layer, head and query of a pair in one word that sorts as they do, so that tables of maxima keep one array
/// for it.
struct RowPlace: Sendable, Hashable {
  /// Greatest layer and head: ``DriftExperiment`` refuses others.
  static let layerLimit = (1 << 15) - 1
  static let headLimit = (1 << 16) - 1

  let word: Int64

  init(word: Int64) { self.word = word }

  init(layer: Int, head: Int, query: Int) {
    precondition((0...Self.layerLimit).contains(layer), "layer \(layer) is outside 0…\(Self.layerLimit)")
    precondition((0...Self.headLimit).contains(head), "head \(head) is outside 0…\(Self.headLimit)")
    precondition((0..<1 << 32).contains(query), "query \(query) is outside 0…2^32−1")
    word = Int64(layer) << 48 | Int64(head) << 32 | Int64(query)
  }

  func pair(withKey key: Int) -> PairPlace {
    PairPlace(
      layer: Int(word >> 48), head: Int(word >> 32 & 0xFFFF), query: Int(word & 0xFFFF_FFFF), key: key)
  }
}

/// What can be wrong with the input of an analysis.
public enum AnalysisError: Error, Equatable, CustomStringConvertible {
  /// A table with a row for every distance at which a pair stands would grow with pairs, not with tokens.
  case tooManyDistances(limit: Int)

  /// One sentence with the mend.
  public var description: String {
    switch self {
    case .tooManyDistances(let limit):
      "pairs of a query and a key stand at more than \(limit) different distances, and a table has a row for each; "
        + "use positions that lie closer together, or fewer gaps between them"
    }
  }
}

/// Query and key positions of one comparison and the range of their distances p_i − p_j.
///
/// Only differences of positions matter, so a shift Δ that is added to all of them may be left out.
public struct PairGeometry: Sendable {
  /// Positions of the queries, [queryTokens].
  public let queryPositions: [Int]
  /// Positions of the keys, [keyTokens].
  public let keyPositions: [Int]
  /// From the least to the greatest distance of a visible pair.
  public let distances: ClosedRange<Int>
  /// Rows of a table of distances.
  let slots: DistanceSlots
  /// For each key the end of the run of keys, this one included, whose positions ascend in steps of one.
  let runEnds: [Int]

  /// Different distances that tables have room for: with a row for each, memory grows with tokens.
  public static func distanceLimit(tokens: Int) -> Int { max(1 << 18, 8 * tokens) }

  /// Number of queries.
  public var queryTokens: Int { queryPositions.count }
  /// Number of keys.
  public var keyTokens: Int { keyPositions.count }
  /// keyTokens − queryTokens: what is added to a query's index to give its token index (aligned at the last
  /// token).
  public var queryOffset: Int { keyTokens - queryTokens }

  /// A geometry for a mask.
  ///
  /// - Parameters:
  ///   - queryPositions: [queryTokens].
  ///   - keyPositions: [keyTokens].
  ///   - distances: from the least to the greatest distance of a visible pair.
  ///   - visibleKeys: the runs of keys that a query sees; asked where positions lie far apart.
  /// - Throws: ``AnalysisError/tooManyDistances(limit:)``.
  public init(
    queryPositions: [Int], keyPositions: [Int], distances: ClosedRange<Int>,
    visibleKeys: (_ query: Int) -> [Range<Int>]
  ) throws {
    self.queryPositions = queryPositions
    self.keyPositions = keyPositions
    self.distances = distances
    var ends = Array(repeating: keyPositions.count, count: keyPositions.count)
    for key in keyPositions.indices.dropLast().reversed() {
      ends[key] = keyPositions[key + 1] == keyPositions[key] + 1 ? ends[key + 1] : key + 1
    }
    runEnds = ends
    let limit = Self.distanceLimit(tokens: keyPositions.count)
    let (width, overflow) = distances.upperBound.subtractingReportingOverflow(distances.lowerBound)
    guard !overflow else { throw AnalysisError.tooManyDistances(limit: limit) }
    // Twice the tokens is no waste worth a search.
    if width < max(1 << 12, 2 * keyPositions.count) {
      slots = DistanceSlots(distances)
      return
    }
    var union = DistanceUnion()
    for (query, position) in queryPositions.enumerated() {
      for keys in visibleKeys(query) {
        var key = keys.lowerBound
        while key < keys.upperBound {
          let end = min(ends[key], keys.upperBound)
          let first = distances.upperBound - (position - keyPositions[key])
          union.add(first..<first + end - key)
          key = end
        }
      }
      guard union.count <= limit else { throw AnalysisError.tooManyDistances(limit: limit) }
    }
    union.finish()
    guard union.count <= limit else { throw AnalysisError.tooManyDistances(limit: limit) }
    slots = DistanceSlots(greatest: distances.upperBound, union)
  }

  /// A geometry for the causal mask (query i sees the keys with token index ≤ i + queryOffset) or any part of
  /// it: distances from the least to the greatest of its pairs, 0…0 where there is none.
  ///
  /// - Throws: ``AnalysisError/tooManyDistances(limit:)``.
  public init(causalQueryPositions queryPositions: [Int], keyPositions: [Int]) throws {
    let offset = keyPositions.count - queryPositions.count
    var visible = 0
    var (least, greatest) = (Int.max, Int.min)
    var (nearest, farthest) = (Int.max, Int.min)
    for (query, position) in queryPositions.enumerated() {
      while visible < keyPositions.count, visible <= query + offset {
        least = min(least, keyPositions[visible])
        greatest = max(greatest, keyPositions[visible])
        visible += 1
      }
      guard visible > 0 else { continue }
      nearest = min(nearest, position - greatest)
      farthest = max(farthest, position - least)
    }
    try self.init(
      queryPositions: queryPositions, keyPositions: keyPositions,
      distances: nearest <= farthest ? nearest...farthest : 0...0,
      visibleKeys: { [0..<min(max($0 + offset + 1, 0), keyPositions.count)] })
  }

  /// How many queries have a token index below `length`: those that belong to the prefix of that length.
  public func queryCount(ofPrefix length: Int) -> Int {
    min(max(length - queryOffset, 0), queryTokens)
  }

  /// The queries in ascending tiles of at most `size`, cut where a prefix ends.
  ///
  /// - Parameter queries: which ones; nil for all.
  public func tiles(
    ofAtMost size: Int, lengths: [Int] = [], within queries: Range<Int>? = nil
  ) -> [Range<Int>] {
    precondition(size > 0)
    let queries = queries ?? 0..<queryTokens
    let ends = Set(
      lengths.map(queryCount(ofPrefix:)).filter(queries.contains) + [queries.upperBound]
    ).sorted()
    var tiles: [Range<Int>] = []
    var start = queries.lowerBound
    for end in ends {
      while start < end {
        tiles.append(start..<min(start + size, end))
        start = tiles[tiles.count - 1].upperBound
      }
    }
    return tiles
  }

  /// Rows of a table of distances.
  var slotCount: Int { slots.count }

  func distance(ofSlot slot: Int) -> Int { slots.distance(ofSlot: slot) }

  /// Calls `body` with the first key, the number of keys and the first slot of each part of `keys` whose
  /// slots ascend in steps of one as seen from `query`.
  @inline(__always)
  func forEachRun(query: Int, keys: Range<Int>, _ body: (_ key: Int, _ count: Int, _ slot: Int) -> Void) {
    let position = queryPositions[query]
    var key = keys.lowerBound
    while key < keys.upperBound {
      let end = min(runEnds[key], keys.upperBound)
      let slot = slots.slot(ofDistance: position - keyPositions[key])
      precondition(
        slot >= 0 && slot + (end - key) <= slotCount,
        "query \(query) sees keys \(key)..<\(end) at a distance outside \(distances)")
      body(key, end - key, slot)
      key = end
    }
  }
}
