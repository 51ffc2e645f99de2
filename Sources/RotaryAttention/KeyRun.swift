// Keys that a query sees: a row of attention is one or more runs of neighbouring keys.

/// Neighbouring keys that a query sees, and where an engine's tiles, lanes and blocks put them.
///
/// The keys of a row are the runs one after another. A mask over a whole window gives a key the place of its token; attention over a
/// packed copy of some tokens (variable lengths in FlashAttention) counts places from 0 in the copy. Only places decide which keys
/// share a tile, a lane or a block, so that two runs may share one.
public struct KeyRun: Sendable, Hashable {
  /// The keys, counted from the first of the matrices of keys and values.
  public var keys: Range<Int>
  /// The place of the first one, at least 0; the others follow.
  public var place: Int

  /// Keys at the places from `place` on.
  public init(keys: Range<Int>, place: Int) {
    self.keys = keys
    self.place = place
  }

  /// The places, one a key.
  public var places: Range<Int> { place..<place + keys.count }
}

extension Sequence<KeyRun> {
  /// How many keys the runs have.
  public var keyCount: Int { reduce(0) { $0 + $1.keys.count } }

  /// Whether the runs can be a row: places ascend from run to run and none is below 0. Runs without keys count for nothing.
  public var haveAscendingPlaces: Bool {
    var end = 0
    for run in self where !run.keys.isEmpty {
      guard run.keys.lowerBound >= 0, run.place >= end else { return false }
      end = run.places.upperBound
    }
    return true
  }
}
