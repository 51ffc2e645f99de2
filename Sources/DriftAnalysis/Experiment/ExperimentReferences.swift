// The exact scores that an experiment's errors are taken against.

import EmulatedEngine
import ReferenceEngine

/// The reference problems of an experiment: one, or one for each set of stored frequencies. The exact score depends on
/// differences of positions alone, so that it is computed at shift 0 for all.
struct ExperimentReferences {
  let indexOfRecipe: [Int]
  private let problems: [ReferenceProblem]
  private let trigonometries: [ReferenceTrigonometry]
  private let keyTokens: Int
  private let threads: Int

  init(_ experiment: DriftExperiment, threads: Int) throws {
    var problems: [ReferenceProblem] = []
    var frequencySets: [[Double]] = []
    indexOfRecipe = try experiment.emulations.map { emulation in
      let stored = experiment.usesStoredFrequencies ? try Self.storedFrequencies(of: emulation) : nil
      let key = stored ?? []
      if let known = frequencySets.firstIndex(of: key) { return known }
      frequencySets.append(key)
      problems.append(
        try ReferenceProblem(
          embedding: experiment.embedding, scale: experiment.scale,
          angles: stored.map { ExactAngles(storedFrequencies: $0) }))
      return problems.count - 1
    }
    self.problems = problems
    keyTokens = experiment.shape.keyTokens
    self.threads = threads
    let positions = Array(0..<experiment.shape.keyTokens)
    trigonometries = problems.map {
      ReferenceTrigonometry(
        angles: $0.angles, attentionFactor: $0.attentionFactor, positions: positions, threads: threads)
    }
  }

  /// The frequencies that a recipe stores; nil where its stage does not round.
  private static func storedFrequencies(of emulation: Emulation) throws -> [Double]? {
    if emulation.recipe.inverseFrequency.rounding.isExact { return nil }
    return try emulation.frequencies.enumerated().map { pair, frequency in
      guard case .number(let value) = frequency, value.isFinite else {
        throw ExperimentError.storedFrequencyNotFinite(recipe: emulation.recipe.name, pair: pair)
      }
      return value
    }
  }

  func heads(keys: [Double]) -> [ReferenceHead] {
    zip(problems, trigonometries).map {
      ReferenceHead(problem: $0, trigonometry: $1, keys: keys, keyRows: Array(0..<keyTokens))
    }
  }
}
