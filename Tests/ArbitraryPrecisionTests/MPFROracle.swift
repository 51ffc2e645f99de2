// Rounding by MPFR's own means: the oracle for FloatingPointFormat.round and the arithmetic on it.

import ArbitraryPrecision
import CMPFR
import FloatingPointFormats
import TestSupport

/// Rounds MPFR numbers into the format of a ``FormatModel``: toward zero, up, down and to nearest even by MPFR with the exponent
/// range of the format and mpfr_subnormalize; nearest-away and odd from MPFR's two neighbours, by their definitions.
struct MPFROracle: ~Copyable {
  let model: FormatModel
  private let result: MPFRNumber
  private let away: MPFRNumber
  private let below: MPFRNumber
  private let above: MPFRNumber
  private let largest: MPFRNumber
  private let smallestNormal: MPFRNumber

  /// An oracle for inputs of at most `inputPrecision` bits.
  init(_ model: FormatModel, inputPrecision: Int) {
    self.model = model
    result = MPFRNumber(precision: model.precision)
    away = MPFRNumber(precision: model.precision)
    below = MPFRNumber(precision: inputPrecision + 64)
    above = MPFRNumber(precision: inputPrecision + 64)
    largest = MPFRNumber(model.largest, precision: 53)
    smallestNormal = MPFRNumber(exp2i(model.emin), precision: 53)
  }

  /// The encoding that `x` must be rounded to.
  func encoding(_ x: MPFRPointer, _ rounding: Rounding) -> UInt64 {
    let value = round(x, rounding)
    if !value.isNaN { return model.encoding(value) }
    // NaN: all ones without infinities, else quiet and positive.
    if model.isNaNOnly { return model.signBit - 1 }
    return model.encoding(.infinity) | UInt64(1) << UInt64(model.precision - 2)
  }

  /// The value that `x` must be rounded to.
  func round(_ x: MPFRPointer, _ rounding: Rounding) -> Double {
    if mpfr_nan_p(x) != 0 { return .nan }
    let negative = mpfr_signbit(x) != 0
    let infinity: Double = model.saturates ? model.largest : model.isNaNOnly ? .nan : .infinity
    if mpfr_inf_p(x) != 0 { return negative ? -infinity : infinity }
    let largestSigned = negative ? -model.largest : model.largest
    let outward: Bool
    switch rounding {
    case .nearestEven:
      neighbour(x, MPFR_RNDN, result.pointer)
      outward = true
    case .towardZero:
      neighbour(x, MPFR_RNDZ, result.pointer)
      outward = false
    case .up:
      neighbour(x, MPFR_RNDU, result.pointer)
      outward = !negative
    case .down:
      neighbour(x, MPFR_RNDD, result.pointer)
      outward = negative
    case .nearestAway:
      neighbour(x, MPFR_RNDZ, result.pointer)
      neighbour(x, MPFR_RNDA, away.pointer)
      mpfr_sub(below.pointer, x, result.pointer, MPFR_RNDN)
      mpfr_sub(above.pointer, away.pointer, x, MPFR_RNDN)
      if mpfr_cmpabs(below.pointer, above.pointer) >= 0 { mpfr_set(result.pointer, away.pointer, MPFR_RNDN) }
      outward = true
    case .odd:
      neighbour(x, MPFR_RNDZ, result.pointer)
      if mpfr_equal_p(result.pointer, x) == 0, !isOdd(mpfr_get_d(result.pointer, MPFR_RNDN)) {
        neighbour(x, MPFR_RNDA, result.pointer)
      }
      outward = false
    case .stochastic: preconditionFailure("not a function of the value")
    }
    if mpfr_cmpabs(result.pointer, largest.pointer) > 0 {
      return outward ? (negative ? -infinity : infinity) : largestSigned
    }
    return mpfr_get_d(result.pointer, MPFR_RNDN)
  }

  private func isOdd(_ value: Double) -> Bool {
    if value == 0 || value.isInfinite { return false }
    let unit = max(Int(value.exponent), model.emin) - model.storedBits
    let integer = value.magnitude / exp2i(unit)
    return integer.truncatingRemainder(dividingBy: 2) == 1
  }

  /// x rounded in one direction on the format's grid, the exponent unlimited above.
  private func neighbour(_ x: MPFRPointer, _ direction: mpfr_rnd_t, _ target: MPFRPointer) {
    if !model.hasSubnormals, mpfr_zero_p(x) == 0, mpfr_cmpabs(x, smallestNormal.pointer) < 0 {
      return neighbourWithoutSubnormals(x, direction, target)
    }
    var ternary = mpfr_set(target, x, direction)
    guard model.hasSubnormals else { return }
    let previous = mpfr_get_emin()
    // MPFR's significands lie in [1/2, 1): its smallest exponent is one above that of the smallest value.
    mpfr_set_emin(mpfr_exp_t(model.emin - model.precision + 2))
    ternary = mpfr_check_range(target, ternary, direction)
    mpfr_subnormalize(target, ternary, direction)
    mpfr_set_emin(previous)
  }

  private func neighbourWithoutSubnormals(_ x: MPFRPointer, _ direction: mpfr_rnd_t, _ target: MPFRPointer) {
    let negative = mpfr_signbit(x) != 0
    let outward: Bool
    switch direction {
    case MPFR_RNDZ: outward = false
    case MPFR_RNDA: outward = true
    case MPFR_RNDU: outward = !negative
    case MPFR_RNDD: outward = negative
    default:
      mpfr_mul_2si(above.pointer, x, 1, MPFR_RNDN)
      outward = mpfr_cmpabs(above.pointer, smallestNormal.pointer) > 0
    }
    mpfr_set_d(target, outward ? exp2i(model.emin) : 0, MPFR_RNDN)
    mpfr_setsign(target, target, negative ? 1 : 0, MPFR_RNDN)
  }
}

/// A number in decimal and in MPFR's hexadecimal.
func shown(_ x: MPFRPointer) -> String {
  var exponent: mpfr_exp_t = 0
  guard mpfr_regular_p(x) != 0, let text = mpfr_get_str(nil, &exponent, 16, 0, x, MPFR_RNDN) else {
    return decimalString(x, digits: 5)
  }
  defer { mpfr_free_str(text) }
  return "\(decimalString(x, digits: 30)) (0x.\(String(cString: text))@\(exponent))"
}
