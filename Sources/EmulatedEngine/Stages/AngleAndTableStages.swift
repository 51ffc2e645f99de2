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

  /// RN(RN(p)·ω_i).
  public func angle(position: Int, pair: Int) throws -> StageValue {
    try recipe.angle.product(
      roundedPosition(position), frequencies[pair], StageCounter(.angle, position, position >> 32, pair))
  }

  /// cos and sin of the stored angle, correctly rounded to the trig stage's formats. An infinite or NaN angle gives NaN.
  func trigonometry(position: Int, pair: Int) throws -> (
    angle: StageValue, cosine: StageValue, sine: StageValue
  ) {
    let angle = try angle(position: position, pair: pair)
    let cosineCounter = StageCounter(.cosine, position, position >> 32, pair)
    let sineCounter = StageCounter(.sine, position, position >> 32, pair)
    switch angle {
    case .number(let value) where !recipe.trig.isExact || !value.isFinite:
      let (cosine, sine) = Self.cosineAndSine(value)
      if recipe.trig.isExact { return (angle, .number(.nan), .number(.nan)) }
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
    let scaled = try attentionFactor.map { try recipe.trig.product(trig, $0, counter, step: 1) } ?? trig
    return try recipe.table.round(scaled, counter)
  }
}
