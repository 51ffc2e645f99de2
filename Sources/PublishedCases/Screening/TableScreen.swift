// The entries of a table and their exact counterparts in binary64 with bounds: fast enough for every position and pair, and sure
// enough to leave only a few entries for exact evaluation.

import ArbitraryPrecision
import CMPFR
import EmulatedEngine
import FloatingPointFormats

/// A number known to within a bound.
struct BoundedNumber: Sendable {
  var value: Double
  var bound: Double
}

/// What of a table is compared with exact arithmetic.
enum TableQuantity: String, Sendable, CaseIterable {
  /// |φ̂ − p·ω|.
  case angle
  /// |φ̂ − p·ω| to the nearest multiple of 2π.
  case wrappedAngle
  /// |stored cosine − cos(p·ω)|.
  case cosine
  /// |stored sine − sin(p·ω)|.
  case sine
  /// |arg(stored cosine + i·stored sine) − p·ω| to the nearest multiple of 2π, rounded to binary64.
  case phase
}

/// Bounded approximations of one table's errors.
struct TableScreen: Sendable {
  let table: CaseTable
  /// ω_i as the unevaluated sum of two binary64 numbers.
  private let exact: [(high: Double, low: Double)]
  /// Stored ω̂_i; nil where they are exact reals that no binary64 number holds.
  private let stored: [(high: Double, low: Double)]
  private let position: ChainRounder?
  private let angle: ChainRounder?
  private let trig: [ChainRounder]

  init(_ table: CaseTable) throws {
    self.table = table
    exact = try table.embedding.frequencies.map(Self.twoParts)
    stored = try table.emulation.frequencies.map { value in
      switch value {
      case .number(let x): (x, 0)
      case .real(let x): try Self.twoParts(x)
      }
    }
    let recipe = table.recipe
    position = recipe.position.isExact ? nil : ChainRounder(recipe.position)
    angle = recipe.angle.rounding.isExact ? nil : ChainRounder(recipe.angle.rounding)
    trig = [recipe.trig.rounding, recipe.table].filter { !$0.isExact }.map(ChainRounder.init)
  }

  private static func twoParts(_ x: ExactReal) throws -> (high: Double, low: Double) {
    let high = FloatingPointFormat.fp64.rounded(try x.exactValue())
    let rest = ExactReal.sum([x, ExactReal(-high)])
    return (high, rest.isZero ? 0 : FloatingPointFormat.fp64.rounded(try rest.exactValue()))
  }

  /// x·(high + low) as the unevaluated sum of two numbers; relative error below 2^−100.
  private static func product(_ x: Double, _ y: (high: Double, low: Double)) -> (high: Double, low: Double) {
    let high = x * y.high
    return (high, (-high).addingProduct(x, y.high) + x * y.low)
  }

  /// p·ω_i.
  private func exactAngle(_ position: Int, _ pair: Int) -> (high: Double, low: Double) {
    Self.product(Double(position), exact[pair])
  }

  /// φ̂ of the table's stages; nil where only the engine can tell (a rounding of an exact real).
  private func storedAngle(_ position: Int, _ pair: Int) throws -> (high: Double, low: Double) {
    let p = self.position?(Double(position)) ?? Double(position)
    guard let angle else { return Self.product(p, stored[pair]) }
    if stored[pair].low == 0 { return (angle.product(p, stored[pair].high), 0) }
    return (try table.emulation.angle(position: position, pair: pair).binary64(), 0)
  }

  /// One quantity at one position and pair, or for the phase a number that grows with it; nil where the stored value is not finite. A bound of infinity says that only exact
  /// evaluation can tell.
  func error(_ quantity: TableQuantity, position: Int, pair: Int) throws -> BoundedNumber? {
    let (stored, exact) = (try storedAngle(position, pair), exactAngle(position, pair))
    guard stored.high.isFinite else { return nil }
    if quantity == .angle || quantity == .wrappedAngle {
      var difference = (stored.high - exact.high) + (stored.low - exact.low)
      var bound =
        stored.low == 0 && exact.low == 0 && difference.magnitude < 0x1p52
          && isIntegral(stored.high, exact.high)
        ? 0 : difference.magnitude * 0x1p-50 + exact.high.magnitude * 0x1p-95
      if quantity == .wrappedAngle {
        difference.formRemainder(dividingBy: 2 * Double.pi)
        bound += 0x1p-40
      }
      return BoundedNumber(value: difference.magnitude, bound: bound)
    }
    let trigonometry = BoundedTrigonometry.shared
    guard let right = trigonometry.cosineAndSine(exact.high, exact.low),
      let found = trigonometry.cosineAndSine(stored.high, stored.low)
    else { return BoundedNumber(value: 0, bound: .infinity) }
    if quantity == .phase {
      let entry = try storedEntry(position: position, pair: pair)
      guard !trig.isEmpty, entry != (0, 0) else { return BoundedNumber(value: 0, bound: .infinity) }
      return StoredPhase.screened(stored: entry, exact: right)
    }
    let truth = quantity == .cosine ? right.cosine : right.sine
    let value = try roundedTrig(
      quantity == .cosine ? found.cosine : found.sine, quantity, position: position, pair: pair)
    return BoundedNumber(
      value: (value - truth).magnitude, bound: (trig.isEmpty ? 2 : 1) * BoundedTrigonometry.bound + 0x1p-50)
  }

  /// Both are integers below 2^52, so that their difference is exact.
  private func isIntegral(_ a: Double, _ b: Double) -> Bool {
    a.magnitude < 0x1p52 && b.magnitude < 0x1p52 && a.rounded() == a && b.rounded() == b
  }

  /// The stored cosine or sine from its approximation: through the chain where both ends of the bound agree, else the engine's.
  private func roundedTrig(
    _ approximation: Double, _ quantity: TableQuantity, position: Int, pair: Int
  ) throws -> Double {
    if trig.isEmpty { return approximation }
    let low = trig.reduce(approximation - BoundedTrigonometry.bound) { $1($0) }
    let high = trig.reduce(approximation + BoundedTrigonometry.bound) { $1($0) }
    if low == high { return low }
    return try storedTrig(quantity, position: position, pair: pair).binary64()
  }

  /// The stored cosine and sine of a position and pair, as numbers.
  func storedEntry(position: Int, pair: Int) throws -> (cosine: Double, sine: Double) {
    let stored = try storedAngle(position, pair)
    guard !trig.isEmpty, stored.high.isFinite,
      let found = BoundedTrigonometry.shared.cosineAndSine(stored.high, stored.low)
    else {
      let entry = try table.emulation.tableEntry(position: position, pair: pair)
      return (try entry.cosine.binary64(), try entry.sine.binary64())
    }
    return (
      try roundedTrig(found.cosine, .cosine, position: position, pair: pair),
      try roundedTrig(found.sine, .sine, position: position, pair: pair)
    )
  }

  private func storedTrig(_ quantity: TableQuantity, position: Int, pair: Int) throws -> StageValue {
    let entry = try table.emulation.tableEntry(position: position, pair: pair)
    return quantity == .cosine ? entry.cosine : entry.sine
  }

  /// The quantity exactly; the stored value is finite.
  func exactError(_ quantity: TableQuantity, position: Int, pair: Int) throws -> ExactReal {
    let exact = table.embedding.exactAngle(position: position, pair: pair)
    if quantity != .phase, try table.angleIsExact(position: position, pair: pair),
      trig.isEmpty || quantity == .angle || quantity == .wrappedAngle
    {
      return ExactReal(Rational(0))
    }
    switch quantity {
    case .angle, .wrappedAngle:
      let stored = try table.emulation.angle(position: position, pair: pair)
      let difference = try ExactReal.sum([stored.exactReal!, -exact]).magnitude()
      return quantity == .angle ? difference : try difference.distanceToTurn()
    case .phase:
      let entry = try table.emulation.tableEntry(position: position, pair: pair)
      guard case .number(let cosine) = entry.cosine, case .number(let sine) = entry.sine,
        (cosine, sine) != (0, 0)
      else {
        throw StepFailure(
          reason: "'phase' needs a stored cosine and sine that are not both zero; round the table")
      }
      return ExactReal(try StoredPhase.rounded(stored: (cosine, sine), exact: exact))
    case .cosine, .sine:
      let stored = try storedTrig(quantity, position: position, pair: pair).exactReal!
      return try ExactReal.sum([stored, -(quantity == .cosine ? exact.cosine : exact.sine)]).magnitude()
    }
  }
}

extension ExactReal {
  /// |a|.
  ///
  /// - Throws: ``UndecidedRounding`` where a cannot be told from zero.
  func magnitude() throws -> ExactReal {
    if isZero { return self }
    return try ExactReal.isLess(self, ExactReal(Rational(0))) ? -self : self
  }

  /// The distance of a ≥ 0 to the nearest multiple of 2π.
  func distanceToTurn() throws -> ExactReal {
    let turn = ExactReal(Rational(2)) * ExactReal.pi
    let turns = try (self * turn.reciprocal).floor()
    let rest = ExactReal.sum([self, -(ExactReal(Rational(turns)) * turn)])
    return try ExactReal.isLess(ExactReal.pi, rest) ? ExactReal.sum([turn, -rest]) : rest
  }
}
