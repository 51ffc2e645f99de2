// The exact scores that an experiment's errors are taken against.

import ArbitraryPrecision
import EmulatedEngine
import ReferenceEngine

/// The reference problems of an experiment: one, or one for each set of stored frequencies. The exact score depends on
/// differences of positions alone, so that it is computed at shift 0 for all.
struct ExperimentReferences {
  let indexOfRecipe: [Int]
  private let problems: [ReferenceProblem]
  private let trigonometries: [ReferenceTrigonometry]
  init(_ experiment: DriftExperiment, threads: Int) throws {
    (problems, indexOfRecipe) = try Self.problems(of: experiment)
    trigonometries = problems.map {
      ReferenceTrigonometry(
        angles: $0.angles, attentionFactor: $0.attentionFactor, positions: experiment.pattern.positions,
        threads: threads)
    }
  }

  /// The problems of an experiment, and for each recipe its problem's index.
  static func problems(
    of experiment: DriftExperiment
  ) throws -> (problems: [ReferenceProblem], indexOfRecipe: [Int]) {
    var problems: [ReferenceProblem] = []
    // What decides the stored frequencies of a recipe; one entry for all where they are exact.
    var ways: [FrequencyWay?] = []
    let indexOfRecipe = try experiment.emulations.map { emulation in
      let isStored = experiment.usesStoredFrequencies && !emulation.recipe.inverseFrequency.rounding.isExact
      let way = isStored ? FrequencyWay(emulation.recipe) : nil
      if let known = ways.firstIndex(of: way) { return known }
      ways.append(way)
      let stored = isStored ? try storedFrequencies(of: emulation) : nil
      problems.append(
        try ReferenceProblem(
          embedding: experiment.embedding, scale: experiment.scale, softcap: experiment.softcap,
          angles: stored.map { ExactAngles(units: $0) }))
      return problems.count - 1
    }
    return (problems, indexOfRecipe)
  }

  private struct FrequencyWay: Equatable {
    let stage: Recipe.InverseFrequency
    let algorithm: Recipe.Angle.Algorithm

    init(_ recipe: Recipe) {
      stage = recipe.inverseFrequency
      algorithm = recipe.angle.algorithm
    }
  }

  /// The frequencies that a recipe stores, or that its stored timescales or step stand for, as exact reals.
  private static func storedFrequencies(of emulation: Emulation) throws -> [ExactReal] {
    try emulation.frequencies.enumerated().map { pair, frequency in
      guard let value = frequency.exactReal else {
        throw ExperimentError.storedFrequencyNotFinite(recipe: emulation.recipe.name, pair: pair)
      }
      return value
    }
  }

  /// The keys of a sequence: row t of the trigonometry is that of token t.
  func heads(keys: [Double], tokens: [Int]) -> [ReferenceHead] {
    zip(problems, trigonometries).map {
      ReferenceHead(problem: $0, trigonometry: $1, keys: keys, keyRows: tokens)
    }
  }
}
