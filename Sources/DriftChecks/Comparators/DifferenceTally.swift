// Everything that the comparators of one tensor need, gathered in one pass: a value of constant size but for a number a row, which
// can be gathered in pieces and merged.

import DriftAnalysis
import FloatingPointFormats

/// Differences of a tensor t from a reference r, over the elements added so far.
///
/// The reference is high + low, an unevaluated sum of two binary64 numbers; e = RN((t − high) − low), whose relative error is
/// 2^−52 where t − high is exact (t within a factor of 2 of r, or t of at most 24 bits near r), and 2^−52·(|t| + |r|)/|e| else.
/// Merging pieces in the same order gives the same bits.
public struct DifferenceTally: Sendable {
  /// The tensor's format.
  public let format: FloatingPointFormat
  /// The comparators, in the order of the results.
  public let comparators: [TensorComparator]

  /// Elements added.
  public private(set) var count = 0
  /// Elements with a finite value and a finite reference.
  public private(set) var finiteCount = 0
  /// Elements that are not finite and equal: NaN and NaN, or the same infinity.
  public private(set) var equalNonFiniteCount = 0
  /// Elements of which exactly one side is finite, or that are not finite and differ.
  public private(set) var unexpectedCount = 0
  /// The first of them.
  public private(set) var firstUnexpected: WorstElement?
  /// Elements whose encoding is not that of the rounded reference.
  public private(set) var mismatchCount = 0
  /// The first of them.
  public private(set) var firstMismatch: WorstElement?
  /// Elements with a zero of the other sign than the reference's; they are among the mismatches.
  public private(set) var signOfZeroCount = 0
  /// The greatest |e|.
  public private(set) var worstAbsolute: WorstElement?
  /// The greatest |e|/ulp(r).
  public private(set) var worstUlp: WorstElement?
  /// The greatest |r| of the finite elements.
  public private(set) var largestReference = 0.0
  /// How many elements are off by how many units in the last place; see ``UlpHistogram``.
  public private(set) var histogram = UlpHistogram()
  /// One a comparator.
  private(set) var limits: [LimitTally]
  private(set) var squaredError = CompensatedSum()
  private(set) var squaredReference = CompensatedSum()
  private(set) var squaredValue = CompensatedSum()
  private(set) var product = CompensatedSum()

  /// Nil where the reference is compared as it is.
  private let rounder: ReferenceRounder?
  private let scale: UlpTable

  /// Nothing yet.
  ///
  /// - Parameters:
  ///   - format: the tensor's format, inside binary64.
  ///   - comparators: what will be asked.
  ///   - rows: rows of the tensor that this tally covers.
  ///   - roundsReference: whether encodings are held against the reference rounded to the format, or against its value as it is.
  public init(
    format: FloatingPointFormat, comparators: [TensorComparator], rows: Range<Int>,
    roundsReference: Bool = true
  ) {
    self.format = format
    self.comparators = comparators
    rounder = roundsReference ? ReferenceRounder(format) : nil
    scale = UlpTable(format)
    limits = comparators.map { LimitTally($0, rows: rows) }
  }

  /// Adds neighbouring elements of one row. One tally takes places in ascending order; other orders are merged.
  ///
  /// - Parameters:
  ///   - values: t, in the tensor's format.
  ///   - high: r rounded to binary64.
  ///   - low: the rest of r; nil for none.
  ///   - row: the row that they stand in.
  ///   - firstIndex: the first one's index in the tensor.
  ///   - stride: from one element's index to the next one's.
  public mutating func add(
    _ values: UnsafeBufferPointer<Double>, high: UnsafeBufferPointer<Double>,
    low: UnsafeBufferPointer<Double>?, row: Int, firstIndex: Int, stride: Int = 1
  ) {
    for offset in values.indices {
      add(
        values[offset], high[offset], low?[offset] ?? 0,
        at: ElementPlace(row: row, index: firstIndex + offset * stride))
    }
  }

  /// Adds one element.
  @inline(__always) public mutating func add(
    _ value: Double, _ high: Double, _ low: Double, at place: ElementPlace
  ) {
    count += 1
    let rounded = rounder?.round(high, low) ?? high
    guard value.isFinite, high.isFinite else {
      addNonFinite(value, high, at: place)
      return
    }
    finiteCount += 1
    let differs = value.bitPattern != rounded.bitPattern
    if differs {
      // An exact zero has no sign of its own; what its rounding gives is +0, and so is asked of bit-exact.
      if value == 0, rounded == 0 { signOfZeroCount += 1 }
      mismatchCount += 1
      if firstMismatch == nil {
        firstMismatch = WorstElement(figure: 1, place: place, value: value, reference: high)
      }
    }
    let error = ((value - high) - low).magnitude
    let reference = high.magnitude
    let unit = scale.unit(at: reference)
    let ulps = unit.map { error / $0 } ?? .infinity
    histogram.add(ulps, isEqual: !differs)
    if reference > largestReference { largestReference = reference }
    // Elements come in ascending order of places: of equal figures the first one stays.
    if error > worstAbsolute?.figure ?? -1 {
      worstAbsolute = WorstElement(figure: error, place: place, value: value, reference: high)
    }
    if ulps > worstUlp?.figure ?? -1 {
      worstUlp = WorstElement(figure: ulps, place: place, value: value, reference: high)
    }
    squaredError.add(error * error)
    squaredReference.add(high * high)
    squaredValue.add(value * value)
    product.add(value * high)
    let element = ComparedElement(
      value: value, reference: high, error: error, ulps: ulps, unit: unit ?? 0, differs: differs)
    for index in limits.indices { limits[index].add(element, at: place) }
  }

  private mutating func addNonFinite(_ value: Double, _ high: Double, at place: ElementPlace) {
    if value.isNaN && high.isNaN || value == high {
      equalNonFiniteCount += 1
      return
    }
    unexpectedCount += 1
    mismatchCount += 1
    let element = WorstElement(figure: .infinity, place: place, value: value, reference: high)
    WorstElement.keepFirst(&firstUnexpected, element)
    WorstElement.keepFirst(&firstMismatch, element)
    for index in limits.indices { limits[index].addUnexpected(element) }
  }

  /// Adds what another tally of the same tensor gathered over other elements.
  public mutating func merge(_ other: DifferenceTally) {
    count += other.count
    finiteCount += other.finiteCount
    equalNonFiniteCount += other.equalNonFiniteCount
    unexpectedCount += other.unexpectedCount
    mismatchCount += other.mismatchCount
    signOfZeroCount += other.signOfZeroCount
    WorstElement.keepFirst(&firstUnexpected, other.firstUnexpected)
    WorstElement.keepFirst(&firstMismatch, other.firstMismatch)
    WorstElement.keep(&worstAbsolute, other.worstAbsolute)
    WorstElement.keep(&worstUlp, other.worstUlp)
    largestReference = max(largestReference, other.largestReference)
    histogram.merge(other.histogram)
    squaredError.add(other.squaredError)
    squaredReference.add(other.squaredReference)
    squaredValue.add(other.squaredValue)
    product.add(other.product)
    for index in limits.indices { limits[index].merge(other.limits[index]) }
  }

  /// Σe²/Σr² over finite elements; nil where the divisor is zero, or a sum left binary64's range.
  public var normalizedMeanSquare: Double? {
    let (e, r) = (squaredError.value, squaredReference.value)
    guard finiteCount > 0, r.isFinite, e.isFinite, r >= 0x1p-900, e == 0 || e >= 0x1p-900 else { return nil }
    return e / r
  }

  /// Σtr/√(Σt²·Σr²) over finite elements, within −1…1; nil where a sum of squares is zero or left binary64's range.
  public var cosine: Double? {
    let (t, r) = (squaredValue.value, squaredReference.value)
    guard finiteCount > 0, t.isFinite, r.isFinite, t >= 0x1p-900, r >= 0x1p-900 else { return nil }
    return min(max(product.value / (t.squareRoot() * r.squareRoot()), -1), 1)
  }
}

/// One element as comparators see it: finite on both sides.
struct ComparedElement {
  let value: Double
  let reference: Double
  /// |e|.
  let error: Double
  /// |e|/ulp(r); infinite where r lies above the format's range.
  let ulps: Double
  /// ulp(r); 0 where r lies above the format's range.
  let unit: Double
  let differs: Bool
}

/// ulp of a format, from the bits of the reference; ``FloatingPointFormat/unitInLastPlace(at:)`` stays the definition.
private struct UlpTable: Sendable {
  private let format: FloatingPointFormat
  private let largest: Double
  private let smallestNormal: Double
  private let isFast: Bool

  init(_ format: FloatingPointFormat) {
    self.format = format
    isFast = format.minimumExponent - format.precision + 1 >= -1022
    largest = format.double(of: format.largestFiniteEncoding(isNegative: false))
    smallestNormal = isFast ? Double(sign: .plus, exponent: format.minimumExponent, significand: 1) : 0
  }

  @inline(__always) func unit(at magnitude: Double) -> Double? {
    guard isFast else { return format.unitInLastPlace(at: magnitude) }
    guard magnitude <= largest else { return nil }
    let field = max(magnitude, smallestNormal).bitPattern >> 52 & 0x7FF
    return Double(bitPattern: (field - UInt64(format.precision - 1)) << 52)
  }
}

/// high + low rounded once, to nearest even, into a format.
private struct ReferenceRounder: Sendable {
  private let format: FloatingPointFormat
  private let fast: NearestEvenRounder?

  init(_ format: FloatingPointFormat) {
    self.format = format
    fast = NearestEvenRounder(format)
  }

  @inline(__always) func round(_ high: Double, _ low: Double) -> Double {
    // high is the nearest number to the sum already.
    if format == .fp64 { return high }
    let odd = low == 0 ? high : sumRoundedToOdd(high, low)
    return fast?(odd) ?? format.rounded(odd)
  }
}
