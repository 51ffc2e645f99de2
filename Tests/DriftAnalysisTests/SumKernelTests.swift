// The kernels of compensated sums, with vectors and without, against CompensatedSum.

import RoundingKernels
import TestSupport
import Testing

@testable import DriftAnalysis

@Suite("Kernels of compensated sums") struct SumKernelTests {
  /// Rows of very different sizes, so that compensations matter; `count` + 1 numbers each.
  private static func rows(_ count: Int, _ generator: inout SeededGenerator) -> [[Double]] {
    (0..<9).map { _ in
      (0...count).map { _ in
        (Double(generator.below(1 << 30)) - 0x1p29)
          * Double(sign: .plus, exponent: generator.below(120) - 90, significand: 1)
      }
    }
  }

  private static func isSame(_ sum: CompensatedSum, _ sums: [Double], _ compensations: [Double], _ slot: Int)
    -> Bool
  {
    sum.sum.bitPattern == sums[slot].bitPattern
      && sum.compensation.bitPattern == compensations[slot].bitPattern
  }

  @Test("every term, every count, any alignment", arguments: [0, 1, 3, 4, 7, 64, 129])
  func terms(count: Int) {
    var generator = SeededGenerator(seed: UInt64(count))
    let kinds: [(ropedrift_term, (Double, Double) -> Double)] = [
      (ROPEDRIFT_TERM_VALUE, { x, _ in x }), (ROPEDRIFT_TERM_MAGNITUDE, { x, _ in abs(x) }),
      (ROPEDRIFT_TERM_SQUARE, { x, _ in x * x }), (ROPEDRIFT_TERM_PRODUCT, { x, y in x * y }),
    ]
    for (kind, term) in kinds {
      let rows = Self.rows(count, &generator)
      for allowsVectors in [0, 1, 2] as [Int32] {
        var sums = [Double](repeating: 0, count: count + 1)
        var compensations = sums
        var expected = [CompensatedSum](repeating: CompensatedSum(), count: count + 1)
        for index in 1..<rows.count {
          let (x, y) = (rows[index], rows[index - 1])
          sums.withUnsafeMutableBufferPointer { sums in
            compensations.withUnsafeMutableBufferPointer { compensations in
              ropedrift_add_terms(
                ropedrift_sum_column(
                  sums: sums.baseAddress! + 1, compensations: compensations.baseAddress! + 1),
                kind, Array(x[1...]), Array(y[1...]), count, allowsVectors)
            }
          }
          for slot in 1..<count + 1 { expected[slot].add(term(x[slot], y[slot])) }
        }
        #expect((0..<count + 1).allSatisfy { Self.isSame(expected[$0], sums, compensations, $0) })
      }
    }
  }

  @Test("differences fill three columns and maxima", arguments: [0, 1, 5, 8, 131])
  func differences(count: Int) {
    var generator = SeededGenerator(seed: 7)
    let rows = Self.rows(count, &generator).map { Array($0.dropLast()) }
    for (keepsValues, keepsSquares, raises) in [(true, true, true), (true, true, false), (false, true, true)]
    {
      for allowsVectors in [0, 1, 2] as [Int32] {
        var columns = [[Double]](repeating: [Double](repeating: 0, count: count), count: 6)
        var maxima = [Double](repeating: 1e5, count: count)
        var expected = [[CompensatedSum]](
          repeating: [CompensatedSum](repeating: CompensatedSum(), count: count), count: 3)
        var expectedMaxima = maxima
        for row in rows {
          var flat: [Double] = Array(columns.joined())
          flat.append(0)
          let exceeds: Int32 = flat.withUnsafeMutableBufferPointer { flat in
            func column(_ index: Int) -> ropedrift_sum_column {
              ropedrift_sum_column(
                sums: flat.baseAddress! + 2 * index * count,
                compensations: flat.baseAddress! + (2 * index + 1) * count)
            }
            return ropedrift_add_differences(
              row, count, column(0), keepsValues ? column(1) : ropedrift_sum_column(),
              keepsSquares ? column(2) : ropedrift_sum_column(), &maxima, raises ? 1 : 0, allowsVectors)
          }
          columns = (0..<6).map { Array(flat[$0 * count..<($0 + 1) * count]) }
          var isExceeded = false
          for (slot, x) in row.enumerated() {
            expected[0][slot].add(abs(x))
            if keepsValues { expected[1][slot].add(x) }
            if keepsSquares { expected[2][slot].add(x * x) }
            if abs(x) > expectedMaxima[slot] {
              isExceeded = true
              if raises { expectedMaxima[slot] = abs(x) }
            }
          }
          #expect((exceeds != 0) == isExceeded)
        }
        #expect(maxima == expectedMaxima)
        for index in 0..<3 {
          #expect(
            (0..<count).allSatisfy {
              Self.isSame(expected[index][$0], columns[2 * index], columns[2 * index + 1], $0)
            })
        }
      }
    }
  }
}
