// Growth: value = factor · size^exponent by least squares of the logarithms, and what it says of sizes that nobody ran.

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// A fitted power law.
public struct PowerLaw: Codable, Equatable, Sendable {
  /// The value at size 1.
  public let factor: Double
  /// How fast it grows.
  public let exponent: Double
  /// The greatest |log(value) − log(fit)| over the points, as a relative error: e^that − 1.
  public let worstRelativeError: Double
  /// The sizes from and to which there were points.
  public let sizes: [Double]

  /// Fits log(value) = log(factor) + exponent·log(size).
  ///
  /// - Throws: ``HarnessError/noPowerLaw(_:)`` unless there are two different sizes and all numbers are finite and above zero.
  public init(_ points: [(size: Double, value: Double)]) throws {
    guard Set(points.map(\.size)).count >= 2 else {
      throw HarnessError.noPowerLaw("it takes two different sizes")
    }
    for point in points {
      guard point.size > 0, point.value > 0, point.size.isFinite, point.value.isFinite else {
        throw HarnessError.noPowerLaw("size \(point.size) has value \(point.value)")
      }
    }
    let x = points.map { log($0.size) }
    let y = points.map { log($0.value) }
    let count = Double(points.count)
    let (meanX, meanY) = (x.reduce(0, +) / count, y.reduce(0, +) / count)
    let covariance = zip(x, y).reduce(0) { $0 + ($1.0 - meanX) * ($1.1 - meanY) }
    let variance = x.reduce(0) { $0 + ($1 - meanX) * ($1 - meanX) }
    let slope = covariance / variance
    exponent = slope
    factor = exp(meanY - slope * meanX)
    worstRelativeError = zip(x, y).reduce(0) {
      max($0, exp(abs($1.1 - (meanY + slope * ($1.0 - meanX)))) - 1)
    }
    sizes = [points.map(\.size).min()!, points.map(\.size).max()!]
  }

  /// factor · size^exponent.
  public func value(at size: Double) -> Double { factor * pow(size, exponent) }
}
