// What projections are made from. A single power, fitted where set-up still counts, grows too slowly beyond the sizes that were run; a sum
// of the two powers that the work is known to have does not.

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// value = first·size^p + second·size^q, neither coefficient negative.
public struct TwoPowers: Codable, Equatable, Sendable {
  /// p and q.
  public let exponents: [Double]
  /// The coefficients.
  public let coefficients: [Double]
  /// The greatest |fit − value|/value over the points.
  public let worstRelativeError: Double

  /// Minimizes the sum of squared relative errors; a coefficient that would be negative is zero, and the other is fitted alone.
  ///
  /// - Parameters:
  ///   - points: of two different sizes at least, all numbers finite and above zero.
  ///   - first: p.
  ///   - second: q, another exponent.
  /// - Throws: ``HarnessError/noPowerLaw(_:)``.
  public init(_ points: [(size: Double, value: Double)], _ first: Double, _ second: Double) throws {
    guard Set(points.map(\.size)).count >= 2, first != second else {
      throw HarnessError.noPowerLaw("it takes two different sizes and two different exponents")
    }
    for point in points {
      guard point.size > 0, point.value > 0, point.size.isFinite, point.value.isFinite else {
        throw HarnessError.noPowerLaw("size \(point.size) has value \(point.value)")
      }
    }
    // Every equation divided by its value: a·x + b·y = 1.
    let x = points.map { pow($0.size, first) / $0.value }
    let y = points.map { pow($0.size, second) / $0.value }
    func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
    let (xx, xy, yy) = (dot(x, x), dot(x, y), dot(y, y))
    let (sumX, sumY) = (x.reduce(0, +), y.reduce(0, +))
    let determinant = xx * yy - xy * xy
    var (a, b) = ((sumX * yy - sumY * xy) / determinant, (sumY * xx - sumX * xy) / determinant)
    if a < 0 { (a, b) = (0, sumY / yy) }
    if b < 0 { (a, b) = (sumX / xx, 0) }
    exponents = [first, second]
    coefficients = [a, b]
    worstRelativeError = zip(x, y).reduce(0) { max($0, abs(a * $1.0 + b * $1.1 - 1)) }
  }

  /// The model at a size.
  public func value(at size: Double) -> Double {
    coefficients[0] * pow(size, exponents[0]) + coefficients[1] * pow(size, exponents[1])
  }
}
