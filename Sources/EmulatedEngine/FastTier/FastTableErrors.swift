// A recipe's angles and tables for runs of positions, without MPFR at every position. Held to Emulation.tableEntry bit for bit.

import ArbitraryPrecision
import FloatingPointFormats
import ReferenceEngine
import RotaryAttention

/// Errors of angles and of stored cos and sin in blocks of positions, for several sets of rounded stages at once.
///
/// The exact angle θ and its cos and sin come from ``ExactRotation``; a stored angle is θ + δ with δ from an exact difference, and its
/// cos and sin are sums of series in binary64. What is rounded from a number that is only known within a bound passes a rounding test;
/// where that fails the plain tier computes the entry (``TableErrorBlock/fallbacks``). Errors of angles are within 2^−50 of
/// themselves. Errors of cos and sin are within 2^−48 of themselves and 2^−72·f of the exact ones, and within 2^−47·f in a block in
/// which some |δ| exceeds 2^−4.
public final class FastTableErrors: Sendable {
  /// The plain tier that this one is held to.
  public let reference: TableErrorReference
  /// The sets of stages that blocks have.
  public let subsets: [TableStages]

  /// Up to this |δ| the series of few terms serve.
  static let smallDifference = 0x1p-4
  /// Up to this |δ| there are series at all.
  static let differenceLimit = 0x1p20

  let path: KernelPath
  let recipe: Recipe
  let pairs: [Pair]
  let positionChain: ScalarArithmetic?
  let positionPrecision: Int
  /// Up to here no position changes.
  private let exactPositions: Int
  let angleChain: LaneChain?
  let angleScalar: ScalarArithmetic?
  let trigChain: LaneChain?
  let tableChain: LaneChain?
  /// The stored attention factor where the trig stage rounds; nil for 1.
  let storedFactor: Double?
  let tableRepeatsTrig: Bool

  /// What a pair brings.
  struct Pair: Sendable {
    let rotation: ExactRotation
    /// The stored frequency; nil where it stays exact.
    let stored: Double?
    /// The stored frequency minus ω, correctly rounded.
    let difference: Double
    /// ω as numerator/(odd·2^k), where it is such a number of small integers.
    let rational: SmallRational?
  }

  /// A rational frequency: where it divides a position, p·ω is a binary64 number and may be a stored angle exactly.
  struct SmallRational {
    private let numerator: Int
    private let oddDenominator: Int
    private let exponent: Int

    init?(_ value: Rational?) {
      guard let numerator = value?.smallNumerator, let denominator = value?.smallDenominator,
        numerator.magnitude < 1 << 31, denominator < 1 << 31
      else { return nil }
      self.numerator = numerator
      exponent = denominator.trailingZeroBitCount
      oddDenominator = denominator >> exponent
    }

    /// p·ω where it is a binary64 number, else nil.
    func product(_ position: Int) -> Double? {
      guard position.magnitude < 1 << 31, (position * numerator).isMultiple(of: oddDenominator) else {
        return nil
      }
      let quotient = position * numerator / oddDenominator
      guard let number = Double(exactly: quotient) else { return nil }
      return Double(sign: .plus, exponent: -exponent, significand: number)
    }
  }

  /// Prepares a recipe; nil where an angle is not the product of position and stored frequency, where cos and sin are modelled, or
  /// where a chain is not one that the fast tier knows (rounding other than nearest even, formats without
  /// subnormals, with saturation or beyond 50 bits but binary64, chains of more than two formats).
  ///
  /// - Parameter path: which way the kernels go.
  /// - Throws: ``UndecidedRounding``.
  public init?(
    _ reference: TableErrorReference, subsets: [TableStages], threads: Int, path: KernelPath = .ofProcess
  ) throws {
    self.path = path
    self.reference = reference
    self.subsets = subsets
    let recipe = reference.recipe
    self.recipe = recipe
    guard recipe.angle.algorithm == .product, recipe.angle.operands.isExact,
      recipe.inverseFrequency.formula != .timescaleDivision, recipe.trig.ulpModel == nil
    else { return nil }
    let emulation = reference.emulation()
    let rounded = recipe.roundedTableStages
    angleChain = LaneChain(recipe.angle.rounding)
    trigChain = LaneChain(recipe.trig.rounding)
    tableChain = LaneChain(recipe.table)
    positionChain = recipe.position.isExact ? nil : ScalarArithmetic(recipe.position)
    angleScalar = recipe.angle.rounding.isExact ? nil : ScalarArithmetic(recipe.angle.rounding)
    positionPrecision = recipe.position.stored?.precision ?? 53
    exactPositions = emulation.exactPositions
    storedFactor =
      if rounded.contains(.trig), case .number(let factor) = emulation.attentionFactor { factor } else { nil }
    tableRepeatsTrig =
      rounded.contains([.trig, .table]) && recipe.table.formats.count == 1
      && recipe.trig.rounding.stored!.isSubset(of: recipe.table.formats[0])

    let factor = reference.attentionFactor
    let bound = try FloatingPointFormat.fp64.rounded(factor.exactValue())
    for (stage, chain) in [(TableStages.trig, trigChain), (.table, tableChain)] where rounded.contains(stage)
    {
      guard let chain, chain.largest >= 4 * max(1, bound) else { return nil }
    }
    if storedFactor != nil {
      // The product of two trig values has to be exact in binary64, or be binary64's own.
      guard recipe.trig.rounding.formats == [.fp64] || trigChain!.precision <= 26 else { return nil }
    }
    for chain in [recipe.position, recipe.angle.rounding] {
      guard chain.isExact || LaneChain(chain) != nil,
        chain.formats.allSatisfy({ $0.specialValues == .infinityAndNaN && !$0.saturates })
      else { return nil }
    }
    guard emulation.attentionFactor.map({ (try? $0.binary64().isFinite) ?? false }) ?? true else {
      return nil
    }
    let frequencies = reference.frequencies
    pairs = try concurrentMap(count: frequencies.count, threads: threads) { pair in
      var stored: Double?
      var difference = 0.0
      if case .number(let number) = emulation.frequencies[pair] {
        stored = number
        difference =
          number.isFinite
          ? FloatingPointFormat.fp64.rounded(
            try ExactReal.sum([ExactReal(number), -frequencies[pair]]).exactValue()) : .nan
      }
      return Pair(
        rotation: ExactRotation(frequency: frequencies[pair], attentionFactor: factor), stored: stored,
        difference: difference, rational: SmallRational(frequencies[pair].rational))
    }
  }

  /// Evaluates positions of a pair and calls `body` with each block that holds some of them, in ascending order.
  ///
  /// - Parameters:
  ///   - positions: within 0 … 2^53.
  ///   - block: whose buffers are used.
  /// - Throws: ``UndecidedRounding``.
  public func forEachBlock(
    pair: Int, positions: ClosedRange<Int>, in block: TableErrorBlock,
    _ body: (TableErrorBlock) throws -> Void
  ) throws {
    let rotation = pairs[pair].rotation
    let span = TableErrorBlock.span
    var start = positions.lowerBound & ~(span - 1)
    var baseStart = -1
    var base: ExactRotation.Base?
    var scaledBase: ExactRotation.Base?
    while start <= positions.upperBound {
      if start & ~(ExactRotation.span - 1) != baseStart {
        baseStart = start & ~(ExactRotation.span - 1)
        base = rotation.base(at: baseStart, scaled: false)
        scaledBase = rotation.hasFactor ? rotation.base(at: baseStart, scaled: true) : nil
      }
      block.start = start
      block.pair = pair
      block.valid = max(0, positions.lowerBound - start)..<min(span, positions.upperBound - start + 1)
      try evaluate(base!, scaledBase, offset: start - baseStart, block)
      try body(block)
      start += span
    }
  }

  private func evaluate(
    _ base: ExactRotation.Base, _ scaled: ExactRotation.Base?, offset: Int, _ block: TableErrorBlock
  ) throws {
    let rotation = pairs[block.pair].rotation
    rotation.writeAngles(
      base, offset: offset, count: TableErrorBlock.span, to: block.sums(.angle, .angleLow), path: path)
    rotation.writeRotations(
      base, offset: offset, count: TableErrorBlock.span, cosine: block.sums(.cosine, .cosineLow),
      sine: block.sums(.sine, .sineLow), path: path)
    if let scaled {
      rotation.writeRotations(
        scaled, offset: offset, count: TableErrorBlock.span,
        cosine: block.sums(.scaledCosine, .scaledCosineLow), sine: block.sums(.scaledSine, .scaledSineLow),
        path: path)
    }
    block.fallbacks = 0
    block.tableRepeatsTrig = tableRepeatsTrig
    writePositions(block)

    let needed = block.note(subsets)
    for key in 0..<8 as Range<UInt32> {
      let outcomes = Outcomes(needed >> key)
      guard !outcomes.isEmpty else { continue }
      let angles = try writeAngles(TableStages(rawValue: UInt8(key)), block)
      try writeErrors(angles, outcomes, block)
    }
  }

  /// Rounds the positions, and says which stages do anything here.
  private func writePositions(_ block: TableErrorBlock) {
    let pair = pairs[block.pair]
    var active = recipe.roundedTableStages
    if pair.stored != nil, pair.difference == 0 { active.remove(.frequency) }
    block.mayHoldNonFinite = pair.difference.isNaN
    let last = block.start + TableErrorBlock.span - 1
    if let chain = positionChain, last > exactPositions {
      let (rounded, displacement) = (block[.position], block[.displacement])
      var changes = false
      for vector in 0..<TableErrorBlock.vectors {
        for lane in 0..<4 {
          let position = Double(block.start + 4 * vector + lane)
          let value = chain.round(position, StageCounter(.position))
          rounded[vector][lane] = value
          displacement[vector][lane] = value - position
          if value != position { changes = true }
          if !value.isFinite { block.mayHoldNonFinite = true }
        }
      }
      if !changes { active.remove(.position) }
    } else {
      active.remove(.position)
    }
    block.active = active
  }
}
