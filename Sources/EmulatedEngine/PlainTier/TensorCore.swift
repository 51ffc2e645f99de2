// The model of a matrix unit in exact rationals: what the definition says, one block after the other.

import ArbitraryPrecision
import FloatingPointFormats

/// Block accumulation with aligned, truncated addends [Fasi2021].
struct TensorCore: Sendable {
  /// The accumulator's format, of precision p.
  let format: FloatingPointFormat
  /// Bits kept below the accumulator's last bit at the largest exponent.
  let alignmentBits: Int
  /// How the sum of a block becomes the accumulator.
  let rounding: Rounding

  /// Takes in all channels, a block at a time, from +0.
  func accumulate(_ query: [Double], _ key: [Double], block: Int) -> Double {
    var accumulator = 0.0
    for start in stride(from: 0, to: query.count, by: block) {
      let channels = start..<min(start + block, query.count)
      accumulator = add(Array(query[channels]), Array(key[channels]), to: accumulator)
    }
    return accumulator
  }

  /// One block: exact products and the accumulator, aligned, cut off, added exactly and rounded.
  func add(_ query: [Double], _ key: [Double], to accumulator: Double) -> Double {
    // Not finite: as IEEE 754 multiplies and adds.
    let values = query + key + [accumulator]
    guard values.allSatisfy(\.isFinite) else {
      let special = zip(query, key).reduce(accumulator) { sum, operands in sum + operands.0 * operands.1 }
      return format.rounded(ExactValue(special), rounding)
    }
    var terms = zip(query, key).filter { $0 != 0 && $1 != 0 }.map { q, k in
      (exponent: Int(q.exponent) + Int(k.exponent), value: Rational(q) * Rational(k))
    }
    if accumulator != 0 { terms.append((Int(accumulator.exponent), Rational(accumulator))) }
    guard let largest = terms.map(\.exponent).max() else { return 0 }
    let unit = Rational(
      Double(sign: .plus, exponent: largest - (format.precision - 1) - alignmentBits, significand: 1))
    var sum = 0
    for term in terms {
      let multiple = term.value * unit.reciprocal
      sum += multiple.sign < 0 ? -((-multiple).floor) : multiple.floor
    }
    return format.rounded((Rational(sum) * unit).exactValue, rounding)
  }
}
