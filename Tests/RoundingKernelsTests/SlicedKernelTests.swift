// The reference's kernels, every compilation of them, against plain twins, bit for bit.

import RoundingKernels
import TestSupport
import Testing

@Suite struct SlicedKernelTests {
  /// Numbers of all sizes, with a few that are special where asked for.
  private func numbers(_ count: Int, _ generator: inout SeededGenerator, special: Bool = false) -> [Double] {
    (0..<count).map { _ in
      let x = Double(Int64(bitPattern: generator.next())) * 0x1p-63
      guard special, generator.below(40) == 0 else { return x }
      return [
        0, -0.0, .nan, .infinity, -.infinity, 0x1p-1074, -0x1p-1030, 0x1p1023, 0x1p-300 * x, x * 0x1p300,
      ][generator.below(10)]
    }
  }

  private func bits(_ values: [Double]) -> [UInt64] { values.map { $0.isNaN ? 0x7FF8 << 48 : $0.bitPattern } }

  /// One score, one operation at a time.
  private func plainScore(
    query: (head: [Double], whole: [Double], tail: [Double]), key: (head: [Double], tail: [Double]),
    norms: (Double, Double), bounds: (Double, Double)
  ) -> Double {
    var (heads, mixed) = (0.0, 0.0)
    let channels = query.head.count
    for start in stride(from: 0, to: channels, by: Int(ROPEDRIFT_SLICED_CHUNK)) {
      var part = 0.0
      for c in start..<min(start + Int(ROPEDRIFT_SLICED_CHUNK), channels) {
        heads.addProduct(query.head[c], key.head[c])
        part.addProduct(query.whole[c], key.tail[c])
        part.addProduct(query.tail[c], key.head[c])
      }
      mixed += part
    }
    let sum = heads + mixed
    let virtual = sum - heads
    let rest = (heads - (sum - virtual)) + (mixed - virtual)
    let bound = (norms.1 * bounds.1).addingProduct(norms.0, bounds.0)
    return sum + (rest + bound) == sum && sum + (rest - bound) == sum ? sum : .nan
  }

  @Test(arguments: [1, 2, 7, 16, 17, 64, 131])
  func scoresAreThoseOfThePlainTwin(channels: Int) {
    var generator = SeededGenerator(seed: UInt64(channels))
    let width = Int(ROPEDRIFT_SLICED_BLOCK)
    for (rows, tiles) in [(1, 1), (4, 1), (4, 3)] {
      for special in [false, true] {
        let (count, blocks) = (rows * tiles, 3)
        let q = (0..<3).map { _ in (0..<count).map { _ in numbers(channels, &generator, special: special) } }
        let k = (0..<2).map { _ in
          (0..<blocks * width).map { _ in numbers(channels, &generator, special: special) }
        }
        var norms = numbers(count, &generator).map { $0.magnitude * 0x1p-40 }
        var tailNorms = norms.map { $0 * 0x1p-20 }
        let bounds = numbers(blocks * width, &generator).map { $0.magnitude * 0x1p-20 }
        let tailBounds = bounds.map { special && $0 < 0x1p-22 ? .infinity : $0 * 0x1p10 }
        if special { (norms[0], tailNorms[0]) = (0, 0) }
        // One word beyond an aligned address.
        var slices = [Double](repeating: 0, count: count * channels * 3 + 1)
        for row in 0..<count {
          for c in 0..<channels {
            for part in 0..<3 {
              slices[1 + ((row / rows * channels + c) * 3 + part) * rows + row % rows] = q[part][row][c]
            }
          }
        }
        var keySlices = [Double](repeating: 0, count: blocks * channels * 2 * width + 1)
        for key in 0..<blocks * width {
          for c in 0..<channels {
            for part in 0..<2 {
              keySlices[1 + ((key / width * channels + c) * 2 + part) * width + key % width] = k[part][key][c]
            }
          }
        }
        let first = (0..<count).map { _ in generator.below(blocks * width) }
        let end = first.map { $0 + generator.below(blocks * width - $0 + 1) }
        for allows in [Int32(0), 1, 2] {
          var scores = [Double](repeating: 7, count: count * blocks * width)
          var flags = [UInt8](repeating: 9, count: count * blocks)
          run(
            slices, keySlices, norms, tailNorms, bounds, tailBounds, first, end, channels: channels,
            tiles: tiles, rows: rows, blocks: blocks, allows: allows, &scores, &flags)
          for row in 0..<count {
            for offset in 0..<blocks * width {
              let score = scores[row * blocks * width + offset]
              let key = first[row] + offset
              guard key < end[row] else {
                #expect(score == 7)
                continue
              }
              let expected = plainScore(
                query: (q[0][row], q[1][row], q[2][row]), key: (k[0][key], k[1][key]),
                norms: (norms[row], tailNorms[row]), bounds: (bounds[key], tailBounds[key]))
              #expect(bits([score]) == bits([expected]), "path \(allows), row \(row), key \(key)")
              if score.isNaN { #expect(flags[row * blocks + key / width] != 0) }
            }
          }
        }
      }
    }
  }

  private func run(
    _ slices: [Double], _ keySlices: [Double], _ norms: [Double], _ tailNorms: [Double], _ bounds: [Double],
    _ tailBounds: [Double], _ first: [Int], _ end: [Int], channels: Int, tiles: Int, rows: Int, blocks: Int,
    allows: Int32, _ scores: inout [Double], _ flags: inout [UInt8]
  ) {
    let width = blocks * Int(ROPEDRIFT_SLICED_BLOCK)
    scores.withUnsafeMutableBufferPointer { scores in
      let places = (0..<tiles * rows).map { Optional(scores.baseAddress! + $0 * width) }
      places.withUnsafeBufferPointer { places in
        slices.withUnsafeBufferPointer { slices in
          keySlices.withUnsafeBufferPointer { keySlices in
            norms.withUnsafeBufferPointer { norms in
              tailNorms.withUnsafeBufferPointer { tailNorms in
                bounds.withUnsafeBufferPointer { bounds in
                  tailBounds.withUnsafeBufferPointer { tailBounds in
                    first.withUnsafeBufferPointer { first in
                      end.withUnsafeBufferPointer { end in
                        var queries = ropedrift_sliced_queries(
                          slices: slices.baseAddress! + 1, norm: norms.baseAddress,
                          tail_norm: tailNorms.baseAddress, first: first.baseAddress, end: end.baseAddress,
                          scores: places.baseAddress, tiles: tiles, rows: rows)
                        var keys = ropedrift_sliced_keys(
                          slices: keySlices.baseAddress! + 1, bound: bounds.baseAddress,
                          tail_bound: tailBounds.baseAddress, channels: channels)
                        ropedrift_sliced_scores(&queries, &keys, 0, blocks, allows, &flags)
                      }
                    }
                  }
                }
              }
            }
          }
        }
      }
    }
  }

  @Test(arguments: [(1, 0), (2, 1), (5, 2), (16, 8), (23, 9), (128, 64), (131, 60)])
  func rotationsSlicesAndProductsDoNotDependOnThePath(channels: Int, pairs: Int) {
    var generator = SeededGenerator(seed: UInt64(channels))
    let first = (0..<pairs).map { UInt32($0) }
    let second = (0..<pairs).map { UInt32(pairs + $0) }
    let still = (2 * pairs..<max(channels, 2 * pairs)).map { UInt32($0) }
    let padded = (channels + 7) / 8 * 8
    let table = (pairs + 7) / 8 * 8 * 4
    for round in 0..<40 {
      let vector = numbers(channels, &generator, special: round % 2 == 1)
      let coarse = numbers(max(table, 1), &generator)
      let fine = numbers(max(table, 1), &generator)
      var results: [[UInt64]] = []
      for allows in [Int32(0), 1, 2] {
        var high = [Double](repeating: 7, count: padded)
        var low = high
        first.withUnsafeBufferPointer { first in
          second.withUnsafeBufferPointer { second in
            still.withUnsafeBufferPointer { still in
              var rotation = ropedrift_rotation(
                first: first.baseAddress, second: second.baseAddress, still: still.baseAddress, pairs: pairs,
                channels: channels)
              ropedrift_rotate_exactly(
                &rotation, vector, coarse, fine, round % 3 == 0 ? 1 : 0.3, round % 3 == 0 ? 0 : 1e-18, allows,
                &high, &low)
            }
          }
        }
        var parts = [[Double]](repeating: Array(repeating: 7, count: 3 * channels), count: 3)
        let norms = sliced(high, low, channels: channels, allows: allows, &parts)
        let score = ropedrift_double_double_score(high, low, high, low, channels, norms.norm, 0x1p-90, allows)
        results.append(
          bits(
            high + low + parts.flatMap { $0 } + [norms.norm, norms.tail_norm, score, Double(norms.is_sliced)])
        )
        if norms.is_sliced != 0 {
          // head + tail is high + low to 53 bits of the tail, and heads are short.
          for c in 0..<channels {
            let (head, tail) = (parts[0][3 * c], parts[1][3 * c])
            #expect(tail == (high[c] - head) + low[c] && parts[2][3 * c] == head + tail)
            #expect(head.magnitude <= 2 * norms.norm && tail.magnitude <= norms.norm * 0x1p-26)
          }
        }
      }
      #expect(results[0] == results[1] && results[0] == results[2])
    }
  }

  private func sliced(
    _ high: [Double], _ low: [Double], channels: Int, allows: Int32, _ parts: inout [[Double]]
  ) -> ropedrift_slice_norms {
    var (head, tail, whole) = (parts[0], parts[1], parts[2])
    let norms = ropedrift_slice(high, low, channels, 27, &head, &tail, &whole, 3, allows)
    parts = [head, tail, whole]
    return norms
  }
}
