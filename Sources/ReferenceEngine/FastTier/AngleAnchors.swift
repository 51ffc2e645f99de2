// cos and sin at the coarse and fine positions of a grid, in MPFR and as sums of two binary64 numbers: every angle of the list is a sum
// of two of these.

import ArbitraryPrecision
import CMPFR
import Dispatch

/// f·cos and f·sin of the coarse angles, cos and sin of the fine ones, of every pair.
///
/// Those in MPFR are within 2^−188·f of the exact values: MPFR's own sin and cos of an angle within 2^−192 where a chain begins, then
/// at most 1024 rotations by one step, whose own error and rounding each add at most 2^−190 in all (``precision`` is 256). The binary64
/// sums high + low are within 2^−106 of those, relatively.
final class AngleAnchors: @unchecked Sendable {
  /// Bits of the anchors.
  static let precision = 256
  /// Anchors that are made from the one before them before MPFR is asked again.
  private static let chainLength = 1024

  let grid: PositionGrid
  let pairs: Int
  /// Pairs rounded up to eights: numbers in one part of a row.
  let stride: Int
  // (anchors, pairs, 2): cosine and sine. Written in init by threads with disjoint pairs, read after it.
  private let exactCoarse: MPFRArena
  private let exactFine: MPFRArena
  // (anchors, 4, stride): cos high, cos low, sin high, sin low.
  private let coarseNumbers: UnsafeMutablePointer<Double>
  private let fineNumbers: UnsafeMutablePointer<Double>

  init(angles: ExactAngles, attentionFactor: ExactReal, positions: [Int], threads: Int) {
    let grid = angles.isLinear ? PositionGrid(positions: positions) : PositionGrid(rows: positions.count)
    self.grid = grid
    let pairs = angles.units.count
    self.pairs = pairs
    stride = (pairs + 7) / 8 * 8
    exactCoarse = MPFRArena(count: grid.coarse.count * pairs * 2, precision: Self.precision)
    exactFine = MPFRArena(count: grid.span * pairs * 2, precision: Self.precision)
    func zeros(_ count: Int) -> UnsafeMutablePointer<Double> {
      let pointer = UnsafeMutablePointer<Double>.allocate(capacity: max(count, 1))
      pointer.initialize(repeating: 0, count: max(count, 1))
      return pointer
    }
    coarseNumbers = zeros(grid.coarse.count * 4 * stride)
    fineNumbers = zeros(grid.span * 4 * stride)
    let workers = max(1, min(threads, pairs))
    DispatchQueue.concurrentPerform(iterations: workers) { worker in
      for pair in Swift.stride(from: worker, to: pairs, by: workers) {
        fill(pair: pair, angles: angles, factor: attentionFactor, positions: positions)
      }
    }
  }

  deinit {
    coarseNumbers.deallocate()
    fineNumbers.deallocate()
  }

  /// What the rotation kernel reads for a row.
  func numbers(row: Int) -> (coarse: UnsafePointer<Double>, fine: UnsafePointer<Double>) {
    (
      UnsafePointer(coarseNumbers + Int(grid.coarseOfRow[row]) * 4 * stride),
      UnsafePointer(fineNumbers + Int(grid.fineOfRow[row]) * 4 * stride)
    )
  }

  /// Writes f·cos and f·sin of the angle of a row and pair, rounded once from within 2^−186·f.
  func write(row: Int, pair: Int, cosine: MPFRPointer, sine: MPFRPointer) {
    let coarse = exactCoarse.base + 2 * (Int(grid.coarseOfRow[row]) * pairs + pair)
    let fine = exactFine.base + 2 * (Int(grid.fineOfRow[row]) * pairs + pair)
    if grid.fineOfRow[row] == 0 {
      mpfr_set(cosine, coarse, MPFR_RNDN)
      mpfr_set(sine, coarse + 1, MPFR_RNDN)
    } else {
      Self.rotate(coarse, by: fine, cosine: cosine, sine: sine)
    }
  }

  /// cos and sin of a sum of two angles.
  private static func rotate(
    _ a: MPFRPointer, by b: MPFRPointer, cosine: MPFRPointer, sine: MPFRPointer
  ) {
    mpfr_fmms(cosine, a, b, a + 1, b + 1, MPFR_RNDN)
    mpfr_fmma(sine, a + 1, b, a, b + 1, MPFR_RNDN)
  }

  private func fill(pair: Int, angles: ExactAngles, factor: ExactReal, positions: [Int]) {
    // |multiple| ≤ 2^63 in all uses: an enclosure of the unit of width 2^−257 leaves 2^−194 of the angle.
    var precision = 384
    var unit = angles.units[pair].interval(precision: precision)
    while !Self.isNarrow(unit) {
      precision *= 2
      unit = angles.units[pair].interval(precision: precision)
    }
    let scaling =
      factor.rational == Rational(1) ? nil : factor.interval(precision: ExactReal.initialPrecision)
    let angle = MPFRNumber(precision: precision)
    let multiple = MPFRNumber(precision: precision)
    // cos and sin of the step of a chain.
    let step = MPFRArena(count: 2, precision: Self.precision)
    func evaluate(_ value: Rational, at target: MPFRPointer) {
      value.write(to: multiple.pointer, MPFR_RNDN)
      mpfr_mul(angle.pointer, multiple.pointer, unit.lower, MPFR_RNDN)
      mpfr_sin_cos(target + 1, target, angle.pointer, MPFR_RNDN)
    }
    func anchor(_ arena: MPFRArena, _ index: Int) -> MPFRPointer { arena.base + 2 * (index * pairs + pair) }

    mpfr_set_si(anchor(exactFine, 0), 1, MPFR_RNDN)
    mpfr_set_si(anchor(exactFine, 0) + 1, 0, MPFR_RNDN)
    if grid.span > 1 { evaluate(Rational(1), at: step.base) }
    for fine in 1..<max(grid.span, 1) {
      let target = anchor(exactFine, fine)
      Self.rotate(anchor(exactFine, fine - 1), by: step.base, cosine: target, sine: target + 1)
    }
    let isChained =
      angles.isLinear && zip(grid.coarse, grid.coarse.dropFirst()).contains { $0 + 1 == $1 }
    if isChained { evaluate(Rational(grid.span), at: step.base) }
    var links = 0
    for (index, coarse) in grid.coarse.enumerated() {
      let target = anchor(exactCoarse, index)
      if isChained, index > 0, grid.coarse[index - 1] + 1 == coarse, links < Self.chainLength {
        Self.rotate(anchor(exactCoarse, index - 1), by: step.base, cosine: target, sine: target + 1)
        links += 1
        continue
      }
      links = 0
      evaluate(
        angles.isLinear ? Rational(coarse * grid.span) : angles.multiple(positions[coarse], pair), at: target)
      if let scaling {
        mpfr_mul(target, target, scaling.lower, MPFR_RNDN)
        mpfr_mul(target + 1, target + 1, scaling.lower, MPFR_RNDN)
      }
    }
    write(exactFine, count: grid.span, pair: pair, to: fineNumbers)
    write(exactCoarse, count: grid.coarse.count, pair: pair, to: coarseNumbers)
  }

  /// The anchors of a pair as sums of two numbers.
  private func write(
    _ arena: MPFRArena, count: Int, pair: Int, to numbers: UnsafeMutablePointer<Double>
  ) {
    let rest = MPFRNumber(precision: Self.precision)
    for index in 0..<count {
      for part in 0..<2 {
        let value = arena.base + 2 * (index * pairs + pair) + part
        let place = numbers + (index * 4 + 2 * part) * stride + pair
        let high = mpfr_get_d(value, MPFR_RNDN)
        mpfr_sub_d(rest.pointer, value, high, MPFR_RNDN)
        place.pointee = high
        (place + stride).pointee = mpfr_get_d(rest.pointer, MPFR_RNDN)
      }
    }
  }

  /// Whether upper − lower ≤ 2^−257.
  private static func isNarrow(_ interval: MPFRInterval) -> Bool {
    let width = MPFRNumber(precision: 64)
    mpfr_sub(width.pointer, interval.upper, interval.lower, MPFR_RNDU)
    return mpfr_zero_p(width.pointer) != 0 || mpfr_get_exp(width.pointer) <= -257
  }
}
