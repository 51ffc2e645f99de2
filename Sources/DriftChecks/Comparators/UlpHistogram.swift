// How far apart, how often: the shape of a disagreement says more than its greatest value.

/// Counts of elements by |e|/ulp(r): equal encodings, then at most 1/2, 1, 2, 4, … 2^15, and beyond.
public struct UlpHistogram: Sendable, Hashable {
  /// Upper ends of the bins after "equal": 0.5, 1, 2, … 32768.
  public static let upperEnds: [Double] = [0.5] + (0...15).map { Double(1 << $0) }

  /// Elements whose encodings are equal.
  public private(set) var equal = 0
  /// One a bin of ``upperEnds``: elements that differ, above the bin before it.
  public private(set) var counts = [Int](repeating: 0, count: upperEnds.count)
  /// Elements above the last end, and those without an ulp.
  public private(set) var beyond = 0

  /// Nothing yet.
  public init() {}

  @inline(__always) mutating func add(_ ulps: Double, isEqual: Bool) {
    guard !isEqual else {
      equal += 1
      return
    }
    guard ulps <= 32768 else {
      beyond += 1
      return
    }
    // Bin k ≥ 1 ends at 2^(k − 1).
    counts[ulps <= 0.5 ? 0 : ulps <= 1 ? 1 : Int((ulps.nextDown).exponent) + 2] += 1
  }

  mutating func merge(_ other: UlpHistogram) {
    equal += other.equal
    beyond += other.beyond
    for index in counts.indices { counts[index] += other.counts[index] }
  }

  /// `12 equal, 3 ≤ 0.5, 1 ≤ 4`, bins without elements left out.
  public var summary: String {
    var parts = ["\(equal) equal"]
    for (end, count) in zip(Self.upperEnds, counts) where count > 0 {
      parts.append("\(count) ≤ \(end == 0.5 ? "0.5" : String(Int(end)))")
    }
    if beyond > 0 { parts.append("\(beyond) beyond") }
    return parts.joined(separator: ", ")
  }
}
