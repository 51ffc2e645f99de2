// One score of a recipe, stage by stage, in the plain tier: what `score --recipe` prints and what the fast tier is held to.

import ArbitraryPrecision
import FloatingPointFormats
import ReferenceEngine

/// The values after every stage of one emulated score.
public struct EmulatedScore: Sendable {
  /// One vector's way through the stages.
  public struct Side: Sendable {
    /// The table's entries at its position, one a pair.
    public var table: [TableEntry]
    /// After the input stage.
    public var input: [StageValue]
    /// As stored after the rotation.
    public var rotated: [StageValue]
    /// As operands of the dot product: scaled and rounded once more where the recipe does that, else as stored.
    public var operands: [StageValue]
  }
  /// The query's side.
  public var query: Side
  /// The key's side.
  public var key: Side
  /// The sum over channels.
  public var accumulator: StageValue
  /// The score as stored before scaling.
  public var storedScore: StageValue
  /// The stored logit.
  public var logit: StageValue
}

extension Emulation {
  /// Computes one score in the plain tier.
  ///
  /// - Parameters:
  ///   - query: d stored channels.
  ///   - key: d stored channels.
  ///   - queryPosition: position of the query.
  ///   - keyPosition: position of the key.
  ///   - place: tokens, layer and heads, for stochastic rounding; `keyHead` is the key's own head.
  /// - Throws: ``UndecidedRounding``.
  public func score(
    query: [Double], key: [Double], queryPosition: Int, keyPosition: Int,
    queryPlace: VectorPlace = VectorPlace(.query), keyPlace: VectorPlace = VectorPlace(.key),
    pair: ScorePlace = ScorePlace()
  ) throws -> EmulatedScore {
    let q = try side(query, position: queryPosition, queryPlace)
    let k = try side(key, position: keyPosition, keyPlace)
    let accumulator: StageValue
    if let exact = try exactAccumulator(q, k, queryPosition: queryPosition, keyPosition: keyPosition) {
      accumulator = .real(exact)
    } else {
      accumulator = try dot(q.operands, k.operands, pair)
    }
    let (stored, logit) = try logit(accumulator, pair)
    return EmulatedScore(
      query: q, key: k, accumulator: accumulator, storedScore: stored, logit: logit)
  }

  private func side(_ vector: [Double], position: Int, _ place: VectorPlace) throws -> EmulatedScore.Side {
    let table = try (0..<embedding.pairCount).map { try tableEntry(position: position, pair: $0) }
    let input = try input(vector, place)
    let turned = try rotation(input, table: table, place)
    let stored = try rotated(turned, place)
    return EmulatedScore.Side(
      table: table, input: input, rotated: stored, operands: try operands(stored, place))
  }

  /// Where nothing is rounded from the trig stage to the sum, the sum is the exact score of the input vectors at this recipe's
  /// angles; its relative form decides ties that the sum of its terms could not.
  private func exactAccumulator(
    _ query: EmulatedScore.Side, _ key: EmulatedScore.Side, queryPosition: Int, keyPosition: Int
  ) throws -> ExactReal? {
    guard recipe.isExactFromTrigToDot, let q = numbers(query.input), let k = numbers(key.input),
      let angles = try exactAngles(positions: [queryPosition, keyPosition])
    else { return nil }
    return try ReferenceProblem(embedding: embedding, exactScale: ExactReal(Rational(1)), angles: angles)
      .relativeFormScore(query: q, key: k, queryPosition: queryPosition, keyPosition: keyPosition)
  }

  private func numbers(_ values: [StageValue]) -> [Double]? {
    let numbers = values.compactMap { if case .number(let x) = $0 { x } else { nil } }
    return numbers.count == values.count ? numbers : nil
  }
}

extension Recipe {
  /// Whether nothing is rounded from the trig stage to the sum over channels.
  var isExactFromTrigToDot: Bool {
    trig.rounding.isExact && table.isExact && rotation.rounding.isExact && rotated.isExact
      && !logit.scaling.scalesOperands && dot.queryOperand.isExact && dot.keyOperand.isExact
      && dot.order == .exact
  }
}
