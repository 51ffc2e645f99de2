// What is known about a set of differences, and the figures that follow from it: the common shape of a key's,
// a distance's, a head's and a whole run's drift or error.

/// Sums over a set of pairs of a difference δ (drift: δ = value(Δ₁) − value(Δ₂); error: δ = emulated −
/// reference).
///
/// All sums, means and maxima run over the pairs with finite δ. A figure that no pair defines is nil, never
/// zero.
public struct DifferenceSums: Sendable, Hashable {
  /// Visible pairs.
  public internal(set) var count = 0
  /// Visible pairs whose δ is not finite: an operand is NaN or infinite, or the difference overflows.
  public internal(set) var nonfiniteCount = 0
  /// Σ|δ|, with its compensation.
  public internal(set) var magnitude = CompensatedSum()
  /// Σδ.
  var signed: CompensatedSum?
  /// Σδ².
  var square: CompensatedSum?
  /// max|δ|; nil without a finite δ.
  public internal(set) var maximum: Double?
  /// The first pair, in the order of ``PairPlace``, at which |δ| is ``maximum``; nil also where places are
  /// not kept (distances).
  public internal(set) var maximumPlace: PairPlace?

  /// The sums over no pair.
  public init() {
    signed = CompensatedSum()
    square = CompensatedSum()
  }

  init(
    count: Int, nonfiniteCount: Int, magnitude: CompensatedSum, signed: CompensatedSum?,
    square: CompensatedSum?, maximum: Double?, maximumPlace: PairPlace?
  ) {
    self.count = count
    self.nonfiniteCount = nonfiniteCount
    self.magnitude = magnitude
    self.signed = signed
    self.square = square
    self.maximum = maximum
    self.maximumPlace = maximumPlace
  }

  /// Pairs with finite δ.
  public var finiteCount: Int { count - nonfiniteCount }

  /// Σ|δ|; nil without a finite δ.
  public var sumOfMagnitudes: Double? { finiteCount > 0 ? magnitude.value : nil }

  /// Σδ; nil without a finite δ and where it is not kept (error).
  public var signedSum: Double? { finiteCount > 0 ? signed?.value : nil }

  /// Σ|δ| / n over the n finite δ.
  public var mean: Double? { sumOfMagnitudes.map { $0 / Double(finiteCount) } }

  /// Σδ / n, the bias; nil also where it is not kept (error).
  public var signedMean: Double? { signedSum.map { $0 / Double(finiteCount) } }

  /// √(Σδ² / n); nil also where it is not kept (a key's error) and where the squares leave binary64's range.
  public var rootMeanSquare: Double? {
    guard finiteCount > 0, let square, Self.holdsSquares(square, ofMaximum: maximum) else { return nil }
    return (square.value / Double(finiteCount)).squareRoot()
  }

  /// Whether a sum of squares says what it should: no overflow, and the greatest square far from underflow.
  static func holdsSquares(_ sum: CompensatedSum, ofMaximum maximum: Double?) -> Bool {
    let greatest = maximum ?? 0
    return sum.value.isFinite && (greatest == 0 || greatest * greatest >= 0x1p-950)
  }

  /// Takes in one pair, later in the order of places than all before it.
  mutating func add(_ difference: Double, at place: PairPlace) {
    count += 1
    guard difference.isFinite else {
      nonfiniteCount += 1
      return
    }
    magnitude.add(abs(difference))
    signed?.add(difference)
    square?.add(difference * difference)
    guard abs(difference) > maximum ?? -1 else { return }
    maximum = abs(difference)
    maximumPlace = place
  }

  /// Takes in the pairs of another set. The first of equal maxima stays by place, whatever the order of the
  /// calls; the last bits of the sums depend on that order.
  public mutating func merge(_ other: DifferenceSums) {
    count += other.count
    nonfiniteCount += other.nonfiniteCount
    magnitude.add(other.magnitude)
    signed = Self.sum(signed, other.signed)
    square = Self.sum(square, other.square)
    guard let theirs = other.maximum else { return }
    guard let ours = maximum, ours >= theirs else {
      maximum = theirs
      maximumPlace = other.maximumPlace
      return
    }
    if ours == theirs, let place = other.maximumPlace, let current = maximumPlace, place < current {
      maximumPlace = place
    }
  }

  private static func sum(_ a: CompensatedSum?, _ b: CompensatedSum?) -> CompensatedSum? {
    guard var a, let b else { return nil }
    a.add(b)
    return a
  }
}
