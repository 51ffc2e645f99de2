// Kernels of an online softmax's tiles against plain twins, one operation at a time.

import RoundingKernels
import TestSupport
import Testing

@Suite("Kernels of online softmax")
struct OnlineSoftmaxKernelTests {
  private func same(_ a: Float, _ b: Float) -> Bool { a.bitPattern == b.bitPattern || a.isNaN && b.isNaN }

  @Test func scoresAreNarrowedAndLookedAt() {
    let scores: [Double] = (0..<37).map { Double(Float($0) * 0.37 - 5) } + [-.infinity, -0.0]
    for way in ways {
      var results = [Float](repeating: 7, count: scores.count)
      #expect(ropedrift_scores32(scores, scores.count, way, &results) == 0)
      #expect(zip(scores, results).allSatisfy { Float($0).bitPattern == $1.bitPattern })
      for (special, place) in [(Double.nan, 0), (.infinity, 17), (.nan, 38)] {
        var others = scores
        others[place] = special
        #expect(ropedrift_scores32(others, others.count, way, &results) == 1)
        #expect(ropedrift_scores32(others, place, way, &results) == 0)
      }
    }
  }

  @Test func lanesTakeTheirWeightsInOrder() {
    var generator = SeededGenerator(seed: 91)
    var sweep = Sweep()
    for (lanes, width) in [(1, 1), (4, 2), (8, 1), (2, 3), (16, 4)] {
      for rows in [1, 4, 6, 9] {
        for place in [0, 1, 7, 64, 1_000_003] {
          let stride = 70
          let counts = (0..<rows).map { _ in [0, 1, 5, 64, 70][generator.below(5)] }
          let weights = (0..<rows * stride).map { _ in Float(generator.below(1 << 24)) * 0x1p-24 }
          let start = (0..<rows * lanes).map { _ in Float(generator.below(1000)) }
          var expected = start
          for row in 0..<rows {
            for index in 0..<counts[row] {
              expected[row * lanes + (place + index) / width % lanes] += weights[row * stride + index]
            }
          }
          for way in ways {
            var sums = start
            ropedrift_lane_sums32(weights, rows, stride, counts, place, lanes, width, way, &sums)
            sweep.check(
              zip(sums, expected).allSatisfy(same), "\(lanes) lanes of \(width), \(rows) rows from \(place)")
          }
        }
      }
    }
    #expect(sweep.passed(atLeast: 200), "\(sweep)")
  }

  /// The weights are those of the kernel for rows, for the maximum that a loop finds; the rescaling is its weight of the old maximum.
  @Test func weightsAreThoseOfTheTilesMaximum() {
    var generator = SeededGenerator(seed: 92)
    var sweep = Sweep()
    let factor: Float = 0.18033688
    for kind in [ROPEDRIFT_EXP, ROPEDRIFT_EXP2, ROPEDRIFT_EXP2_FUSED].map({ Int32($0) }) {
      for rows in [1, 3, 8] {
        let (inputStride, weightStride) = (90, 40)
        let counts = (0..<rows).map { _ in [0, 1, 17, 40][generator.below(4)] }
        let inputs = (0..<rows * inputStride).map { index in
          index % 29 == 0 ? -Float.infinity : Float(generator.below(2001) - 1000) * 0.05
        }
        let old = (0..<rows).map { _ in [-Float.infinity, -3, 200][generator.below(3)] }
        for way in ways {
          var (maxima, rescalings) = (old, [Float](repeating: 7, count: rows))
          var weights = [Float](repeating: 7, count: rows * weightStride)
          let hasSmall = ropedrift_online_weights32(
            inputs, inputStride, rows, counts, kind, factor, 0x1p-20, way, &maxima, &rescalings, weightStride,
            &weights)
          var isSmall = false
          for row in 0..<rows {
            let part = Array(inputs[row * inputStride..<row * inputStride + counts[row]])
            let greatest = part.reduce(old[row], max)
            guard counts[row] > 0 else {
              sweep.check(maxima[row] == old[row] && rescalings[row] == 7, "a row without keys")
              continue
            }
            let maximum = greatest == -.infinity ? 0 : greatest
            let shift = kind == Int32(ROPEDRIFT_EXP) ? maximum : maximum * factor
            var expected = [Float](repeating: 0, count: part.count)
            ropedrift_softmax_weights32(part, part.count, kind, factor, shift, 0, &expected)
            isSmall = isSmall || expected.contains { $0 > 0 && $0 < 0x1p-20 }
            // e^(old − new), or 2^ of the difference of products, or of the product of the difference.
            let argument =
              kind == Int32(ROPEDRIFT_EXP)
              ? old[row] - maximum
              : kind == Int32(ROPEDRIFT_EXP2)
                ? old[row] * factor - maximum * factor : (old[row] - maximum) * factor
            var rescaling: Float = 0
            ropedrift_exponentials32([argument], 1, kind == Int32(ROPEDRIFT_EXP) ? 0 : 1, 0, &rescaling)
            sweep.check(
              maxima[row] == greatest && same(rescalings[row], rescaling)
                && zip(weights[row * weightStride..<row * weightStride + part.count], expected).allSatisfy(
                  same),
              "kind \(kind) row \(row) of \(rows): \(rescalings[row]), \(rescaling)")
          }
          #expect((hasSmall != 0) == isSmall)
        }
      }
    }
    #expect(sweep.passed(atLeast: 30), "\(sweep)")
  }
}
