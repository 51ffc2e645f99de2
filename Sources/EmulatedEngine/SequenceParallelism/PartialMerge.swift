// How partial results of attention are joined by their log-sum-exps: the arithmetic as data, and its plain tier.

import ArbitraryPrecision
import FloatingPointFormats

/// The steps by which a ring joins what it knows of a row, out and lse, with a meeting's result, o and λ.
///
///     λ   = RN(m·c + RN(ln l))            m the greatest score, l the sum of the weights, c the scale in the exponential
///     out = RN(out − RN(RN(σ(RN(λ − lse)))·RN(out − o)))           σ(x) = 1/(1 + e^−x)
///     lse = RN(lse − RN(ln σ(RN(lse − λ))))
///
/// The first meeting's o and λ are out and lse. o is what the recipe stores as output, so it is rounded before it is merged; out and lse stay in
/// the merge's formats, and the recipe's output rounding comes once more at the end. Under a base-2 exponent of logits that are scaled
/// already, and under exp, c is 1 and there is no product. ln, σ and ln σ are rounded once, correctly. A row whose weights sum to 0 has
/// λ = +∞, as in the source.
public struct PartialMerge: Sendable, Hashable {
  /// ln l.
  public var logarithm: RoundingChain
  /// m·c and its sum with ln l, and the updated lse.
  public var logSumExp: RoundingChain
  /// Whether the product m·c goes into that sum unrounded.
  public var isLogSumExpFused: Bool
  /// λ − lse and lse − λ.
  public var difference: RoundingChain
  /// σ.
  public var sigmoid: RoundingChain
  /// ln σ.
  public var logSigmoid: RoundingChain
  /// o as it is taken, out − o, its product with σ, and out.
  public var output: RoundingChain
  /// Where the arithmetic was read.
  public var source: String

  /// Every step in one format, rounded to nearest even.
  public init(allIn format: FloatingPointFormat, source: String) {
    let chain = RoundingChain([format])
    (logarithm, logSumExp, difference, sigmoid, logSigmoid, output) = (
      chain, chain, chain, chain, chain, chain
    )
    isLogSumExpFused = true
    self.source = source
  }

  /// Nothing rounded.
  static let exact: PartialMerge = {
    var merge = PartialMerge(allIn: .fp64, source: "exact")
    (merge.logarithm, merge.logSumExp, merge.difference) = (.exact, .exact, .exact)
    (merge.sigmoid, merge.logSigmoid, merge.output) = (.exact, .exact, .exact)
    return merge
  }()

  /// `update_out_and_lse` in fp32 on FlashAttention's outputs and log-sum-exps.
  public static let ringFlashAttention = PartialMerge(
    allIn: .fp32,
    source:
      "zhuzilin/ring-flash-attention 8996282, ring_flash_attn/utils.py, as separate operations; log-sum-exp: Dao-AILab/flash-attention, csrc/flash_attn/src/softmax.h, product and sum taken as one fused operation (the compiler's default) and the hardware's logarithm as correctly rounded"
  )
}

/// A row as far as its meetings have gone, plain tier.
struct PlainPartialRow {
  private(set) var output: [StageValue]
  private(set) var logSumExp: StageValue
  private let merge: PartialMerge
  private let place: ScorePlace
  private var meeting = 0

  /// The first meeting's result.
  init(_ merge: PartialMerge, output: [StageValue], logSumExp: StageValue, place: ScorePlace) throws {
    self.merge = merge
    self.place = place
    self.logSumExp = logSumExp
    let counter = place.with(key: 0).counter(.partialMerge)
    self.output = try output.enumerated().map {
      try merge.output.round($1, counter, step: Self.step(3, channel: $0))
    }
  }

  /// Steps 0, 1 and 2 are those of the row, the others those of a channel.
  private static func step(_ step: Int, channel: Int) -> Int { 8 * channel + step }

  /// Takes in the next meeting's result.
  mutating func add(output block: [StageValue], logSumExp other: StageValue) throws {
    meeting += 1
    let counter = place.with(key: meeting).counter(.partialMerge)
    let weight = try merge.sigmoid.sigmoid(
      merge.difference.sum(other, logSumExp.negated, counter, step: 0), counter, step: 0)
    for channel in output.indices {
      let o = try merge.output.round(block[channel], counter, step: Self.step(3, channel: channel))
      let difference = try merge.output.sum(
        output[channel], o.negated, counter, step: Self.step(4, channel: channel))
      let part = try merge.output.product(
        weight, difference, counter, step: Self.step(5, channel: channel))
      output[channel] = try merge.output.sum(
        output[channel], part.negated, counter, step: Self.step(6, channel: channel))
    }
    let back = try merge.difference.sum(logSumExp, other.negated, counter, step: 1)
    logSumExp = try merge.logSumExp.sum(
      logSumExp, merge.logSigmoid.logSigmoid(back, counter, step: 1).negated, counter, step: 2)
  }
}

extension PartialMerge {
  /// λ of a partial row.
  ///
  /// - Parameters:
  ///   - maximum: m.
  ///   - sum: l.
  ///   - factor: c; nil for 1.
  ///   - place: query, layer and head; the meeting in the place of the key.
  /// - Throws: ``UndecidedRounding``.
  func logSumExp(
    maximum: Double, sum: StageValue, factor: StageValue?, _ place: ScorePlace
  ) throws -> StageValue {
    let counter = place.counter(.partialLogSumExp)
    if try sum.signed() == 0 { return .number(.infinity) }
    let logarithm = try logarithm.logarithm(sum, counter)
    guard let factor else { return try logSumExp.sum(.number(maximum), logarithm, counter, step: 1) }
    if isLogSumExpFused {
      return try logSumExp.fusedProductSum(.number(maximum), factor, logarithm, counter, step: 1)
    }
    return try logSumExp.sum(
      logSumExp.product(.number(maximum), factor, counter, step: 2), logarithm, counter, step: 1)
  }
}

extension Emulation {
  /// c of a partial row's log-sum-exp: what the softmax stage's inputs have still to be multiplied with; nil for 1.
  ///
  /// - Throws: ``UndecidedRounding``.
  func logSumExpFactor() throws -> StageValue? {
    guard readsScores else { return nil }
    if let softcap { return softcap.stored }
    return try recipe.logit.scaleFactor.round(
      .real(scale.exact(headSize: embedding.headSize)), StageCounter(.scaleFactor))
  }
}
