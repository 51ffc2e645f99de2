// The cos and sin tables of recipes for a list of positions. Recipes that agree up to the trig stage share that work.

import ArbitraryPrecision
import FloatingPointFormats
import ReferenceEngine
import RotaryAttention

/// What a recipe's rotation reads for consecutive positions, one row a position.
public final class RotaryTable: Sendable {
  enum Storage: Sendable {
    /// (positions, pairs): stored cosines and sines.
    case numbers(cosine: [Double], sine: [Double])
    /// (positions)(pairs): entries of which some are exact reals.
    case values([[TableEntry]])
    /// Nothing is rounded from trig to dot: cos and sin for the certified tier.
    case exact(ExactAngles, ReferenceTrigonometry)
  }

  /// The positions of the first rows, one after the other.
  public let positions: TokenPositions
  /// Positions of further rows.
  private let others: [Int]
  let storage: Storage

  init(positions: TokenPositions, others: [Int] = [], storage: Storage) {
    self.positions = positions
    self.others = others
    self.storage = storage
  }

  /// The position of a row.
  func position(ofRow row: Int) -> Int {
    row < positions.tokens ? positions.position(ofToken: row) : others[row - positions.tokens]
  }

  /// The table of a recipe of which nothing is rounded from trig to dot; nil for any other. Keys and queries of such a recipe share
  /// one table: the keys' rows first, then those of `others`.
  ///
  /// - Throws: ``UndecidedRounding``, ``ProblemError``.
  public static func exact(
    for emulation: Emulation, positions: TokenPositions, others: [Int] = [], threads: Int
  ) throws -> RotaryTable? {
    let all = (0..<positions.tokens).map(positions.position) + others
    guard emulation.recipe.isExactFromTrigToDot, let angles = try emulation.exactAngles(positions: all) else {
      return nil
    }
    let trigonometry = ReferenceTrigonometry(
      angles: angles, attentionFactor: try emulation.embedding.exactAttentionFactor(), positions: all,
      threads: threads)
    return RotaryTable(positions: positions, others: others, storage: .exact(angles, trigonometry))
  }

  /// What decides the trig stage's results.
  private struct TrigonometryKey: Hashable {
    let embedding: RotaryEmbedding
    let inverseFrequency: Recipe.InverseFrequency
    let position: RoundingChain
    let angle: Recipe.Angle
    let trig: Recipe.Trig

    init(_ emulation: Emulation) {
      embedding = emulation.embedding
      inverseFrequency = emulation.recipe.inverseFrequency
      position = emulation.recipe.position
      angle = emulation.recipe.angle
      trig = emulation.recipe.trig
    }
  }

  /// The tables of several recipes at the same positions, in the order of the recipes.
  ///
  /// - Throws: ``UndecidedRounding``.
  public static func tables(
    for emulations: [Emulation], positions: TokenPositions, threads: Int
  ) throws -> [RotaryTable] {
    var shared: [TrigonometryKey: (cosine: [Double], sine: [Double])] = [:]
    return try emulations.enumerated().map { index, emulation in
      if let table = try exact(for: emulation, positions: positions, threads: threads) { return table }
      guard !emulation.recipe.trig.rounding.isExact else {
        return RotaryTable(
          positions: positions,
          storage: .values(
            try rows(positions, threads: threads) { position in
              try (0..<emulation.embedding.pairCount).map {
                try emulation.tableEntry(position: position, pair: $0)
              }
            }))
      }
      let key = TrigonometryKey(emulation)
      var trigonometry =
        try shared.removeValue(forKey: key) ?? numbers(emulation, positions, threads: threads)
      // Kept only for recipes that will ask: numbers that nobody else holds are rounded where they stand.
      if emulations[(index + 1)...].contains(where: { TrigonometryKey($0) == key }) {
        shared[key] = trigonometry
      }
      return RotaryTable(
        positions: positions, storage: emulation.rounded(&trigonometry, positions: positions))
    }
  }

  private static func numbers(
    _ emulation: Emulation, _ positions: TokenPositions, threads: Int
  ) throws -> (cosine: [Double], sine: [Double]) {
    if let kernel = try RowTrigonometry(emulation) {
      return try kernel.table(positions, threads: threads)
    }
    let entries = try rows(positions, threads: threads) { position in
      try (0..<emulation.embedding.pairCount).map { pair in
        let (_, cosine, sine) = try emulation.trigonometry(position: position, pair: pair)
        return (try cosine.binary64(), try sine.binary64())
      }
    }
    return (entries.flatMap { $0.map(\.0) }, entries.flatMap { $0.map(\.1) })
  }

  /// `row` for every position, on several threads, in the order of positions.
  private static func rows<Row: Sendable>(
    _ positions: TokenPositions, threads: Int, _ row: @Sendable (Int) throws -> Row
  ) throws -> [Row] {
    try concurrentMap(count: positions.tokens, threads: threads) { try row(positions.position(ofToken: $0)) }
  }
}

extension Emulation {
  /// The table stage on stored trig values; the fast twin of the plain tier's `stored`.
  fileprivate func rounded(
    _ trigonometry: inout (cosine: [Double], sine: [Double]), positions: TokenPositions
  ) -> RotaryTable.Storage {
    let trig = ScalarArithmetic(recipe.trig.rounding)
    let table = recipe.table.isExact ? nil : ScalarArithmetic(recipe.table)
    let factor: Double? = if case .number(let value) = attentionFactor { value } else { nil }
    if factor == nil, recipe.table.keeps(recipe.trig.rounding.stored) {
      return .numbers(cosine: trigonometry.cosine, sine: trigonometry.sine)
    }
    if factor == nil, recipe.table.rounding.isDeterministic, let rounding = ArrayRoundingChain(recipe.table) {
      trigonometry.cosine.withUnsafeMutableBufferPointer { rounding.round($0, StageCounter(.cosineTable)) }
      trigonometry.sine.withUnsafeMutableBufferPointer { rounding.round($0, StageCounter(.sineTable)) }
      return .numbers(cosine: trigonometry.cosine, sine: trigonometry.sine)
    }
    let pairs = embedding.pairCount
    func round(_ values: [Double], _ stage: StageCounter.Stage) -> [Double] {
      values.enumerated().map { index, value in
        let position = positions.position(ofToken: index / pairs)
        let counter = StageCounter(stage, position, position >> 32, index % pairs)
        let scaled = factor.map { trig.product(value, $0, counter, step: 1) } ?? value
        return table?.round(scaled, counter) ?? scaled
      }
    }
    return .numbers(
      cosine: round(trigonometry.cosine, .cosineTable), sine: round(trigonometry.sine, .sineTable))
  }
}

extension RoundingChain {
  /// Whether every number of a format passes through unchanged: all formats hold it, or there are none.
  func keeps(_ stored: FloatingPointFormat?) -> Bool {
    guard let stored else { return isExact }
    return formats.allSatisfy { stored.isSubset(of: $0) }
  }
}
