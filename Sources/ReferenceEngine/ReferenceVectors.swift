// Exactly rotated vectors and exact tables, component by component: what stored tables and rotated vectors are compared with.

import ArbitraryPrecision
import CMPFR
import FloatingPointFormats
import RotaryAttention

/// f·R(p)x and f·cos θ, f·sin θ as unevaluated sums high + low of two binary64 numbers, |low| ≤ ulp(high)/2.
///
/// Each **component** is within 2^−62 of itself, relatively, or exactly zero. The kernel's error is at most 44·2^−106·f·‖pair‖
/// (Documentation/ErrorBounds.md, "Rotation in two binary64 numbers"), which is below 2^−62 of every component that is at least
/// 2^−36·f·max(|x|, |y|); smaller ones (cancellation, the sine at angle 0) are evaluated as exact reals and rounded twice: to high,
/// and the rest to low.
///
/// A pair that holds a NaN or an infinity has no exact rotation: both its components are NaN.
public struct ReferenceVectors: Sendable {
  private let problem: ReferenceProblem
  private let rotation: VectorRotation
  private let path: KernelPath
  /// The attention factor, rounded up.
  private let factor: Double
  private let hasFactor: Bool

  /// The exact vectors of a problem at the positions of a table of angles.
  ///
  /// - Parameters:
  ///   - problem: the problem.
  ///   - trigonometry: its angles by row.
  ///   - path: which way the kernel goes; the bits are the same.
  public init(
    problem: ReferenceProblem, trigonometry: ReferenceTrigonometry, path: KernelPath = .ofProcess
  ) {
    self.problem = problem
    self.path = path
    rotation = VectorRotation(problem.embedding, trigonometry)
    hasFactor = problem.attentionFactor.rational != Rational(1)
    factor = mpfr_get_d(problem.attentionFactor.interval(precision: 128).upper, MPFR_RNDU)
  }

  /// The rotated vectors of some rows.
  ///
  /// - Parameters:
  ///   - vectors: (rows, d).
  ///   - firstRow: the table's row of the first of them.
  /// - Returns: (rows, d) each, channels where the input has them.
  /// - Throws: ``UndecidedRounding``.
  public func rotated(_ vectors: [Double], firstRow: Int) throws -> (high: [Double], low: [Double]) {
    let embedding = problem.embedding
    let size = embedding.headSize
    precondition(vectors.count.isMultiple(of: size))
    var high = vectors
    var low = [Double](repeating: 0, count: vectors.count)
    let scratch = RotatedComponents(channels: size)
    for row in 0..<vectors.count / size {
      let start = row * size
      vectors.withUnsafeBufferPointer { write($0.baseAddress! + start, row: row + firstRow, scratch) }
      for pair in 0..<embedding.pairCount {
        let (a, b) = embedding.layout.channels(ofPair: pair, rotarySize: embedding.rotarySize)
        let (x, y) = (vectors[start + a], vectors[start + b])
        for (channel, place) in [(a, pair), (b, pair + embedding.pairCount)] {
          (high[start + channel], low[start + channel]) = try component(
            (scratch.high[place], scratch.low[place]), x, y, row: row + firstRow, pair: pair,
            isSecond: channel == b)
        }
      }
      for channel in embedding.rotarySize..<size where !vectors[start + channel].isFinite {
        high[start + channel] = .nan
      }
    }
    return (high, low)
  }

  /// f·cos θ and f·sin θ of some rows, each (rows, pairs).
  ///
  /// - Throws: ``UndecidedRounding``.
  public func table(
    rows: Range<Int>
  ) throws -> (cosine: (high: [Double], low: [Double]), sine: (high: [Double], low: [Double])) {
    let embedding = problem.embedding
    let pairs = embedding.pairCount
    // R(p) takes (1, 0) to (cos, sin).
    var unit = [Double](repeating: 0, count: embedding.headSize)
    for pair in 0..<pairs {
      unit[embedding.layout.channels(ofPair: pair, rotarySize: embedding.rotarySize).first] = 1
    }
    let zeros = [Double](repeating: 0, count: rows.count * pairs)
    var (cosineHigh, cosineLow, sineHigh, sineLow) = (zeros, zeros, zeros, zeros)
    let scratch = RotatedComponents(channels: embedding.headSize)
    for row in rows {
      unit.withUnsafeBufferPointer { write($0.baseAddress!, row: row, scratch) }
      for pair in 0..<pairs {
        let index = (row - rows.lowerBound) * pairs + pair
        (cosineHigh[index], cosineLow[index]) = try component(
          (scratch.high[pair], scratch.low[pair]), 1, 0, row: row, pair: pair, isSecond: false)
        (sineHigh[index], sineLow[index]) = try component(
          (scratch.high[pair + pairs], scratch.low[pair + pairs]), 1, 0, row: row, pair: pair, isSecond: true)
      }
    }
    return ((cosineHigh, cosineLow), (sineHigh, sineLow))
  }

  private func write(_ vector: UnsafePointer<Double>, row: Int, _ scratch: RotatedComponents) {
    rotation.rotate(
      vector, row: row, scale: (1, 0), path: path, high: scratch.high, low: scratch.low)
  }

  /// A component as the kernel has it where its bound suffices, else from exact reals.
  private func component(
    _ computed: (high: Double, low: Double), _ x: Double, _ y: Double, row: Int, pair: Int, isSecond: Bool
  ) throws -> (Double, Double) {
    guard x.isFinite, y.isFinite else { return (.nan, 0) }
    let largest = max(x.magnitude, y.magnitude) * factor
    if largest == 0 { return (0, 0) }
    if computed.high.isFinite, largest > 0x1p-800, computed.high.magnitude >= largest * 0x1p-36 {
      return computed
    }
    if !hasFactor, problem.angles.units[pair].isZero { return (isSecond ? y : x, 0) }
    let position = rotation.trigonometry.positions[row]
    let angle = problem.angles.angle(position: position, pair: pair)
    let (first, second) = (ExactReal(x), ExactReal(y))
    let value =
      problem.attentionFactor
      * (isSecond
        ? ExactReal.sum([first * angle.sine, second * angle.cosine])
        : ExactReal.sum([first * angle.cosine, -(second * angle.sine)]))
    let high = FloatingPointFormat.fp64.rounded(try value.exactValue())
    guard high.isFinite else { return (high, 0) }
    let rest = ExactReal.sum([value, -ExactReal(high)])
    return (high, FloatingPointFormat.fp64.rounded(try rest.exactValue()))
  }
}

/// Room for one rotated vector in the kernel's order: the pairs' first components, then their second ones, then the others.
private final class RotatedComponents {
  let high: UnsafeMutablePointer<Double>
  let low: UnsafeMutablePointer<Double>

  init(channels: Int) {
    let padded = (channels + 7) / 8 * 8
    high = .allocate(capacity: padded)
    low = .allocate(capacity: padded)
    high.initialize(repeating: 0, count: padded)
    low.initialize(repeating: 0, count: padded)
  }

  deinit {
    high.deallocate()
    low.deallocate()
  }
}
