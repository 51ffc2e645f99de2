// One exact score, to any number of digits: the certified reference that everything else is measured against.

import ArbitraryPrecision
import FloatingPointFormats
import RotaryAttention

/// The exact attention score of one query and one key.
///
/// The stored vectors are taken as exact reals, positions as integers, frequencies as real numbers (or as given). A vector that
/// holds a NaN or an infinity has no exact score: the functions below return nil.
public struct ReferenceProblem: Sendable {
  /// Sizes and layout.
  public let embedding: RotaryEmbedding
  /// θ(p, i).
  public let angles: ExactAngles
  /// What multiplies the sum.
  public let scale: ExactReal
  /// The cap of cap·tanh(x/cap) over the scaled score x; nil for none.
  public let softcap: Rational?

  /// f, which multiplies cos and sin.
  public let attentionFactor: ExactReal

  /// The problem of an embedding.
  ///
  /// - Parameters:
  ///   - embedding: sizes, base, layout, scaling.
  ///   - scale: the attention scale.
  ///   - softcap: a finite number above zero; nil for none.
  ///   - angles: nil for p·ω_i with real frequencies.
  /// - Throws: ``ProblemError/scaling(_:)``, ``UndecidedRounding``, for scaled embeddings.
  public init(
    embedding: RotaryEmbedding, scale: AttentionScale, softcap: NumberLiteral? = nil,
    angles: ExactAngles? = nil
  ) throws {
    try self.init(
      embedding: embedding, exactScale: scale.exact(headSize: embedding.headSize),
      softcap: softcap.flatMap { Rational($0) }, angles: angles)
  }

  /// The problem of an embedding with a scale that is already exact.
  ///
  /// - Throws: ``ProblemError/scaling(_:)``, ``UndecidedRounding``, for scaled embeddings.
  public init(
    embedding: RotaryEmbedding, exactScale: ExactReal, softcap: Rational? = nil, angles: ExactAngles? = nil
  ) throws {
    self.softcap = softcap
    self.embedding = embedding
    self.angles = try angles ?? ExactAngles(embedding)
    attentionFactor = try embedding.exactAttentionFactor()
    scale = exactScale
  }

  /// The score by its relative form,
  ///
  ///     x = scale·(f²·Σ_i [a_i cos θ_i + b_i sin θ_i] + Σ_{c ≥ r} q_c k_c),  a_i = q_a k_a + q_b k_b,  b_i = q_a k_b − q_b k_a,
  ///
  /// with θ_i the difference of the two angles of pair i, or cap·tanh(x/cap) of it.
  ///
  /// Coefficients are exact sums. Pairs are grouped by equal non-zero θ; x is algebraic only if every group's sums vanish
  /// (Lindemann–Weierstrass over 1 and the e^{±iθ} [Baker1975]), and then it is scale times a dyadic rational, which
  /// ``ExactReal`` knows exactly. In all other cases x is transcendental, equals no boundary of rounding, and Ziv's strategy
  /// ends.
  ///
  /// - Parameters:
  ///   - query: d channels.
  ///   - key: d channels.
  ///   - queryPosition: p_q.
  ///   - keyPosition: p_k.
  public func relativeFormScore(
    query: [Double], key: [Double], queryPosition: Int, keyPosition: Int
  ) -> ExactReal? {
    guard isFinite(query), isFinite(key) else { return nil }
    var groups: [AngleGroup] = []
    var rotatedConstant = DyadicAccumulator()
    for pair in 0..<embedding.pairCount {
      let (a, b) = embedding.layout.channels(ofPair: pair, rotarySize: embedding.rotarySize)
      let difference = angles.difference(queryPosition, minus: keyPosition, pair: pair)
      if difference.isZero {
        rotatedConstant.addProduct(query[a], key[a])
        rotatedConstant.addProduct(query[b], key[b])
        continue
      }
      var cosine = DyadicAccumulator()
      cosine.addProduct(query[a], key[a])
      cosine.addProduct(query[b], key[b])
      var sine = DyadicAccumulator()
      sine.addProduct(query[a], key[b])
      sine.addProduct(-query[b], key[a])
      // Unscaled irrational frequencies of different pairs differ (the base is not 1), so only rational angles can coincide.
      // Scaled ones might; a cancellation between such pairs is then not seen, and a tie stays undecided.
      let known = groups.firstIndex { $0.angle.rational != nil && $0.angle.rational == difference.rational }
      if let known {
        groups[known].cosineSum = groups[known].cosineSum + cosine.rational
        groups[known].sineSum = groups[known].sineSum + sine.rational
      } else {
        groups.append(AngleGroup(angle: difference, cosineSum: cosine.rational, sineSum: sine.rational))
      }
    }
    var constant = DyadicAccumulator()
    for channel in embedding.rotarySize..<embedding.headSize {
      constant.addProduct(query[channel], key[channel])
    }
    let terms = groups.flatMap {
      [ExactReal($0.cosineSum) * $0.angle.cosine, ExactReal($0.sineSum) * $0.angle.sine]
    }
    let rotated = ExactReal.sum(terms + [ExactReal(rotatedConstant.rational)])
    let factor = attentionFactor * attentionFactor
    return capped(scale * ExactReal.sum([factor * rotated, ExactReal(constant.rational)]))
  }

  private struct AngleGroup {
    var angle: ExactReal
    var cosineSum: Rational
    var sineSum: Rational
  }

  /// The score by rotating both vectors, as written in the definition: an algorithm that shares no formula with
  /// ``relativeFormScore(query:key:queryPosition:keyPosition:)``, for tests to hold against it.
  ///
  /// It cannot decide ties at equal positions (its terms are transcendental there though their sum is not).
  public func absoluteRotationScore(
    query: [Double], key: [Double], queryPosition: Int, keyPosition: Int
  ) -> ExactReal? {
    guard isFinite(query), isFinite(key) else { return nil }
    let rotatedQuery = rotated(query, position: queryPosition)
    let rotatedKey = rotated(key, position: keyPosition)
    return capped(scale * ExactReal.sum(zip(rotatedQuery, rotatedKey).map { $0 * $1 }))
  }

  /// cap·tanh(x/cap), or x without a cap. Of an algebraic x ≠ 0 it is transcendental; of a transcendental x that is not known.
  private func capped(_ x: ExactReal) -> ExactReal { softcap.map(x.softcapped) ?? x }

  /// f·R(p)x channel by channel: f·(x_a cos φ − x_b sin φ, x_a sin φ + x_b cos φ); channels ≥ r as they are.
  public func rotated(_ vector: [Double], position: Int) -> [ExactReal] {
    var result = vector.map { ExactReal($0) }
    for pair in 0..<embedding.pairCount {
      let (a, b) = embedding.layout.channels(ofPair: pair, rotarySize: embedding.rotarySize)
      let angle = angles.angle(position: position, pair: pair)
      let (x, y) = (attentionFactor * result[a], attentionFactor * result[b])
      result[a] = ExactReal.sum([x * angle.cosine, -(y * angle.sine)])
      result[b] = ExactReal.sum([x * angle.sine, y * angle.cosine])
    }
    return result
  }

  private func isFinite(_ vector: [Double]) -> Bool { vector.allSatisfy(\.isFinite) }
}
