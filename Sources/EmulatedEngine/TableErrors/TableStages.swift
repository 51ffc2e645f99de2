// The five stages that make a rotary table, and recipes in which only some of them round: how an error is laid at a stage's door.

import FloatingPointFormats
import RotaryAttention

/// A set of the stages between the frequency and the stored table.
public struct TableStages: OptionSet, Sendable, Hashable {
  /// A bit a stage, in the order of data.
  public let rawValue: UInt8

  /// For OptionSet.
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// ω_i.
  public static let frequency = TableStages(rawValue: 1)
  /// The position id.
  public static let position = TableStages(rawValue: 2)
  /// p·ω.
  public static let angle = TableStages(rawValue: 4)
  /// cos φ and sin φ, and their product with a rounded attention factor.
  public static let trig = TableStages(rawValue: 8)
  /// The stored cos and sin.
  public static let table = TableStages(rawValue: 16)

  /// The five stages in the order of data, with the names that recipes have for them.
  public static let ordered: [(name: String, stage: TableStages)] = [
    ("frequency", .frequency), ("position", .position), ("angle", .angle), ("trig", .trig), ("table", .table),
  ]

  /// All five.
  public static let all: TableStages = [.frequency, .position, .angle, .trig, .table]

  /// The stages on which the angle depends.
  public static let ofAngle: TableStages = [.frequency, .position, .angle]
}

extension Recipe {
  /// The stages between the frequency and the table that round.
  public var roundedTableStages: TableStages {
    var stages: TableStages = []
    for (stage, chain) in [
      (TableStages.frequency, inverseFrequency.rounding), (.position, position), (.angle, angle.rounding),
      (.trig, trig.rounding), (.table, table),
    ] where !chain.isExact {
      stages.insert(stage)
    }
    if !angle.operands.isExact { stages.insert(.angle) }
    return stages
  }

  /// This recipe with every stage between the frequency and the table exact that is not in `stages`.
  public func rounding(only stages: TableStages) -> Recipe {
    var recipe = self
    if !stages.contains(.frequency) { recipe.inverseFrequency.rounding = .exact }
    if !stages.contains(.position) { recipe.position = .exact }
    if !stages.contains(.angle) {
      recipe.angle.operands = .exact
      recipe.angle.rounding = .exact
    }
    if !stages.contains(.trig) { recipe.trig = Recipe.Trig(rounding: .exact) }
    if !stages.contains(.table) { recipe.table = .exact }
    return recipe
  }
}

extension Emulation {
  /// RN(p) as a number; where the position stays exact, p itself. p lies within ±2^53.
  public func roundedPositionNumber(_ position: Int) -> Double {
    if recipe.position.isExact { return Double(position) }
    return recipe.position.round(
      ExactValue(Double(position)), StageCounter(.position, position, position >> 32))
  }

  /// Up to here rounding to nearest changes no position: each is an integer of at most as many bits as every format has.
  public var exactPositions: Int {
    recipe.position.formats.reduce(TokenPositions.limit) {
      min($0, 1 << min($1.precision, $1.maximumExponent, 53))
    }
  }
}
