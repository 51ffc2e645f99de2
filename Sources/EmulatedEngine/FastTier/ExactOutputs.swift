// The output of a recipe without an output stage: Σ P·v of the stored P and v, exact, rounded once to binary64.

import ArbitraryPrecision
import FloatingPointFormats
import RoundingKernels

extension RowAttention {
  /// RN(Σ_j P_j·v_jc) for every channel: by a compensated sum where its bound decides the rounding, else exactly.
  ///
  /// The compensated sum s + c of n products is within γ_n²·Σ|P·v| of the exact sum, γ_n = n·u/(1 − n·u), u = 2^−53 [Ogita2005],
  /// as long as no product's rounding error underflows: below n·2^−1070 in all. The rounding test allows twice that.
  func exactOutput(
    _ probabilities: UnsafeBufferPointer<Double>, _ keys: Range<Int>, _ values: EmulatedValues,
    _ output: UnsafeMutableBufferPointer<Double>
  ) throws {
    let size = values.size
    let first = (keys.lowerBound - values.firstToken) * size
    let n = Double(keys.count)
    let relative = 2.0 * (n * 0x1p-53) * (n * 0x1p-53) * 1.01
    try withUnsafeTemporaryAllocation(of: Double.self, capacity: 3 * size) { room in
      room.initialize(repeating: 0)
      let sums = room.baseAddress!
      let (rests, magnitudes) = (sums + size, sums + 2 * size)
      try values.numbers.withUnsafeBufferPointer { numbers in
        ropedrift_compensated_weighted_sums(
          probabilities.baseAddress!, numbers.baseAddress! + first, keys.count, size, 1, sums, rests,
          magnitudes)
        for channel in 0..<size {
          let result = sums[channel] + rests[channel]
          let virtual = result - sums[channel]
          let rest = (sums[channel] - (result - virtual)) + (rests[channel] - virtual)
          let allowance = relative * magnitudes[channel] + n * 0x1p-1068
          let isDecided =
            n < 0x1p26 && result.isFinite && result.magnitude > 0x1p-900
            && result == result + (rest + allowance) && result == result + (rest - allowance)
          output[channel] =
            isDecided
            ? result
            : try exactSum(
              keys.indices.map { index in
                try StageValue.product(
                  .number(probabilities[index - keys.lowerBound]),
                  .number(numbers[first + (index - keys.lowerBound) * size + channel]))
              }
            ).binary64()
        }
      }
    }
  }
}
