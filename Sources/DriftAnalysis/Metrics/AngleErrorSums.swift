// What is known about the angles and the stored cos and sin of a range of positions, for one rotary pair or for several.

/// A greatest error and where it was found.
public struct LocatedError: Sendable, Hashable {
  /// |error|.
  public var magnitude: Double
  /// The position.
  public var position: Int
  /// The rotary pair.
  public var pair: Int
  /// For a table entry, whether it is the sine.
  public var isSine = false

  /// A greatest error.
  public init(magnitude: Double, position: Int, pair: Int, isSine: Bool = false) {
    self.magnitude = magnitude
    self.position = position
    self.pair = pair
    self.isSine = isSine
  }

  /// The greater of two; of equal ones the first given.
  static func greater(_ a: LocatedError?, _ b: LocatedError?) -> LocatedError? {
    guard let a, let b else { return a ?? b }
    return b.magnitude > a.magnitude ? b : a
  }
}

/// The greatest error with one stage treated specially, a stage a row.
public struct StageMaxima: Sendable, Hashable {
  /// max|error| with only this stage rounded and all others exact; nil without a finite error.
  public var own: [LocatedError?]
  /// max|error| with this stage exact and all others as in the recipe; nil without a finite error.
  public var without: [LocatedError?]

  /// Nothing known of so many stages.
  public init(stages: Int) {
    own = Array(repeating: nil, count: stages)
    without = own
  }

  mutating func merge(_ other: StageMaxima) {
    own = zip(own, other.own).map(LocatedError.greater)
    without = zip(without, other.without).map(LocatedError.greater)
  }

  /// The stage whose rounding alone gives the greatest error, the first of equals; nil where no stage alone gives any.
  public var cause: Int? {
    var best: Int?
    for (index, error) in own.enumerated()
    where (error?.magnitude ?? 0) > (best.map { own[$0]!.magnitude } ?? 0) {
      best = index
    }
    return best
  }

  /// The stage without whose rounding the greatest error is least, the first of equals; nil where no stage alone lowers it below
  /// `full`.
  public func cheapest(full: Double) -> Int? {
    var best: Int?
    var least = full
    for (index, error) in without.enumerated() {
      if let error, error.magnitude < least {
        best = index
        least = error.magnitude
      }
    }
    return best
  }
}

/// Errors of angles (radians, not wrapped) and of stored cos and sin over a range of positions.
///
/// Sums and maxima run over finite errors; an entry that is not finite is counted. The root mean squares and the mean come from sums
/// that carry their rounding errors. Their terms are within 2^−50 of the exact error of an angle; those of a table entry within
/// 2^−48 of it and 2^−72 (2^−47 among angles off by more than 2^−4) times the attention factor. Greatest errors are correctly
/// rounded.
public struct AngleErrorSums: Sendable {
  /// (position, pair) entries.
  public internal(set) var entries = 0
  /// Entries whose stored angle is not finite.
  public internal(set) var nonfiniteAngles = 0
  /// Stored cos and sin that are not finite, of 2·``entries``.
  public internal(set) var nonfiniteTableValues = 0
  /// max|Δangle|.
  public internal(set) var angle: LocatedError?
  /// max over cos and sin of |stored − exact|.
  public internal(set) var table: LocatedError?
  /// Neighbouring positions p, p + 1 of the range with finite stored angles, over all pairs.
  public internal(set) var neighbours = 0
  /// Those of ``neighbours`` whose stored angles are the same number.
  public internal(set) var collisions = 0
  /// For the angle: frequency, position, angle.
  public internal(set) var angleStages = StageMaxima(stages: 3)
  /// For the table: frequency, position, angle, trig, table.
  public internal(set) var tableStages = StageMaxima(stages: 5)
  /// Entries that the plain tier had to decide.
  public internal(set) var fallbacks = 0
  var signedAngles = CompensatedSum()
  var squaredAngles = CompensatedSum()
  var squaredTable = CompensatedSum()

  /// Nothing measured yet.
  public init() {}

  /// √(ΣΔ²/n) over the n finite angles; nil for none.
  public var angleRootMeanSquare: Double? { Self.root(squaredAngles, entries - nonfiniteAngles) }

  /// ΣΔ/n, the bias; nil without a finite angle.
  public var angleMean: Double? {
    entries > nonfiniteAngles ? signedAngles.value / Double(entries - nonfiniteAngles) : nil
  }

  /// √(Σe²/n) over the n finite stored cos and sin; nil for none.
  public var tableRootMeanSquare: Double? { Self.root(squaredTable, 2 * entries - nonfiniteTableValues) }

  /// The part of ``neighbours`` that collide; nil for none.
  public var collisionFraction: Double? { neighbours > 0 ? Double(collisions) / Double(neighbours) : nil }

  private static func root(_ sum: CompensatedSum, _ count: Int) -> Double? {
    count > 0 ? (sum.value / Double(count)).squareRoot() : nil
  }

  /// Takes in further entries: later positions, or the next pair. Of equal maxima the one that was there stays.
  public mutating func merge(_ other: AngleErrorSums) {
    entries += other.entries
    nonfiniteAngles += other.nonfiniteAngles
    nonfiniteTableValues += other.nonfiniteTableValues
    angle = LocatedError.greater(angle, other.angle)
    table = LocatedError.greater(table, other.table)
    neighbours += other.neighbours
    collisions += other.collisions
    angleStages.merge(other.angleStages)
    tableStages.merge(other.tableStages)
    fallbacks += other.fallbacks
    signedAngles.add(other.signedAngles)
    squaredAngles.add(other.squaredAngles)
    squaredTable.add(other.squaredTable)
  }
}
