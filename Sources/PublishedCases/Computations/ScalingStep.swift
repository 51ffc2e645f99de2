// What a scaling does to frequencies and to cos and sin: its attention factor, and which pairs it leaves alone, blends or divides.

import ArbitraryPrecision
import EmulatedEngine
import FloatingPointFormats
import ReferenceEngine
import RotaryAttention

/// Quantities of a scaled embedding.
struct ScalingStep: CaseComputation {
  static let name = "scaling"
  static let summary =
    "A scaling's exact attention factor, and the pairs whose frequency is kept, divided by the divisor, or blended."
  static let keys = ["embedding", "divisor"]

  private let embedding: CaseEmbedding
  private let divisor: Rational?

  init(_ object: CaseObject, _ names: CaseNames) throws {
    embedding = try names.embedding(object)
    divisor = object.has("divisor") ? Rational(try object.literal("divisor")) : nil
    if object.has("divisor"), (divisor?.sign ?? 0) <= 0 {
      throw object.invalid("divisor", expected: "a number above zero")
    }
  }

  var parts: [String] { ["attentionFactor"] + (divisor == nil ? [] : ["kept", "blended", "divided"]) }

  func run(_ scope: CaseScope) throws -> [String: CaseValue] {
    var result = [
      "attentionFactor": CaseValue(CaseNumber(try embedding.embedding.exactAttentionFactor()))
    ]
    guard let divisor else { return result }
    let plain = try RotaryEmbedding(
      headSize: embedding.embedding.headSize, base: embedding.embedding.base, layout: .halfSplit
    ).exactFrequencies()
    var regions: [String: [CaseNumber]] = ["kept": [], "blended": [], "divided": []]
    for (pair, frequency) in embedding.frequencies.enumerated() {
      let region: String
      if isSame(frequency, plain[pair]) {
        region = "kept"
      } else {
        region = isSame(frequency * ExactReal(divisor), plain[pair]) ? "divided" : "blended"
      }
      regions[region]!.append(CaseNumber(pair))
    }
    for (name, pairs) in regions { result[name] = CaseValue(list: pairs) }
    return result
  }

  /// Whether two frequencies agree to 256 bits, far closer than any blend of two of them.
  private func isSame(_ a: ExactReal, _ b: ExactReal) -> Bool {
    let sign = ExactReal.sum([a, -b]).interval(precision: 256).sign
    return sign == nil || sign == 0
  }
}
