// A logarithmic axis with whole powers of ten at its ends. Its bytes are the same on every machine: no logarithm of the C
// library decides them.

import DriftAnalysis

/// A logarithmic axis that holds given values.
struct LogarithmicAxis: Sendable, Hashable {
  /// Exponents of the powers of ten at both ends; the upper is the greater.
  let exponents: ClosedRange<Int>

  /// The axis of the positive finite values among `values`; 10^-1 … 1 where there is none.
  init(holding values: some Sequence<Double>) {
    var least = Double.infinity
    var greatest = 0.0
    for value in values where value.isFinite && value > 0 {
      least = min(least, value)
      greatest = max(greatest, value)
    }
    guard greatest > 0 else {
      exponents = -1...0
      return
    }
    let low = Self.exponent(below: least)
    let high = Self.power(Self.exponent(below: greatest)) == greatest ? 0 : 1
    exponents = low...max(low + 1, Self.exponent(below: greatest) + high)
  }

  private init(exponents: ClosedRange<Int>) { self.exponents = exponents }

  /// The axis with its lower end raised as far as it still holds the positive ones of `values`.
  func raised(toHold values: [Double]) -> LogarithmicAxis {
    guard let least = values.filter({ $0.isFinite && $0 > 0 }).min() else { return self }
    let low = min(max(exponents.lowerBound, Self.exponent(below: least)), exponents.upperBound - 1)
    return LogarithmicAxis(exponents: low...exponents.upperBound)
  }

  /// The ends.
  var ends: (Double, Double) { (Self.power(exponents.lowerBound), Self.power(exponents.upperBound)) }

  /// Powers of ten to be written at the axis, at most `count` and at least two.
  func ticks(_ count: Int = 7) -> [Int] {
    let steps = exponents.upperBound - exponents.lowerBound
    let stride = max(1, (steps + count - 2) / max(1, count - 1))
    return exponents.filter { ($0 - exponents.lowerBound) % stride == 0 && $0 <= 308 }
  }

  /// Where a value stands between the ends, 0 … 1, to about a thousandth of a factor of two.
  func part(of value: Double) -> Double {
    let (low, high) = ends
    let (from, to) = (Self.binaryLogarithm(low), Self.binaryLogarithm(high))
    return min(max((Self.binaryLogarithm(value) - from) / (to - from), 0), 1)
  }

  /// The part of Vega-Lite's encoding that makes the axis: scale and labels such as 0.001.
  func encoding(title: String?, ticks count: Int = 7) -> [(String, JSONValue)] {
    let ticks = ticks(count)
    let labels = ticks.map { "'1e\($0 < 0 ? "" : "+")\($0)':'\(Self.label($0))'" }.joined(separator: ",")
    let axis: JSONValue = [
      "title": title.map(JSONValue.string) ?? .null,
      "values": .array(ticks.map { .number(Self.power($0)) }),
      "labelExpr": .string("{\(labels)}[format(datum.value,'.0e')]"),
    ]
    return [
      (
        "scale",
        ["type": "log", "domain": [.number(ends.0), .number(ends.1)], "nice": false]
      ), ("axis", axis),
    ]
  }

  /// The greatest k with 10^k ≤ value, at least −323, the least power of ten that binary64 holds.
  static func exponent(below value: Double) -> Int {
    // 0.30103 is log₁₀ 2; the two loops mend the estimate.
    var exponent = max(-323, Int((Double(value.exponent) * 0.30103).rounded(.down)))
    while exponent > -323, power(exponent) > value { exponent -= 1 }
    while exponent < 308, power(exponent + 1) <= value { exponent += 1 }
    return exponent
  }

  /// 10^k, correctly rounded, for −323 ≤ k ≤ 308; the greatest finite number above that.
  static func power(_ exponent: Int) -> Double {
    exponent > 308 ? .greatestFiniteMagnitude : Double("1e\(exponent)")!
  }

  /// log₂ to 2⁻¹⁰, in integers.
  private static func binaryLogarithm(_ value: Double) -> Double {
    -(correctBits(relativeError: value, limit: 2000) ?? 0)
  }

  /// `0.001`, `1`, `100`, `1e-5`. (Superscripts are not in the font that vl-convert brings along, so that pictures would depend on
  /// what else is installed.)
  static func label(_ exponent: Int) -> String {
    switch exponent {
    case 0...3: "1" + String(repeating: "0", count: exponent)
    case -3 ... -1: "0." + String(repeating: "0", count: -exponent - 1) + "1"
    default: "1e\(exponent)"
    }
  }
}
