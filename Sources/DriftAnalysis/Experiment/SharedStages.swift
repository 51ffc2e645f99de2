// Recipes of one experiment often differ in a late stage only. What they have in common is computed once; the values are the same,
// because no stage's arithmetic depends on the recipe's name or on its place in the list.

import EmulatedEngine
import FloatingPointFormats

/// The work of an experiment's recipes, each part of it once.
struct SharedStages: Sendable {
  /// Recipes with the same logits.
  struct LogitGroup: Sendable {
    /// Logit and probability stages of the first of the recipes.
    let stages: RowStages
    /// Indices into the experiment's emulations, ascending.
    var recipes: [Int]
  }

  /// Recipes whose rows come from the same vectors and sums.
  struct ScoreGroup: Sendable {
    /// What is rotated and accumulated.
    let emulation: Emulation
    /// Whether the rows are accumulators, which the logit stage has still to scale.
    let givesAccumulators: Bool
    /// Index into ``inputs``.
    let input: Int
    var logits: [LogitGroup] = []
  }

  /// Emulations of which each stands for all with its input stage.
  private(set) var inputs: [Emulation] = []
  private(set) var scores: [ScoreGroup] = []
  /// For each recipe its index into ``inputs``.
  private(set) var inputOfRecipe: [Int] = []
  /// For each recipe its probability stage.
  let rowStages: [RowStages]
  /// For each recipe its softmax stage with what follows; nil where the default softmax comes before the probability stage.
  let softmaxStages: [SoftmaxStages?]

  /// A recipe's own softmax.
  struct SoftmaxStages: Sendable {
    let row: RowAttention
    /// Nil where the stage reads logits.
    let inputs: SoftmaxInputStage?
  }

  init(_ emulations: [Emulation]) throws {
    rowStages = emulations.map(RowStages.init)
    softmaxStages = emulations.map {
      $0.recipe.softmax == nil ? nil : SoftmaxStages(row: RowAttention($0), inputs: SoftmaxInputStage($0))
    }
    var inputIndex: [RoundingChain: Int] = [:]
    var scoreIndex: [Recipe: Int] = [:]
    var logitIndex: [Recipe: (score: Int, logit: Int)] = [:]
    for (recipe, emulation) in emulations.enumerated() {
      let input = inputIndex[emulation.recipe.input] ?? inputs.count
      if input == inputs.count {
        inputs.append(emulation)
        inputIndex[emulation.recipe.input] = input
      }
      inputOfRecipe.append(input)
      // Where the sums stay exact, what a softmax stage reads in the place of logits is not found in shared rows.
      let isShared = !emulation.recipe.dot.rounding.isExact || softmaxStages[recipe]?.inputs == nil
      if isShared, let known = logitIndex[emulation.recipeUpToLogit] {
        scores[known.score].logits[known.logit].recipes.append(recipe)
        continue
      }
      let key = emulation.recipeUpToDot
      let score = key.flatMap { scoreIndex[$0] } ?? scores.count
      if score == scores.count {
        let shared = try emulation.upToDot()
        scores.append(
          ScoreGroup(emulation: shared ?? emulation, givesAccumulators: shared != nil, input: input))
        if let key { scoreIndex[key] = score }
      }
      if isShared { logitIndex[emulation.recipeUpToLogit] = (score, scores[score].logits.count) }
      scores[score].logits.append(LogitGroup(stages: rowStages[recipe], recipes: [recipe]))
    }
  }
}
