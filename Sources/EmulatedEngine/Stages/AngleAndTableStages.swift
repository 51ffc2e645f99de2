// Position, angle, cos and sin, table: everything that depends on the position alone.

import ArbitraryPrecision
import CMPFR
import FloatingPointFormats

/// What the table stages give for one position and pair.
public struct TableEntry: Sendable {
  /// RN(p·ω).
  public var angle: StageValue
  /// cos of that angle after the trig stage.
  public var trigCosine: StageValue
  /// sin of that angle after the trig stage.
  public var trigSine: StageValue
  /// The stored cosine.
  public var cosine: StageValue
  /// The stored sine.
  public var sine: StageValue
}

extension Emulation {
  /// RN(p).
  func roundedPosition(_ position: Int) throws -> StageValue {
    try recipe.position.round(
      .real(ExactReal(Rational(position))), StageCounter(.position, position, position >> 32))
  }

  /// Which operand of the angle's product is rounded once more.
  enum AngleOperand { case position(Int), frequency(Int) }

  /// An operand of the angle's product, rounded to the operands' own format where the recipe has one.
  func operand(_ value: StageValue, _ which: AngleOperand) throws -> StageValue {
    if recipe.angle.operands.isExact { return value }
    switch which {
    case .position(let position):
      return try recipe.angle.operands.round(value, StageCounter(.angleOperand, position, position >> 32, -1))
    case .frequency(let pair):
      return try recipe.angle.operands.round(value, StageCounter(.angleOperand, 0, 0, pair))
    }
  }

  /// The stored angle of a position and pair, see ``Recipe/Angle``.
  ///
  /// - Throws: ``UndecidedRounding``.
  public func angle(position: Int, pair: Int) throws -> StageValue {
    let chain = recipe.angle.rounding
    let counter = StageCounter(.angle, position, position >> 32, pair)
    let p = try operand(roundedPosition(position), .position(position))
    switch angleSource {
    case .product(let frequencies):
      return try chain.product(p, operand(frequencies[pair], .frequency(pair)), counter)
    case .quotient(let timescales, let divisor):
      let ratio = try chain.quotient(p, operand(timescales[pair], .frequency(pair)), counter)
      return try divisor.map { try chain.quotient(ratio, $0, counter, step: 1) } ?? ratio
    case .iterated(let step, let factor, _):
      if chain.isExact { return try StageValue.product(p, frequencies[pair]) }
      var angle = try chain.round(p, counter)
      for index in 0..<pair { angle = try chain.product(angle, step, counter, step: index + 1) }
      return try factor.map { try chain.product(angle, $0, counter, step: pair + 1) } ?? angle
    }
  }

  /// cos and sin of the stored angle, rounded to the trig stage's formats. An infinite or NaN angle gives NaN.
  func trigonometry(position: Int, pair: Int) throws -> (
    angle: StageValue, cosine: StageValue, sine: StageValue
  ) {
    let angle = try angle(position: position, pair: pair)
    let cosineCounter = StageCounter(.cosine, position, position >> 32, pair)
    let sineCounter = StageCounter(.sine, position, position >> 32, pair)
    switch angle {
    case .number(let value) where !recipe.trig.rounding.isExact || !value.isFinite:
      let (cosine, sine) = Self.cosineAndSine(value)
      if recipe.trig.rounding.isExact { return (angle, .number(.nan), .number(.nan)) }
      return (
        angle, .number(recipe.trig.round(cosine, cosineCounter)),
        .number(recipe.trig.round(sine, sineCounter))
      )
    case .number, .real:
      let exact = angle.exactReal!
      return (
        angle, try recipe.trig.round(.real(exact.cosine), cosineCounter),
        try recipe.trig.round(.real(exact.sine), sineCounter)
      )
    }
  }

  /// cos and sin of a binary64 number as leading bits and tail.
  static func cosineAndSine(_ angle: Double) -> (cosine: ExactValue, sine: ExactValue) {
    let x = MPFRNumber(angle, precision: 53)
    return (
      ExactValue.result { mpfr_cos($0, x.pointer, MPFR_RNDZ) },
      ExactValue.result { mpfr_sin($0, x.pointer, MPFR_RNDZ) }
    )
  }

  /// The table's entry for a position and pair, with what led to it.
  public func tableEntry(position: Int, pair: Int) throws -> TableEntry {
    let (angle, cosine, sine) = try trigonometry(position: position, pair: pair)
    return TableEntry(
      angle: angle, trigCosine: cosine, trigSine: sine,
      cosine: try stored(cosine, StageCounter(.cosineTable, position, position >> 32, pair)),
      sine: try stored(sine, StageCounter(.sineTable, position, position >> 32, pair)))
  }

  /// The table's value from the trig stage's: times f in the trig stage's formats where there is an f, then the table's formats.
  func stored(_ trig: StageValue, _ counter: StageCounter) throws -> StageValue {
    let scaled =
      try attentionFactor.map { try recipe.trig.rounding.product(trig, $0, counter, step: 1) } ?? trig
    return try recipe.table.round(scaled, counter)
  }
}

extension Recipe.Trig {
  /// Correctly rounded, or off by the units that the model draws; exact values stay where the stage does not round.
  func round(_ value: StageValue, _ counter: StageCounter) throws -> StageValue {
    rounding.isExact ? value : .number(round(try value.exactValue(), counter))
  }

  /// Correctly rounded, or off by the units that the model draws.
  func round(_ value: ExactValue, _ counter: StageCounter) -> Double {
    guard let ulpModel else { return rounding.round(value, counter) }
    let format = rounding.formats[0]
    let first = RoundingChain([format], rounding: rounding.rounding).round(value, counter)
    let rest = RoundingChain(Array(rounding.formats.dropFirst()), rounding: rounding.rounding)
    let moved = ulpModel.moved(first, in: format, counter)
    return rest.isExact ? moved : rest.round(ExactValue(moved), counter, step: 2)
  }
}

extension Recipe.Trig.UlpModel {
  /// The value moved by the drawn number of units in the last place, within ±1; zero and NaN stay.
  func moved(_ value: Double, in format: FloatingPointFormat, _ counter: StageCounter) -> Double {
    guard bound > 1, value != 0, let unit = format.unitInLastPlace(at: value) else { return value }
    let span = UInt64(2 * bound - 1)
    let draw = Int(Philox.bits(seed: seed, counter: counter.step(3)) % span) - (bound - 1)
    let moved = format.rounded(ExactValue(value + Double(draw) * unit))
    return min(1, max(-1, moved))
  }
}
