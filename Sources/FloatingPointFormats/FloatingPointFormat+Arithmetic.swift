// Operations on binary64 carriers rounded once into a format: what the plain tier of emulation calls for every product and
// sum of a recipe.

extension FloatingPointFormat {
  /// `value` rounded once into this format, as binary64.
  ///
  /// - Precondition: the format is a subset of binary64.
  public func rounded(
    _ value: ExactValue, _ rounding: Rounding = .nearestEven, counter: RoundingCounter = RoundingCounter()
  ) -> Double {
    double(of: round(value, rounding, counter: counter).encoding)
  }

  /// `value` rounded once into this format, as binary64.
  public func rounded(
    _ value: Double, _ rounding: Rounding = .nearestEven, counter: RoundingCounter = RoundingCounter()
  ) -> Double {
    rounded(ExactValue(value), rounding, counter: counter)
  }

  /// RN(a·b).
  public func product(
    _ a: Double, _ b: Double, _ rounding: Rounding = .nearestEven,
    counter: RoundingCounter = RoundingCounter()
  ) -> Double {
    rounded(.product(a, b), rounding, counter: counter)
  }

  /// RN(a + b).
  public func sum(
    _ a: Double, _ b: Double, _ rounding: Rounding = .nearestEven,
    counter: RoundingCounter = RoundingCounter()
  ) -> Double {
    rounded(.sum(a, b, rounding), rounding, counter: counter)
  }

  /// RN(a·b + c), one rounding.
  public func fusedProductSum(
    _ a: Double, _ b: Double, _ c: Double, _ rounding: Rounding = .nearestEven,
    counter: RoundingCounter = RoundingCounter()
  ) -> Double {
    rounded(.productSum(a, b, c, rounding), rounding, counter: counter)
  }
}
