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
    _ probabilities: UnsafeBufferPointer<Double>, _ keys: VisibleKeys, _ values: EmulatedValues,
    _ output: UnsafeMutableBufferPointer<Double>
  ) throws {
    let size = values.size
    let n = Double(keys.count)
    let relative = 2.0 * (n * 0x1p-53) * (n * 0x1p-53) * 1.01
    try withUnsafeTemporaryAllocation(of: Double.self, capacity: 3 * size) { room in
      room.initialize(repeating: 0)
      let sums = room.baseAddress!
      let (rests, magnitudes) = (sums + size, sums + 2 * size)
      try values.numbers.withUnsafeBufferPointer { numbers in
        for piece in keys.pieces {
          ropedrift_compensated_weighted_sums(
            probabilities.baseAddress! + piece.start, numbers.baseAddress! + piece.key * size, piece.count,
            size, 1, sums, rests, magnitudes)
        }
        for channel in 0..<size {
          let result = sums[channel] + rests[channel]
          let virtual = result - sums[channel]
          let rest = (sums[channel] - (result - virtual)) + (rests[channel] - virtual)
          let allowance = relative * magnitudes[channel] + n * 0x1p-1068
          let isDecided =
            n < 0x1p26 && result.isFinite && result.magnitude > 0x1p-900
            && result == result + (rest + allowance) && result == result + (rest - allowance)
          if isDecided {
            output[channel] = result
            continue
          }
          var terms: [StageValue] = []
          for piece in keys.pieces {
            for offset in 0..<piece.count {
              terms.append(
                try StageValue.product(
                  .number(probabilities[piece.start + offset]),
                  .number(numbers[(piece.key + offset) * size + channel])))
            }
          }
          output[channel] = try exactSum(terms).binary64()
        }
      }
    }
  }
}
