// Patterns side by side: the same tokens, recipes, shifts and documents under several masks and policies of positions.

import RotaryAttention

/// Several patterns on one input: what each of them does to drift, to error, to outputs and to attention on first tokens.
public struct PatternExperiment: Sendable {
  /// One pattern.
  public struct Entry: Sendable {
    /// What it is called: ``RotaryAttention/AttentionPattern/name``, or as typed where its positions are listed in a file.
    public let name: String
    /// The measurement of pairs, with one comparison and no sweep.
    public let experiment: DriftExperiment

    /// An entry.
    public init(name: String, experiment: DriftExperiment) {
      self.name = name
      self.experiment = experiment
    }
  }

  /// The patterns in the order in which they are shown.
  public let entries: [Entry]
  /// Queries and keys of a block of ``RotaryAttention/BlockSummary``.
  public let blockSize: Int

  /// Checks and makes an experiment.
  ///
  /// - Parameters:
  ///   - entries: at least one, of different names; the same but for their patterns, whose documents are the same.
  ///   - blockSize: at least 1.
  /// - Throws: ``ExperimentError``; ``RotaryAttention/PatternError`` for a block size below 1.
  public init(_ entries: [Entry], blockSize: Int = BlockSummary.defaultSize) throws {
    guard let first = entries.first?.experiment else { throw ExperimentError.empty("patterns") }
    var names: Set<String> = []
    for entry in entries {
      guard names.insert(entry.name).inserted else { throw ExperimentError.repeatedPattern(entry.name) }
      let experiment = entry.experiment
      precondition(
        experiment.comparisons.count == 1 && experiment.sweep.isEmpty
          && experiment.comparisons == first.comparisons && experiment.layers == first.layers
          && experiment.heads == first.heads && experiment.shape == first.shape
          && experiment.emulations.map(\.recipe) == first.emulations.map(\.recipe)
          && experiment.pattern.documents == first.pattern.documents,
        "the patterns of an experiment differ in nothing but the pattern")
    }
    guard blockSize > 0 else {
      throw PatternError.documents(reason: "blocks of \(blockSize) tokens: a block has one at least")
    }
    self.entries = entries
    self.blockSize = blockSize
  }

  /// How many pairs a run works through, over all patterns.
  public var workload: Int { entries.reduce(0) { $0 + $1.experiment.workload } }

  /// Whether the other layout of a pattern's mask, shared or copied anchor, is among the patterns with the same positions.
  func hasCounterpart(_ pattern: AttentionPattern) -> Bool {
    entries.contains { entry in
      let other = entry.experiment.pattern
      return other.mask.documents == pattern.mask.documents.otherLayout
        && other.mask.window == pattern.mask.window
        && other.positions == pattern.positions
    }
  }
}

extension AttentionMask.Documents {
  /// The other layout of an anchored mask; nil for all others.
  fileprivate var otherLayout: Self? {
    switch self {
    case .anchored: .anchorCopied
    case .anchorCopied: .anchored
    case .ignored, .separate: nil
    }
  }
}

/// What was found about one pattern.
public struct PatternResults: Sendable {
  /// What it is called.
  public let name: String
  /// Drift and error in totals, by layer and by head; without rows by key, distance and prefix length.
  public let drift: DriftResults
  /// Of each recipe, the figures of whole rows.
  public let rows: [RowResults]
  /// (recipes)(documents): drift of each document's first token, over all layers and heads.
  public let firstTokens: [[KeyDrift]]
  /// Positions and distances.
  public let extent: PositionExtent
  /// Blocks of a kernel.
  public let blocks: BlockSummary

  /// The pattern.
  public var pattern: AttentionPattern { drift.experiment.pattern }

  /// 4·d·pairs of one head: q·k and P·v, a multiplication and an addition each, for the visible pairs. Exact below 2^53.
  public var exactOperations: Double {
    Double(4 * drift.experiment.shape.headSize) * Double(extent.all.visiblePairs)
  }

  /// 4·d·size²·visited of one head: the same for all pairs of the blocks that a kernel visits. Exact below 2^53.
  public var blockOperations: Double { Double(4 * drift.experiment.shape.headSize) * Double(blockPairs) }

  /// size²·visited: pairs of the blocks that a kernel visits, in one head.
  public var blockPairs: Int { blocks.size * blocks.size * blocks.visited }

  /// Pairs that the full causal mask lets through, in one head.
  public var fullPairs: Int {
    let shape = drift.experiment.shape
    return AttentionPattern(causalOver: shape.keyTokens).visiblePairs(queryTokens: shape.queryTokens)
  }

  /// Visible pairs over ``fullPairs``.
  public var visiblePart: Double { Double(extent.all.visiblePairs) / Double(fullPairs) }

  /// Drift of the first tokens of all documents together, of a recipe.
  public func firstTokenSums(ofRecipe recipe: Int, in space: ValueSpace) -> DifferenceSums {
    var sums = DifferenceSums()
    for key in firstTokens[recipe] { sums.merge(space == .logit ? key.logit : key.probability) }
    return sums
  }

  /// Which part of Σ|δ| falls on the first tokens of all documents together; nil where the sum is zero or nothing is finite.
  public func firstTokenShare(ofRecipe recipe: Int, in space: ValueSpace) -> Double? {
    Concentration.quotient(
      firstTokenSums(ofRecipe: recipe, in: space).sumOfMagnitudes,
      drift.recipes[recipe].comparisons[0].totals.sums(in: space).sumOfMagnitudes)
  }

  /// How many layers and heads were measured.
  public var headCount: Int { drift.experiment.layers.count * drift.experiment.heads.count }
}
