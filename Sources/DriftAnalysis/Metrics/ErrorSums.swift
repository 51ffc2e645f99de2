// Error against the reference in a few numbers, for a head, a layer or a whole run.

/// The greatest of some values and the first place at which it stands.
public struct WorstPair: Sendable, Hashable {
  /// The value.
  public let value: Double
  /// The first pair, in the order of ``PairPlace``, that has it.
  public let place: PairPlace
}

/// Error e = emulated − reference over a set of pairs, in one space.
///
/// Pairs whose e is not finite (NaN or infinity on either side, or overflow of the difference) are counted in
/// ``DifferenceSums/nonfiniteCount`` and enter nothing else. A figure that no pair defines is nil, never
/// zero.
public struct ErrorSums: Sendable, Hashable {
  /// Absolute error: count, mean |e|, maximum and where, root mean square.
  public internal(set) var absolute = DifferenceSums()
  /// Pairs with a finite error and the reference zero: they have no relative error.
  public internal(set) var zeroReferenceCount = 0
  /// The greatest |e|/|reference| over references that are not zero.
  public internal(set) var worstRelative: WorstPair?
  /// The format whose ulps are counted; nil where none are.
  public internal(set) var ulpFormatSpelling: String?
  /// Pairs with a finite error whose reference lies above the format's range: they have no error in ulps.
  public internal(set) var aboveRangeCount = 0
  /// The greatest |e|/ulp(reference).
  public internal(set) var worstUlps: WorstPair?
  var relative = CompensatedSum()
  var ulps = CompensatedSum()
  var emulatedSquares = CompensatedSum()
  var referenceSquares = CompensatedSum()
  var products = CompensatedSum()

  /// Mean |e|/|reference| over references that are not zero.
  public var meanRelative: Double? { mean(relative, over: absolute.finiteCount - zeroReferenceCount) }

  /// max |e|/|reference| over references that are not zero.
  public var maximumRelative: Double? { worstRelative?.value }

  /// Mean |e|/ulp_F(reference), F's ulp at the reference, over references in F's range.
  public var meanUlps: Double? {
    ulpFormatSpelling == nil ? nil : mean(ulps, over: absolute.finiteCount - aboveRangeCount)
  }

  /// max |e|/ulp_F(reference) over references in F's range.
  public var maximumUlps: Double? { worstUlps?.value }

  /// Correct bits of the pair with the greatest relative error; see ``correctBits(relativeError:limit:)``.
  public var minimumCorrectBits: Double? { maximumRelative.flatMap { correctBits(relativeError: $0) } }

  /// NMSE = Σe² / Σreference²; nil where the divisor is zero and where squares leave binary64's range.
  public var normalizedMeanSquare: Double? {
    guard absolute.finiteCount > 0, let square = absolute.square,
      DifferenceSums.holdsSquares(square, ofMaximum: absolute.maximum), Self.isInRange(referenceSquares.value)
    else { return nil }
    return Concentration.quotient(square.value, referenceSquares.value)
  }

  /// Σ emulated·reference / √(Σ emulated² · Σ reference²), held within −1…1; nil where a sum of squares is
  /// zero.
  public var cosine: Double? {
    let (a, b) = (emulatedSquares.value, referenceSquares.value)
    guard absolute.finiteCount > 0, a != 0, b != 0, Self.isInRange(a), Self.isInRange(b),
      products.value.isFinite
    else { return nil }
    // One root of the product is exact for equal vectors; two roots where that product leaves the range.
    let product = a * b
    let norm = product.isNormal ? product.squareRoot() : a.squareRoot() * b.squareRoot()
    return min(max(products.value / norm, -1), 1)
  }

  /// Whether a sum of squares is zero or neither overflowed nor came near underflow.
  private static func isInRange(_ squares: Double) -> Bool {
    squares.isFinite && (squares == 0 || squares >= 0x1p-900)
  }

  private func mean(_ sum: CompensatedSum, over count: Int) -> Double? {
    count > 0 ? sum.value / Double(count) : nil
  }
}

/// The error at one key token over the queries that see it. Means and maxima are kept, squares are not.
public struct KeyError: Sendable, Hashable {
  /// The key's index in the file.
  public let key: Int
  /// Error of logits.
  public let logit: DifferenceSums
  /// Error of probabilities.
  public let probability: DifferenceSums
}

/// The error of all pairs at one distance p_i − p_j. Maxima have no place.
public struct DistanceError: Sendable, Hashable {
  /// Query position minus key position.
  public let distance: Int
  /// Error of logits.
  public let logit: DifferenceSums
  /// Error of probabilities.
  public let probability: DifferenceSums
}

/// The error of one head.
public struct HeadError: Sendable, Hashable {
  /// The layer's number.
  public let layer: Int
  /// The query head's number.
  public let head: Int
  /// Error of logits.
  public let logit: ErrorSums
  /// Error of probabilities.
  public let probability: ErrorSums
}

/// The error of one layer.
public struct LayerError: Sendable, Hashable {
  /// The layer's number.
  public let layer: Int
  /// Error of logits.
  public let logit: ErrorSums
  /// Error of probabilities.
  public let probability: ErrorSums
}
