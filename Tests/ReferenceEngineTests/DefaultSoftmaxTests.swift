// The default softmax against its definition, one operation at a time, with and without vectors.

import ArbitraryPrecision
import FloatingPointFormats
import ReferenceEngine
import Testing

@Suite("Default softmax")
struct DefaultSoftmaxTests {
  private func plain(_ logits: [Double]) -> [Double] {
    let largest = logits.contains { $0.isNaN } ? .nan : logits.max() ?? -.infinity
    guard largest.isFinite else { return logits.map { _ in .nan } }
    let exponentials = logits.map { CorrectlyRoundedExponential.shared($0 - largest) }
    let sum = exponentials.reduce(0, +)
    return exponentials.map { $0 / sum }
  }

  private func softmax(_ logits: [Double], _ path: KernelPath, inPlace: Bool) -> [Double] {
    var results = inPlace ? logits : [Double](repeating: 7, count: logits.count)
    results.withUnsafeMutableBufferPointer { results in
      if inPlace {
        defaultSoftmax(UnsafeBufferPointer(results), into: results, path: path)
      } else {
        logits.withUnsafeBufferPointer { defaultSoftmax($0, into: results, path: path) }
      }
    }
    return results
  }

  @Test(arguments: [KernelPath.automatic, .scalar]) func rowsAreThoseOfTheDefinition(path: KernelPath) {
    var rows: [[Double]] = [
      [], [0], [-0.0, 0], [5, -.infinity], [-.infinity, -.infinity], [1, .infinity], [1, .nan, 2],
      [0, -700, -708, -710, -745, -745.2, -746, -1e300, -0x1p-54, -0x1p-60],
      [1e308, -1e308, 3], [Double](repeating: 0.1, count: 1000),
    ]
    for count in [7, 8, 16, 33, 300] {
      for spread in [1e-3, 1, 30, 800] {
        rows.append(
          (0..<count).map { index in
            let bits = Philox.bits(seed: 3, counter: RoundingCounter(UInt32(index), UInt32(count)))
            return Double(Int64(bitPattern: bits)) * 0x1p-63 * spread
          })
      }
    }
    for row in rows {
      let expected = plain(row)
      for inPlace in [false, true] {
        let got = softmax(row, path, inPlace: inPlace)
        let areEqual = zip(got, expected).allSatisfy {
          $0.bitPattern == $1.bitPattern || $0.isNaN && $1.isNaN
        }
        #expect(got.count == expected.count && areEqual, "\(row.prefix(10)) …")
      }
    }
  }
}
