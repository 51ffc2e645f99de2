// Rotation of stored vectors: in two binary64 numbers a component for the fast tiers, in MPFR for the simple one.

import ArbitraryPrecision
import CMPFR
import FloatingPointFormats
import RotaryAttention
import RoundingKernels

/// f·R(p)x of stored vectors, by rows of a ``ReferenceTrigonometry``.
struct VectorRotation: Sendable {
  let embedding: RotaryEmbedding
  let trigonometry: ReferenceTrigonometry
  private let first: [UInt32]
  private let second: [UInt32]
  private let still: [UInt32]

  init(_ embedding: RotaryEmbedding, _ trigonometry: ReferenceTrigonometry) {
    self.embedding = embedding
    self.trigonometry = trigonometry
    let pairs = (0..<embedding.pairCount).map {
      embedding.layout.channels(ofPair: $0, rotarySize: embedding.rotarySize)
    }
    first = pairs.map { UInt32($0.first) }
    second = pairs.map { UInt32($0.second) }
    still = (embedding.rotarySize..<embedding.headSize).map { UInt32($0) }
  }

  /// Writes the rotated vector to `arena` from `start`, one rounding a component. A vector with a NaN or an infinity gives some NaNs.
  func rotate(_ vector: UnsafePointer<Double>, row: Int, into arena: MPFRArena, at start: Int) {
    let x = MPFRNumber(precision: 53)
    let y = MPFRNumber(precision: 53)
    let cosine = MPFRNumber(precision: ReferenceTrigonometry.precision)
    let sine = MPFRNumber(precision: ReferenceTrigonometry.precision)
    for pair in first.indices {
      let (a, b) = (Int(first[pair]), Int(second[pair]))
      trigonometry.anchors.write(row: row, pair: pair, cosine: cosine.pointer, sine: sine.pointer)
      mpfr_set_d(x.pointer, vector[a], MPFR_RNDN)
      mpfr_set_d(y.pointer, vector[b], MPFR_RNDN)
      mpfr_fmms(arena[start + a], x.pointer, cosine.pointer, y.pointer, sine.pointer, MPFR_RNDN)
      mpfr_fmma(arena[start + b], x.pointer, sine.pointer, y.pointer, cosine.pointer, MPFR_RNDN)
    }
    for channel in still { mpfr_set_d(arena[start + Int(channel)], vector[Int(channel)], MPFR_RNDN) }
  }

  /// Writes scale·f·R(p)x as high + low, in the order of `ropedrift_rotation`; see its bound.
  ///
  /// - Parameters:
  ///   - vector: d channels.
  ///   - row: the row of its position.
  ///   - scale: (1, 0) for none.
  ///   - high: d rounded up to eights; likewise `low`.
  func rotate(
    _ vector: UnsafePointer<Double>, row: Int, scale: (high: Double, low: Double), path: KernelPath,
    high: UnsafeMutablePointer<Double>, low: UnsafeMutablePointer<Double>
  ) {
    let (coarse, fine) = trigonometry.anchors.numbers(row: row)
    first.withUnsafeBufferPointer { first in
      second.withUnsafeBufferPointer { second in
        still.withUnsafeBufferPointer { still in
          var rotation = ropedrift_rotation(
            first: first.baseAddress, second: second.baseAddress, still: still.baseAddress,
            pairs: first.count, channels: embedding.headSize)
          ropedrift_rotate_exactly(
            &rotation, vector, coarse, fine, scale.high, scale.low, path.allowsVectors, high, low)
        }
      }
    }
  }
}
