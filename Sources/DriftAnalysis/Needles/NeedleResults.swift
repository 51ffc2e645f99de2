// What was found about needles: by window, recipe, task and size of the exact margin.

import EmulatedEngine

/// Trials whose exact margin is of one binade.
public struct NeedleBin: Sendable, Hashable {
  /// Trials.
  public internal(set) var trials = 0
  /// Trials in which the emulated arithmetic loses a needle.
  public internal(set) var flips = 0
  /// Trials whose emulated margin is not finite; they count as flips where the needle is not found, and with a NaN it is not.
  public internal(set) var nonfiniteCount = 0
  /// max |emulated margin − exact margin|; nil without a finite one.
  public internal(set) var greatestChange: Double?
  var sum = CompensatedSum()
  var sumOfMagnitudes = CompensatedSum()

  /// No trial.
  public init() {}

  /// Flips / trials; nil without a trial.
  public var flipRate: Double? { trials > 0 ? Double(flips) / Double(trials) : nil }
  private var finite: Int { trials - nonfiniteCount }
  /// Mean of emulated margin − exact margin, with its sign.
  public var meanChange: Double? { finite > 0 ? sum.value / Double(finite) : nil }
  /// Mean magnitude of emulated margin − exact margin.
  public var meanMagnitude: Double? { finite > 0 ? sumOfMagnitudes.value / Double(finite) : nil }

  mutating func add(isFound: Bool, change: Double) {
    trials += 1
    if !isFound { flips += 1 }
    guard change.isFinite else {
      nonfiniteCount += 1
      return
    }
    sum.add(change)
    sumOfMagnitudes.add(change.magnitude)
    greatestChange = max(greatestChange ?? 0, change.magnitude)
  }

  mutating func merge(_ other: NeedleBin) {
    trials += other.trials
    flips += other.flips
    nonfiniteCount += other.nonfiniteCount
    sum.add(other.sum)
    sumOfMagnitudes.add(other.sumOfMagnitudes)
    greatestChange = [greatestChange, other.greatestChange].compactMap { $0 }.max()
  }
}

/// One task in one window.
public struct NeedleTaskResults: Sendable, Hashable {
  /// The task.
  public let task: NeedleTask
  /// Trials for which no key of the input, of those that were tried, could be scaled to the target within 2^±6.
  public internal(set) var skipped = 0
  /// Trials whose stored needles do not win in exact arithmetic: rounding into the element type took more than the target.
  public internal(set) var notWon = 0
  /// Trials whose row has no exact margin: a logit of a key that no needle replaces is NaN, or the greatest of them is infinite.
  public internal(set) var withoutMargin = 0
  /// (recipes): by the binade of the exact margin, ⌊log₂ margin⌋.
  public internal(set) var bins: [[Int: NeedleBin]]

  init(task: NeedleTask, recipes: Int) {
    self.task = task
    bins = Array(repeating: [:], count: recipes)
  }

  mutating func merge(_ other: NeedleTaskResults) {
    skipped += other.skipped
    notWon += other.notWon
    withoutMargin += other.withoutMargin
    for (recipe, found) in other.bins.enumerated() {
      for (binade, bin) in found { bins[recipe][binade, default: NeedleBin()].merge(bin) }
    }
  }

  /// All trials of a recipe, whatever their margin.
  public func total(ofRecipe recipe: Int) -> NeedleBin {
    bins[recipe].keys.sorted().reduce(into: NeedleBin()) { $0.merge(bins[recipe][$1]!) }
  }
}

/// One window.
public struct NeedleWindowResults: Sendable {
  /// The window.
  public let window: NeedleExperiment.Window
  /// In the order of the experiment's tasks, over all layers and heads.
  public let tasks: [NeedleTaskResults]
}

/// All that was found.
public struct NeedleResults: Sendable {
  /// What was asked.
  public let experiment: NeedleExperiment
  /// In the order of the experiment.
  public let windows: [NeedleWindowResults]
  /// NaNs and infinities in the stored q and k of the measured layers.
  public let nonFinite: [NonFiniteInput]
}
