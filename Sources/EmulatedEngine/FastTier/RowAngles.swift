// The stored angles of all pairs at one position: what Emulation.angle gives pair by pair, without its exact reals. Held to it bit for
// bit.

import FloatingPointFormats
import RotaryAttention

/// Angles of positions, row by row.
struct RowAngles: Sendable {
  private enum Way: Sendable {
    /// RN(p·ω_i); where the products of at most so many bits of position are exact in binary64, they are rounded together.
    case product([Double], exactBits: Int)
    /// RN(p/t_i), then over the factor of linear scaling.
    case quotient([Double], divisor: Double?)
    /// θ_(i+1) = RN(θ_i·step), then times the factor.
    case iterated(step: Double, factor: Double?)
  }

  private let way: Way
  private let position: ScalarArithmetic?
  private let operands: ScalarArithmetic?
  private let angle: ScalarArithmetic
  private let angles: ArrayRoundingChain?
  private let pairs: Int

  /// Nil where an angle stays exact, or comes from numbers that are not finite, or where stochastic words would have to be drawn along
  /// a pair's own chain of products.
  init?(_ emulation: Emulation) throws {
    let stage = emulation.recipe.angle
    guard !stage.rounding.isExact else { return nil }
    pairs = emulation.embedding.pairCount
    angle = ScalarArithmetic(stage.rounding)
    angles = stage.rounding.rounding.isDeterministic ? ArrayRoundingChain(stage.rounding) : nil
    position = emulation.recipe.position.isExact ? nil : ScalarArithmetic(emulation.recipe.position)
    operands = stage.operands.isExact ? nil : ScalarArithmetic(stage.operands)
    func numbers(_ values: [StageValue]) throws -> [Double]? {
      let operands = try values.enumerated().map { try emulation.operand($1, .frequency($0)) }
      let numbers = operands.compactMap { if case .number(let x) = $0, x.isFinite { x } else { nil } }
      return numbers.count == values.count ? numbers : nil
    }
    func number(_ value: StageValue) -> Double? {
      if case .number(let x) = value, x.isFinite { x } else { nil }
    }
    switch emulation.angleSource {
    case .product(let values):
      guard let frequencies = try numbers(values) else { return nil }
      let bits = frequencies.map(\.significandWidth).max().map { $0 + 1 } ?? 0
      let isModerate = frequencies.allSatisfy { $0 == 0 || $0.magnitude > 0x1p-400 && $0.magnitude < 0x1p400 }
      way = .product(frequencies, exactBits: isModerate ? 53 - bits : 0)
    case .quotient(let values, let divisor):
      guard let timescales = try numbers(values), !timescales.contains(0) else { return nil }
      let factor = divisor.map(number)
      if let factor, factor == nil || factor == 0 { return nil }
      way = .quotient(timescales, divisor: factor ?? nil)
    case .iterated(let step, let factor, _):
      guard stage.rounding.rounding.isDeterministic, let step = number(step) else { return nil }
      let last = factor.map(number)
      if let last, last == nil { return nil }
      way = .iterated(step: step, factor: last ?? nil)
    }
  }

  /// The angles of tokens at positions within ±2^53.
  ///
  /// - Parameters:
  ///   - positions: the positions.
  ///   - tokens: of which tokens.
  ///   - rows: (tokens, pairs).
  func write(
    _ positions: TokenPositions, _ tokens: Range<Int>, into rows: UnsafeMutableBufferPointer<Double>
  ) {
    func row(_ index: Int) -> UnsafeMutableBufferPointer<Double> {
      UnsafeMutableBufferPointer(rebasing: rows[index * pairs..<(index + 1) * pairs])
    }
    if writeProducts(positions, tokens, into: rows) { return }
    for (index, token) in tokens.enumerated() { write(positions.position(ofToken: token), into: row(index)) }
  }

  /// Products that are exact in all rows, rounded together; false where one need not be.
  private func writeProducts(
    _ positions: TokenPositions, _ tokens: Range<Int>, into rows: UnsafeMutableBufferPointer<Double>
  ) -> Bool {
    guard case .product(let frequencies, let exactBits) = way, let angles else { return false }
    for (index, token) in tokens.enumerated() {
      let p = number(positions.position(ofToken: token))
      guard isExact(p, exactBits) else { return false }
      for pair in 0..<pairs { rows[index &* pairs &+ pair] = p * frequencies[pair] }
    }
    angles.round(rows, StageCounter(.angle))
    return true
  }

  /// A position after its own rounding and that of a product's operands.
  private func number(_ position: Int) -> Double {
    let (low, high) = (position, position >> 32)
    var p = Double(position)
    if let rounding = self.position { p = rounding.round(p, StageCounter(.position, low, high)) }
    if let operands { p = operands.round(p, StageCounter(.angleOperand, low, high, -1)) }
    return p
  }

  /// Whether all products of a position and a frequency are binary64 numbers.
  private func isExact(_ p: Double, _ exactBits: Int) -> Bool {
    p.isFinite && (p == 0 || p.significandWidth < exactBits)
  }

  /// The angles at a position within ±2^53.
  ///
  /// - Parameters:
  ///   - position: the position.
  ///   - row: one place a pair.
  func write(_ position: Int, into row: UnsafeMutableBufferPointer<Double>) {
    let (low, high) = (position, position >> 32)
    let p = number(position)
    func counter(_ pair: Int) -> StageCounter { StageCounter(.angle, low, high, pair) }
    switch way {
    case .product(let frequencies, let exactBits):
      if let angles, isExact(p, exactBits) {
        for pair in 0..<pairs { row[pair] = p * frequencies[pair] }
        angles.round(row, counter(0))
      } else {
        for pair in 0..<pairs { row[pair] = angle.product(p, frequencies[pair], counter(pair)) }
      }
    case .quotient(let timescales, let divisor):
      for pair in 0..<pairs {
        let ratio = angle.quotient(p, timescales[pair], counter(pair))
        row[pair] = divisor.map { angle.quotient(ratio, $0, counter(pair), step: 1) } ?? ratio
      }
    case .iterated(let step, let factor):
      var theta = angle.round(p, counter(0))
      for pair in 0..<pairs {
        row[pair] = factor.map { angle.product(theta, $0, counter(pair), step: pair + 1) } ?? theta
        theta = angle.product(theta, step, counter(pair), step: pair + 1)
      }
    }
  }
}

extension Rounding {
  /// Whether a result depends on the value alone.
  var isDeterministic: Bool { if case .stochastic = self { false } else { true } }
}
