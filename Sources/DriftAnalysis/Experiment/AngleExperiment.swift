// The errors of a recipe's angles and tables over ranges of positions: set-up and what may be asked.

import EmulatedEngine
import FloatingPointFormats
import RotaryAttention

/// Why ranges of positions cannot be measured.
public enum AngleExperimentError: Error, Equatable, CustomStringConvertible {
  /// A range outside 0 … 2^53.
  case position(Int)

  /// One sentence with the mend.
  public var description: String {
    switch self {
    case .position(let position):
      "position \(position) lies outside 0 … 2^53 = \(TokenPositions.limit); negative positions have the errors of positive ones"
    }
  }
}

/// Measures recipes on an embedding over ranges of positions.
public struct AngleExperiment: Sendable {
  /// Sizes, base, scaling.
  public let embedding: RotaryEmbedding
  /// The recipes.
  public let recipes: [Recipe]
  /// The ranges, each measured on its own.
  public let ranges: [ClosedRange<Int>]

  /// A measurement.
  ///
  /// - Throws: ``AngleExperimentError``.
  public init(embedding: RotaryEmbedding, recipes: [Recipe], ranges: [ClosedRange<Int>]) throws {
    for range in ranges {
      for end in [range.lowerBound, range.upperBound] where !(0...TokenPositions.limit).contains(end) {
        throw AngleExperimentError.position(end)
      }
    }
    self.embedding = embedding
    self.recipes = recipes
    self.ranges = ranges
  }

  /// Cuts positions at powers of two from 2048 on: 0–2047, 2048–4095, 4096–8191, ….
  public static func octaves(of positions: ClosedRange<Int>) -> [ClosedRange<Int>] {
    var ranges: [ClosedRange<Int>] = []
    var first = positions.lowerBound
    while first <= positions.upperBound {
      let next = first < 2048 ? 2048 : 1 << (Int.bitWidth - first.leadingZeroBitCount)
      ranges.append(first...min(next - 1, positions.upperBound))
      first = next
    }
    return ranges
  }

  /// (position, pair) entries of all recipes: the steps that ``run(threads:progress:)`` counts.
  public var workload: Int { recipes.count * embedding.pairCount * ranges.reduce(0) { $0 + $1.count } }

  /// The sets of stages that a recipe is measured with: all, each alone, each left out; those that round nothing more than another
  /// are left to it.
  static let subsets: [TableStages] =
    [.all] + TableStages.ordered.map(\.stage)
    + TableStages.ordered.map { TableStages.all.subtracting($0.stage) }
}

/// What was found about the rounded positions of a range.
public struct PositionCounts: Sendable, Hashable {
  /// Positions of the range.
  public var positions: Int
  /// Different finite numbers that they are rounded to.
  public var distinct: Int
  /// Positions whose rounded value is infinite or NaN.
  public var nonfinite: Int
}

/// One range of positions under one recipe.
public struct AngleRange: Sendable {
  /// The positions.
  public let positions: ClosedRange<Int>
  /// What the position stage makes of them.
  public let counts: PositionCounts
  /// One a rotary pair.
  public let pairs: [AngleErrorSums]
  /// Over all pairs; of equal maxima that of the first pair.
  public let total: AngleErrorSums
}

/// One recipe.
public struct AngleRecipeResults: Sendable {
  /// The arithmetic.
  public let recipe: Recipe
  /// In the order of the experiment.
  public let ranges: [AngleRange]
  /// Whether the fast tier knew the recipe; if not, every entry was computed in the plain tier.
  public let isFast: Bool
}

/// All that was measured.
public struct AngleResults: Sendable {
  /// What was asked.
  public let experiment: AngleExperiment
  /// In the order of the experiment.
  public let recipes: [AngleRecipeResults]
}
