// The figures of one row of an attribution, and what follows from two of them: a stage's share, and what leaving it out saves.

import FloatingPointFormats

/// What is known of a difference (drift or error) in one space.
public struct SpreadFigures: Sendable, Hashable {
  /// Visible pairs.
  public var count = 0
  /// Visible pairs whose difference is NaN or infinite; no figure holds them.
  public var nonfiniteCount = 0
  /// Σ|δ|; nil without a finite δ.
  public var sum: Double?
  /// Mean |δ|.
  public var mean: Double?
  /// √(mean δ²); nil also where squares are not kept (the error of a single key).
  public var rootMeanSquare: Double?
  /// max |δ|.
  public var maximum: Double?

  init(_ sums: DifferenceSums) {
    count = sums.count
    nonfiniteCount = sums.nonfiniteCount
    sum = sums.sumOfMagnitudes
    mean = sums.mean
    rootMeanSquare = sums.rootMeanSquare
    maximum = sums.maximum
  }

  /// The same pairs without any difference: what the theorem says of a variant without drift.
  var vanished: SpreadFigures {
    var result = self
    result.sum = sum.map { _ in 0 }
    result.mean = mean.map { _ in 0 }
    result.rootMeanSquare = rootMeanSquare.map { _ in 0 }
    result.maximum = maximum.map { _ in 0 }
    return result
  }
}

/// Which part of a run a row is about.
public enum AttributionScope: Sendable, Hashable {
  /// All layers and heads.
  case all
  /// One layer.
  case layer(Int)
  /// One head of a layer.
  case head(layer: Int, head: Int)
  /// The first key token, over all layers and heads.
  case firstKey
}

/// The figures of one variant in one scope.
public struct StageFigures: Sendable, Hashable {
  /// Drift of logits.
  public var logitDrift: SpreadFigures
  /// Drift of probabilities.
  public var probabilityDrift: SpreadFigures
  /// [Wang2024], Eq. 5; it is about the first key in every scope.
  public var dLogit: Double?
  /// [Wang2024], Eq. 4; in the scope of the first key that key's part of it.
  public var dWeighted: Double?
  /// Error of logits.
  public var logitError: SpreadFigures
  /// Error of probabilities.
  public var probabilityError: SpreadFigures
  /// Σe²/Σreference² of logits; nil for a single key.
  public var logitNMSE: Double?
  /// Σe²/Σreference² of probabilities; nil for a single key.
  public var probabilityNMSE: Double?
  /// Whether the drift figures are zero by the theorem at ``RecipeStage/keepsShiftInvariance`` and not measured.
  public var driftIsByTheorem = false

  /// The figures of a comparison in a scope.
  init(_ results: ComparisonResults, _ scope: AttributionScope, headCount: Int) {
    func fill(_ totals: DriftTotals, _ logit: ErrorSums, _ probability: ErrorSums) -> StageFigures {
      StageFigures(
        logitDrift: SpreadFigures(totals.logit), probabilityDrift: SpreadFigures(totals.probability),
        dLogit: totals.dLogit, dWeighted: totals.dWeighted, logitError: SpreadFigures(logit.absolute),
        probabilityError: SpreadFigures(probability.absolute), logitNMSE: logit.normalizedMeanSquare,
        probabilityNMSE: probability.normalizedMeanSquare)
    }
    switch scope {
    case .all: self = fill(results.totals, results.error.logit, results.error.probability)
    case .layer(let layer):
      let index = results.layers.firstIndex { $0.layer == layer }!
      let error = results.error.layers[index]
      self = fill(results.layers[index].totals, error.logit, error.probability)
    case .head(let layer, let head):
      let index = results.heads.firstIndex { ($0.layer, $0.head) == (layer, head) }!
      let error = results.error.heads[index]
      self = fill(results.heads[index].totals, error.logit, error.probability)
    case .firstKey:
      let (drift, error) = (results.keys[0], results.error.keys[0])
      self.init(
        logitDrift: SpreadFigures(drift.logit), probabilityDrift: SpreadFigures(drift.probability),
        dLogit: results.totals.dLogit,
        // Every head sees a key equally often, so n_j of one head is heads / count.
        dWeighted: drift.probability.sumOfMagnitudes.map { $0 * Double(headCount) / Double(drift.count) },
        logitError: SpreadFigures(error.logit), probabilityError: SpreadFigures(error.probability))
    }
  }

  private init(
    logitDrift: SpreadFigures, probabilityDrift: SpreadFigures, dLogit: Double?, dWeighted: Double?,
    logitError: SpreadFigures, probabilityError: SpreadFigures, logitNMSE: Double? = nil,
    probabilityNMSE: Double? = nil
  ) {
    self.logitDrift = logitDrift
    self.probabilityDrift = probabilityDrift
    self.dLogit = dLogit
    self.dWeighted = dWeighted
    self.logitError = logitError
    self.probabilityError = probabilityError
    self.logitNMSE = logitNMSE
    self.probabilityNMSE = probabilityNMSE
  }

  /// The same variant with drift that is zero by the theorem.
  var withoutDrift: StageFigures {
    var result = self
    result.logitDrift = logitDrift.vanished
    result.probabilityDrift = probabilityDrift.vanished
    result.dLogit = dLogit.map { _ in 0 }
    result.dWeighted = dWeighted.map { _ in 0 }
    result.driftIsByTheorem = true
    return result
  }
}

/// A figure that shares and savings are given for.
public enum StageQuantity: String, Sendable, Hashable, CaseIterable {
  /// Root mean square drift of logits.
  case logitDrift = "logit_drift"
  /// Root mean square drift of probabilities.
  case probabilityDrift = "probability_drift"
  /// ``StageFigures/dLogit``.
  case dLogit = "d_logit"
  /// ``StageFigures/dWeighted``.
  case dWeighted = "d_weighted"
  /// Root mean square error of logits; for a single key, whose squares are not kept, the mean.
  case logitError = "logit_error"
  /// Root mean square error of probabilities; for a single key the mean.
  case probabilityError = "probability_error"

  /// Whether the figure is about drift.
  public var isDrift: Bool { self != .logitError && self != .probabilityError }

  /// The figure of a row; nil where it is not defined.
  public func value(_ figures: StageFigures) -> Double? {
    switch self {
    case .logitDrift: figures.logitDrift.rootMeanSquare
    case .probabilityDrift: figures.probabilityDrift.rootMeanSquare
    case .dLogit: figures.dLogit
    case .dWeighted: figures.dWeighted
    case .logitError: figures.logitError.rootMeanSquare ?? figures.logitError.mean
    case .probabilityError: figures.probabilityError.rootMeanSquare ?? figures.probabilityError.mean
    }
  }

  /// (figure(only)/figure(recipe))²: the part of the recipe's mean square that the stage gives alone. Parts need not add up to 1:
  /// roundings of different stages partly cancel or reinforce each other, and a later rounding may swallow an earlier one or find
  /// nothing left to round. Nil where a figure is not defined or the recipe's is zero.
  public func share(only: StageFigures, recipe: StageFigures) -> Double? {
    quotient(only, recipe).map { $0 * $0 }
  }

  /// 1 − figure(without)/figure(recipe): what leaving this one rounding out takes away; negative where it makes things worse.
  /// Nil where a figure is not defined or the recipe's is zero.
  public func saved(without: StageFigures, recipe: StageFigures) -> Double? {
    quotient(without, recipe).map { 1 - $0 }
  }

  private func quotient(_ a: StageFigures, _ b: StageFigures) -> Double? {
    guard let a = value(a), let b = value(b), b != 0 else { return nil }
    return a / b
  }
}
