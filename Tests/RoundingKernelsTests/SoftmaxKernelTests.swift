// Rows of softmax in binary32 against a plain twin, one operation at a time.

import ArbitraryPrecision
import CMPFR
import FloatingPointFormats
import RoundingKernels
import TestSupport
import Testing

@Suite("Kernels of softmax")
struct SoftmaxKernelTests {
  private func exponential(_ x: Float, baseTwo: Bool) -> Float {
    if x.isNaN { return .nan }
    if x.isInfinite { return x < 0 ? 0 : x }
    let argument = MPFRNumber(Double(x), precision: 53)
    return Float(
      FloatingPointFormat.fp32.rounded(
        ExactValue.result {
          baseTwo ? mpfr_exp2($0, argument.pointer, MPFR_RNDZ) : mpfr_exp($0, argument.pointer, MPFR_RNDZ)
        }))
  }

  private func plainRow(_ row: ArraySlice<Float>, baseTwo: Bool, factor: Float) -> [Float] {
    let largest = row.contains { $0.isNaN } ? .nan : row.max() ?? -.infinity
    guard largest.isFinite else { return row.map { _ in .nan } }
    let exponentials = row.map { logit -> Float in
      let x =
        baseTwo
        ? Float(
          FloatingPointFormat.fp32.fusedProductSum(
            Double(logit), Double(factor), -Double(largest * factor)))
        : logit - largest
      return exponential(x, baseTwo: baseTwo)
    }
    let sum = exponentials.reduce(0, +)
    return exponentials.map { $0 / sum }
  }

  @Test(arguments: [false, true]) func rowsAreThoseOfThePlainTwin(baseTwo: Bool) {
    var generator = SeededGenerator(seed: 5)
    var sweep = Sweep()
    for (rows, columns) in [(1, 1), (1, 37), (3, 16), (4, 17), (5, 33), (9, 100), (2, 0), (0, 5)] {
      var logits = (0..<rows * columns).map { _ in Float(generator.below(4001) - 2000) * 0.01337 }
      // Rows that are not ordinary.
      if rows == 9 {
        logits[0] = .nan
        logits[100] = .infinity
        for index in 200..<300 { logits[index] = -.infinity }
        logits[350] = -.infinity
        logits[451] = 200
        for index in 500..<600 { logits[index] = index % 2 == 0 ? 0 : -0.0 }
        logits[699] = .greatestFiniteMagnitude / 4
      }
      for way in ways {
        var results = [Float](repeating: 7, count: logits.count)
        ropedrift_softmax_rows32(
          logits, rows, columns, baseTwo ? 1 : 0, 0.1275, way, &results)
        for row in 0..<rows {
          let range = row * columns..<(row + 1) * columns
          let expected = plainRow(logits[range], baseTwo: baseTwo, factor: 0.1275)
          for (index, value) in zip(range, expected) {
            sweep.check(
              results[index].bitPattern == value.bitPattern || results[index].isNaN && value.isNaN,
              "row \(row) of \(rows), element \(index): got \(results[index]), expected \(value), way \(way)")
          }
        }
      }
    }
    #expect(sweep.passed(atLeast: 2000), "\(sweep)")
  }

  @Test func theMaximumPassesOverNaN() {
    var generator = SeededGenerator(seed: 8)
    for count in [0, 1, 15, 16, 17, 100] {
      var row = (0..<count).map { _ in Double(generator.below(1000)) - 1500 }
      var hasNaN: Int32 = 0
      for way in ways {
        #expect(ropedrift_row_maximum(row, count, way, &hasNaN) == row.max() ?? -.infinity)
        #expect(hasNaN == 0)
      }
      guard count > 1 else { continue }
      row[count - 1] = .nan
      for way in ways {
        #expect(ropedrift_row_maximum(row, count, way, &hasNaN) == row.dropLast().max())
        #expect(hasNaN == 1)
      }
    }
  }
}
