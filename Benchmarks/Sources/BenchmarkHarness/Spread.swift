// Where the samples of a measurement lie: what every figure of a table is given as.

/// Median, quartiles and extremes of samples.
public struct Spread: Codable, Equatable, Sendable {
  /// The middle sample, or the mean of the two in the middle.
  public let median: Double
  /// See ``quantile(_:ofSorted:)``, at 1/4.
  public let lowerQuartile: Double
  /// See ``quantile(_:ofSorted:)``, at 3/4.
  public let upperQuartile: Double
  /// The least sample.
  public let minimum: Double
  /// The greatest sample.
  public let maximum: Double
  /// How many samples there are.
  public let count: Int

  /// The spread of samples in any order.
  ///
  /// - Throws: ``HarnessError/noSamples`` for none, ``HarnessError/notFinite(_:)`` for a NaN or an infinity among them.
  public init(_ samples: [Double]) throws {
    guard !samples.isEmpty else { throw HarnessError.noSamples }
    for sample in samples where !sample.isFinite { throw HarnessError.notFinite(sample) }
    let sorted = samples.sorted()
    median = Self.quantile(0.5, ofSorted: sorted)
    lowerQuartile = Self.quantile(0.25, ofSorted: sorted)
    upperQuartile = Self.quantile(0.75, ofSorted: sorted)
    minimum = sorted.first!
    maximum = sorted.last!
    count = sorted.count
  }

  /// The quantile x_h with h = (n − 1)·fraction, interpolated linearly between the samples ⌊h⌋ and ⌊h⌋ + 1 (from 0).
  ///
  /// - Parameters:
  ///   - fraction: 0 … 1.
  ///   - sorted: ascending, not empty.
  public static func quantile(_ fraction: Double, ofSorted sorted: [Double]) -> Double {
    let place = Double(sorted.count - 1) * fraction
    let below = Int(place)
    guard below + 1 < sorted.count else { return sorted[sorted.count - 1] }
    return sorted[below] + (place - Double(below)) * (sorted[below + 1] - sorted[below])
  }

  /// The spread of the samples times a positive factor.
  public func scaled(by factor: Double) -> Spread {
    Spread(
      median: median * factor, lowerQuartile: lowerQuartile * factor, upperQuartile: upperQuartile * factor,
      minimum: minimum * factor, maximum: maximum * factor, count: count)
  }

  private init(
    median: Double, lowerQuartile: Double, upperQuartile: Double, minimum: Double, maximum: Double, count: Int
  ) {
    self.median = median
    self.lowerQuartile = lowerQuartile
    self.upperQuartile = upperQuartile
    self.minimum = minimum
    self.maximum = maximum
    self.count = count
  }
}
