// The drift of a head, a layer, a prefix or a whole run in a few numbers. Totals of heads add up to totals of
// layers without the tables they came from.

/// What is kept of one key beside the totals: enough for its concentration and for the five-key fraction.
public struct TrackedKey: Sendable, Hashable {
  /// The key's index in the file.
  public let key: Int
  /// δ of logits over the queries that see the key.
  public internal(set) var logit: DifferenceSums
  /// δ of probabilities over the queries that see the key.
  public internal(set) var probability: DifferenceSums
  /// Σᵢ A_ij(Δ₁) over the queries with finite δA.
  public internal(set) var attention: CompensatedSum

  func sums(in space: ValueSpace) -> DifferenceSums { space == .logit ? logit : probability }
}

/// Three views of how much of the drift falls on one key. None is meant to be shown alone.
public struct Concentration: Sendable, Hashable {
  /// Σᵢ|δ_ij| / Σ_ij|δ_ij|; nil where the denominator is zero or no δ is finite.
  public let share: Double?
  /// Visible pairs of the key / all visible pairs: the share if drift fell on all pairs alike.
  public let uniformShare: Double?
  /// The key's mean |δ| / the mean |δ| over all pairs of the other keys; nil where a mean is missing or the
  /// divisor zero.
  public let ratioToOthers: Double?
  /// Σᵢ|δA_ij| / Σᵢ A_ij(Δ₁), in probability space only; nil where the divisor is zero.
  public let relativeChange: Double?

  /// - Parameters:
  ///   - key: the key's sums.
  ///   - all: the sums over all keys, this one included.
  ///   - attention: Σᵢ A_ij(Δ₁), or nil in logit space.
  init(of key: DifferenceSums, among all: DifferenceSums, attention: CompensatedSum?) {
    share = Self.quotient(key.sumOfMagnitudes, all.sumOfMagnitudes)
    uniformShare = Self.quotient(Double(key.count), Double(all.count))
    let others = all.finiteCount - key.finiteCount
    var rest = all.magnitude
    rest.add(CompensatedSum(sum: -key.magnitude.sum, compensation: -key.magnitude.compensation))
    // Where the others' sum is exactly zero the subtraction may leave a few ulps of the key's own sum on
    // either side.
    let restSum = abs(rest.value) <= all.magnitude.value * 0x1p-80 ? 0 : rest.value
    ratioToOthers = Self.quotient(key.mean, others > 0 ? restSum / Double(others) : nil)
    relativeChange = attention.flatMap { Self.quotient(key.sumOfMagnitudes, $0.value) }
  }

  static func quotient(_ a: Double?, _ b: Double?) -> Double? {
    guard let a, let b, b != 0 else { return nil }
    return a / b
  }
}

/// Drift over the pairs of a head, or of several heads. δ = value(Δ₁) − value(Δ₂).
///
/// All sums run over finite δ; n_j = 1 / (queries that see key j in a head) counts every query that sees it.
/// A metric without a finite δ in its space is nil, never zero.
public struct DriftTotals: Sendable, Hashable {
  /// δ of logits over all visible pairs.
  public internal(set) var logit = DifferenceSums()
  /// δ of probabilities over all visible pairs.
  public internal(set) var probability = DifferenceSums()
  /// The keys {0, 1, 2, 8, 64} of ``DriftTotals/fiveKeys`` that the tokens include.
  public internal(set) var trackedKeys: [TrackedKey] = []
  var weighted = CompensatedSum()
  var weightedSigned = CompensatedSum()
  var firstKeyLogit = CompensatedSum()
  var firstKeyLogitUnscaled = CompensatedSum()

  /// The keys of the five-key fraction.
  public static let fiveKeys = [0, 1, 2, 8, 64]

  /// The totals over no pair.
  public init() {}

  /// Visible pairs.
  public var visiblePairs: Int { logit.count }

  /// [Wang2024], Eq. 4: Σ_{layer,head} Σ_j n_j Σ_i |A_ij(Δ₁) − A_ij(Δ₂)|.
  public var dWeighted: Double? { probability.finiteCount > 0 ? weighted.value : nil }

  /// ``dWeighted`` with all n_j = 1.
  public var dUnweighted: Double? { probability.sumOfMagnitudes }

  /// Σ_{layer,head} Σ_j n_j |Σ_i (A_ij(Δ₁) − A_ij(Δ₂))|.
  public var dSigned: Double? { probability.finiteCount > 0 ? weightedSigned.value : nil }

  /// Σ|s_ij(Δ₁) − s_ij(Δ₂)| over all visible pairs.
  public var sumAbsLogitDifference: Double? { logit.sumOfMagnitudes }

  /// [Wang2024], Eq. 5: Σ_{layer,head} (1/T) Σ_i |s_i0(Δ₁) − s_i0(Δ₂)|, T = queries that see key 0 in that head.
  public var dLogit: Double? { hasFirstKeyLogit ? firstKeyLogit.value : nil }

  /// ``dLogit`` with each head's part divided by the scale of its logits.
  public var dLogitUnscaled: Double? { hasFirstKeyLogit ? firstKeyLogitUnscaled.value : nil }

  private var hasFirstKeyLogit: Bool { (tracked(0)?.logit.finiteCount ?? 0) > 0 }

  /// The sums in one space.
  public func sums(in space: ValueSpace) -> DifferenceSums { space == .logit ? logit : probability }

  /// What is kept of a key of ``fiveKeys``; nil for any other and for one beyond the tokens.
  public func tracked(_ key: Int) -> TrackedKey? { trackedKeys.first { $0.key == key } }

  /// How much of the drift falls on a tracked key, by default the first; nil for keys that are not tracked.
  public func concentration(ofKey key: Int = 0, in space: ValueSpace) -> Concentration? {
    tracked(key).map {
      Concentration(
        of: $0.sums(in: space), among: sums(in: space), attention: space == .probability ? $0.attention : nil)
    }
  }

  /// Key 0's mean |δ| over the sum of the means of keys {0, 1, 2, 8, 64}; nil where one of them is beyond the
  /// tokens or has no finite δ, and where the sum is zero.
  public func fiveKeyFraction(in space: ValueSpace) -> Double? {
    let means = Self.fiveKeys.compactMap { tracked($0)?.sums(in: space).mean }
    guard means.count == Self.fiveKeys.count else { return nil }
    return Concentration.quotient(means[0], means.reduce(0, +))
  }

  /// Takes in the totals of other heads. Call in ascending order of layer and head: the order decides the
  /// last bits.
  public mutating func merge(_ other: DriftTotals) {
    logit.merge(other.logit)
    probability.merge(other.probability)
    weighted.add(other.weighted)
    weightedSigned.add(other.weightedSigned)
    firstKeyLogit.add(other.firstKeyLogit)
    firstKeyLogitUnscaled.add(other.firstKeyLogitUnscaled)
    for theirs in other.trackedKeys {
      guard let index = trackedKeys.firstIndex(where: { $0.key == theirs.key }) else {
        trackedKeys.append(theirs)
        continue
      }
      trackedKeys[index].logit.merge(theirs.logit)
      trackedKeys[index].probability.merge(theirs.probability)
      trackedKeys[index].attention.add(theirs.attention)
    }
  }
}
