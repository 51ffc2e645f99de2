// What follows the dot stage, on rows: recipes that agree up to the dot stage need their sums accumulated once, and each then
// scales, normalises and rounds them in its own way.

import FloatingPointFormats
import RotaryAttention

extension Emulation {
  /// The recipe up to the dot stage, with a logit stage that hands the accumulators through: two emulations on the same problem
  /// whose recipes have equal values here accumulate the same sums. Nil where the sums stay exact (no number could be shared) and
  /// where the logit stage acts on the vectors before the dot stage.
  public var recipeUpToDot: Recipe? {
    guard !recipe.dot.rounding.isExact, !recipe.logit.scaling.scalesOperands else { return nil }
    var result = recipeUpToLogit
    let binary64 = RoundingChain([.fp64])
    result.logit = Recipe.Logit(storedScore: .exact, scaleFactor: binary64, rounding: binary64)
    return result
  }

  /// The recipe up to the logit stage, without its name: emulations with equal values here have the same logits.
  public var recipeUpToLogit: Recipe {
    var result = recipe
    (result.name, result.summary, result.source) = ("", "", "")
    (result.softmax, result.probability, result.output) = (nil, .exact, nil)
    return result
  }

  /// The emulation of ``recipeUpToDot``: its logits are the accumulators, times one in binary64.
  ///
  /// - Throws: as ``init(recipe:embedding:scale:)``.
  public func upToDot() throws -> Emulation? {
    try recipeUpToDot.map {
      try Emulation(recipe: $0, embedding: embedding, scale: .value(NumberLiteral("1")))
    }
  }
}

/// The logit and probability stages of an emulation on rows of numbers.
public struct RowStages: Sendable {
  private let logit: LogitArithmetic
  private let isIdentity: Bool
  private let probability: ScalarArithmetic?
  private let rowRounding: ArrayRoundingChain?

  /// The stages after the dot stage.
  public init(_ emulation: Emulation) {
    logit = LogitArithmetic(emulation)
    isIdentity = logit.isIdentity
    probability = emulation.recipe.probability.isExact ? nil : ScalarArithmetic(emulation.recipe.probability)
    rowRounding = ArrayRoundingChain(emulation.recipe.probability)
  }

  /// Turns accumulators into logits, in place, rounded to binary64 where the recipe leaves them exact.
  ///
  /// - Parameters:
  ///   - row: the accumulators of one query against `keys`.
  ///   - query: the query's index.
  ///   - keys: the keys' indices.
  ///   - layer: with `head` what makes random words distinct.
  ///   - head: the query head.
  /// - Throws: ``UndecidedRounding``.
  public func scale(
    _ row: UnsafeMutableBufferPointer<Double>, query: Int, keys: Range<Int>, layer: Int, head: Int
  ) throws {
    if isIdentity { return }
    if logit.scaleFast(row) { return }
    for (offset, key) in keys.enumerated() {
      row[offset] = try logit.logit(
        row[offset], ScorePlace(query: query, key: key, layer: layer, head: head))
    }
  }

  /// The same for the accumulators of one key against consecutive queries.
  ///
  /// - Parameters:
  ///   - column: the accumulators.
  ///   - firstQuery: the first query's index.
  ///   - key: the key's index.
  ///   - layer: with `head` what makes random words distinct.
  ///   - head: the query head.
  /// - Throws: ``UndecidedRounding``.
  public func scale(
    column: UnsafeMutableBufferPointer<Double>, firstQuery: Int, key: Int, layer: Int, head: Int
  ) throws {
    if isIdentity { return }
    if logit.scaleFast(column) { return }
    for index in column.indices {
      column[index] = try logit.logit(
        column[index], ScorePlace(query: firstQuery + index, key: key, layer: layer, head: head))
    }
  }

  /// The probability stage's rounding of a row of softmax; false, and nothing written, where the recipe does not round them.
  ///
  /// - Parameters:
  ///   - softmax: the probabilities before rounding.
  ///   - query: the query's index, for stochastic rounding, as `layer` and `head`.
  ///   - rounded: one place a probability.
  public func round(
    _ softmax: UnsafeBufferPointer<Double>, query: Int, layer: Int, head: Int,
    into rounded: UnsafeMutableBufferPointer<Double>
  ) -> Bool {
    guard let probability else { return false }
    if let rowRounding {
      let row = UnsafeMutableBufferPointer(rebasing: rounded[..<softmax.count])
      _ = row.update(fromContentsOf: softmax)
      rowRounding.round(
        row, ScorePlace(query: query, key: 0, layer: layer, head: head).counter(.probability))
      return true
    }
    for index in softmax.indices {
      rounded[index] = probability.round(
        softmax[index],
        ScorePlace(query: query, key: index, layer: layer, head: head).counter(.probability))
    }
    return true
  }
}

/// What the softmax stage reads where that is not the logits: stored scores, from rows of accumulators.
public struct SoftmaxInputStage: Sendable {
  private let emulation: Emulation
  private let scores: RowStages

  /// Nil where the softmax stage reads logits, or where there is none.
  public init?(_ emulation: Emulation) {
    guard emulation.readsScores else { return nil }
    self.emulation = emulation
    scores = RowStages(emulation.withStoredScoresAsLogits())
  }

  /// Turns accumulators into what the softmax stage reads, in place; parameters as of ``RowStages/scale(_:query:keys:layer:head:)``.
  ///
  /// - Throws: ``UndecidedRounding``.
  public func write(
    _ row: UnsafeMutableBufferPointer<Double>, query: Int, keys: Range<Int>, layer: Int, head: Int
  ) throws {
    try scores.scale(row, query: query, keys: keys, layer: layer, head: head)
    try cap(row, ScorePlace(query: query, key: 0, layer: layer, head: head), keys)
  }

  /// The softcap's steps before the scale; nothing where the problem has no softcap.
  func cap(_ row: UnsafeMutableBufferPointer<Double>, _ place: ScorePlace, _ keys: Range<Int>) throws {
    guard emulation.softcap != nil else { return }
    for (offset, key) in keys.enumerated() {
      row[offset] = try emulation.cappedScore(.number(row[offset]), place.with(key: key).counter(.logit))
        .binary64()
    }
  }
}
