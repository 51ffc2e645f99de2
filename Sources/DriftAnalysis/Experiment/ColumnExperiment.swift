// A few keys against all queries: the first token at a million positions, the keys of the five-key fraction. Costs what those
// columns cost, in time and in memory, because no row of logits is ever whole.

import EmulatedEngine
import ReferenceEngine
import RotaryAttention

/// Drift of the logits of a few keys, and their error, over all queries that see them.
///
/// A key's figures are those of its row in the tables of ``DriftExperiment`` in logit space: the same sums in the same order of
/// tiles (where no prefix length of that experiment cuts a tile). There are none in probability space, which needs whole rows.
public struct ColumnExperiment: Sendable {
  /// Input, problem, recipes, comparisons and queries. Its sweep and its lengths are left alone.
  public let experiment: DriftExperiment
  /// The keys, ascending.
  public let keys: [Int]
  /// Whether the exact logits are computed too.
  public let measuresError: Bool
  /// How many (query, key) pairs ``run(threads:progress:)`` works through.
  public let workload: Int
  /// Queries whose tables and vectors are alive at a time in one thread; a multiple of a tile. No byte depends on it.
  var chunkSize = 8 * DriftExperiment.tileSize

  /// Checks and makes an experiment on some columns of another.
  ///
  /// - Parameters:
  ///   - experiment: with at least one comparison.
  ///   - keys: at least one.
  ///   - measuresError: whether to compare with the reference at Δ₁.
  /// - Throws: ``ExperimentError``.
  public init(_ experiment: DriftExperiment, keys: [Int], measuresError: Bool = true) throws {
    guard !keys.isEmpty else { throw ExperimentError.empty("keys") }
    guard !experiment.comparisons.isEmpty else { throw ExperimentError.empty("shifts") }
    guard experiment.pattern.isCausal else {
      throw ExperimentError.patternNotKnown(experiment.pattern.name, measurement: "columns")
    }
    self.experiment = experiment
    self.keys = Array(Set(keys)).sorted()
    self.measuresError = measuresError
    let shape = experiment.shape
    for key in self.keys where !(0..<shape.keyTokens).contains(key) {
      throw ExperimentError.keyOutOfRange(key, tokens: shape.keyTokens)
    }
    let chosen = self.keys
    let pairs = (0..<shape.queryTokens).reduce(0) { sum, query in
      guard experiment.measures(query: query) else { return sum }
      let visible = shape.causalKeys(ofQuery: query)
      return sum + chosen.count(where: visible.contains)
    }
    workload = pairs * experiment.layers.count * experiment.heads.count * experiment.comparisons.count
  }

  /// The keys as ranges without gaps, ascending.
  var keyRanges: [Range<Int>] {
    var ranges: [Range<Int>] = []
    for key in keys {
      if let last = ranges.last, last.upperBound == key {
        ranges[ranges.count - 1] = last.lowerBound..<key + 1
      } else {
        ranges.append(key..<key + 1)
      }
    }
    return ranges
  }
}

/// What is known about one key.
public struct ColumnFigures: Sendable, Hashable {
  /// The key's index in the file.
  public let key: Int
  /// δ of logits, value(Δ₁) − value(Δ₂).
  public internal(set) var drift = DifferenceSums()
  /// Emulated at Δ₁ minus reference; nil where no error was measured.
  public internal(set) var error: DifferenceSums?

  mutating func merge(_ other: ColumnFigures) {
    drift.merge(other.drift)
    if let theirs = other.error { error?.merge(theirs) }
  }
}

/// The columns of one head.
public struct HeadColumns: Sendable, Hashable {
  /// The layer's number.
  public let layer: Int
  /// The query head's number.
  public let head: Int
  /// One a key, ascending.
  public internal(set) var columns: [ColumnFigures]
}

/// The columns of one recipe at one pair of shifts.
public struct ColumnComparison: Sendable, Hashable {
  /// Δ₁ and Δ₂.
  public let shifts: ShiftPair
  /// Layers ascending, heads ascending.
  public let heads: [HeadColumns]
  /// Over all layers and heads: one a key, ascending.
  public let columns: [ColumnFigures]
  /// [Wang2024], Eq. 5, as ``DriftTotals/dLogit``; nil without key 0 or without a finite δ of it.
  public let dLogit: Double?
  /// ``dLogit`` with each head's part divided by the scale.
  public let dLogitUnscaled: Double?

  init(shifts: ShiftPair, heads: [HeadColumns], scale: Double) {
    self.shifts = shifts
    self.heads = heads
    var columns = heads[0].columns
    for head in heads.dropFirst() {
      for index in columns.indices { columns[index].merge(head.columns[index]) }
    }
    self.columns = columns
    var (scaled, unscaled) = (CompensatedSum(), CompensatedSum())
    for head in heads {
      guard let first = head.columns.first, first.key == 0, let sum = first.drift.sumOfMagnitudes else {
        continue
      }
      scaled.add(sum / Double(first.drift.count))
      unscaled.add(sum / Double(first.drift.count) / scale)
    }
    let hasFirst = columns.first.map { $0.key == 0 && $0.drift.finiteCount > 0 } ?? false
    dLogit = hasFirst ? scaled.value : nil
    dLogitUnscaled = hasFirst ? unscaled.value : nil
  }

  /// Key 0's mean |δ| over the sum of the means of keys {0, 1, 2, 8, 64}, as ``DriftTotals/fiveKeyFraction(in:)``; nil where one of
  /// them was not measured.
  public var fiveKeyFraction: Double? {
    let means = DriftTotals.fiveKeys.compactMap { key in columns.first { $0.key == key }?.drift.mean }
    guard means.count == DriftTotals.fiveKeys.count else { return nil }
    return Concentration.quotient(means[0], means.reduce(0, +))
  }
}

/// What an experiment on columns found.
public struct ColumnResults: Sendable {
  /// What was measured.
  public let experiment: ColumnExperiment
  /// One a recipe, in the order of the experiment; each one a comparison.
  public let recipes: [[ColumnComparison]]
  /// How the reference's scores of the first comparison were decided.
  public let referenceCounts: ReferenceHead.Counts
}
