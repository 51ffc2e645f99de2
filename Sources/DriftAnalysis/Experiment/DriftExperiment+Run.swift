// The run: for every pair of shifts, head by head, tiles of queries on several threads, merged in the order of tiles. Nothing
// here holds a value for every pair; memory grows with tokens.

import Dispatch
import EmulatedEngine
import FloatingPointFormats
import ReferenceEngine
import RotaryAttention
import TensorIO

extension DriftExperiment {
  /// Queries of a tile. Part of the result's last bits, so it depends on nothing.
  static let tileSize = 32

  /// Measures everything.
  ///
  /// - Parameters:
  ///   - threads: how many tiles are worked on at a time; no byte of the result depends on it.
  ///   - progress: called with the number of pairs that were worked through since the last call.
  /// - Throws: ``TensorFileError``, ``UndecidedRounding``, ``AnalysisError``, ``ExperimentError``.
  public func run(threads: Int, progress: @Sendable (Int) -> Void = { _ in }) throws -> DriftResults {
    try run(threads: threads, measuring: nil, progress: progress).results
  }

  /// The same with what is measured of whole rows, for the first comparison.
  ///
  /// - Returns: the rows of each recipe; none where nothing is measured of them.
  func run(
    threads: Int, measuring: RowMeasurement?, progress: @Sendable (Int) -> Void
  ) throws -> (results: DriftResults, rows: [RowResults]) {
    var passes: [ComparisonPass] = []
    for (index, shifts) in (comparisons + sweep).enumerated() {
      let pass = try ComparisonPass(
        self, shifts: shifts, keepsTables: index < comparisons.count,
        measuring: index == 0 && !comparisons.isEmpty ? measuring : nil, threads: threads)
      try pass.run(progress: progress)
      passes.append(pass)
    }
    let inputRounding = try inputRoundingCounts(threads: threads)
    let recipes = emulations.indices.map { recipe in
      RecipeResults(
        emulation: emulations[recipe], inputRounding: inputRounding[recipe],
        comparisons: passes.prefix(comparisons.count).map { $0.tables[recipe] },
        sweep: passes.dropFirst(comparisons.count).map {
          SweepResults(shifts: $0.shifts, totals: $0.totals[recipe])
        })
    }
    let results = DriftResults(
      experiment: self, recipes: recipes,
      nonFinite: try input.nonFiniteCounts(
        layers: layers, valuesOf: measuring == nil ? [] : layersWithValues),
      referenceCounts: passes[0].referenceCounts)
    return (results, passes[0].rows)
  }
}

extension DriftExperiment {
  /// The chosen layers that have values, ascending.
  var layersWithValues: [Int] {
    get throws { try layers.filter { try input.shape(ofLayer: $0).valueType != nil } }
  }
}

/// All heads at one pair of shifts.
private final class ComparisonPass {
  let shifts: ShiftPair
  private(set) var referenceCounts = ReferenceHead.Counts()
  private(set) var tables: [ComparisonResults] = []
  private(set) var totals: [DriftTotals] = []
  private(set) var rows: [RowResults] = []

  private let experiment: DriftExperiment
  private let keepsTables: Bool
  private let measuring: RowMeasurement?
  private let threads: Int
  private let geometry: PairGeometry
  private let shared: SharedStages
  private var driftCollectors: [DriftCollector]
  private var errorCollectors: [ErrorCollector]
  private var rowCollectors: [RowCollector]
  private var slots: [TileSlot]

  init(
    _ experiment: DriftExperiment, shifts: ShiftPair, keepsTables: Bool, measuring: RowMeasurement?,
    threads: Int
  ) throws {
    self.experiment = experiment
    self.shifts = shifts
    self.keepsTables = keepsTables
    self.measuring = measuring
    self.threads = threads
    geometry = try PairGeometry(experiment)
    let scale = FloatingPointFormat.fp64.rounded(
      try experiment.scale.exact(headSize: experiment.shape.headSize).exactValue())
    shared = try SharedStages(experiment.emulations)
    let geometry = geometry
    driftCollectors = experiment.emulations.map { _ in
      DriftCollector(geometry, lengths: keepsTables ? experiment.lengths : [], scale: scale)
    }
    errorCollectors =
      keepsTables
      ? experiment.emulations.map { ErrorCollector(geometry, ulpFormat: $0.recipe.logitFormat) } : []
    rowCollectors =
      measuring.map { plan in
        experiment.emulations.map { _ in RowCollector(documents: plan.layout.documents.count) }
      } ?? []
    let width = experiment.sequences.reduce(1) { max($0, TileRows.width($1)) }
    slots = (0..<Self.slotCount(experiment, width: width, threads: threads)).map { _ in
      TileSlot(
        geometry, width: width, recipes: experiment.emulations, measuresError: keepsTables,
        measuring: measuring)
    }
  }

  /// Tiles that are worked on or wait to be merged: four a thread, but no more than fit a quarter of a gigabyte (about 600 bytes a token
  /// and recipe and 48 a visible key and query of the tile), and at least two.
  private static func slotCount(_ experiment: DriftExperiment, width: Int, threads: Int) -> Int {
    let bytes =
      experiment.shape.keyTokens * 600 * experiment.emulations.count + 48 * width * DriftExperiment.tileSize
    let wanted = threads > 1 ? 4 * min(threads, 1024) : 1
    return min(wanted, max(2, (1 << 28) / max(bytes, 1)))
  }

  func run(progress: @Sendable (Int) -> Void) throws {
    let references = errorCollectors.isEmpty ? nil : try ExperimentReferences(experiment, threads: threads)
    var tables = SequenceTables(experiment, shifts: shifts, emulations: shared.scores.map(\.emulation))
    for layer in experiment.layers {
      var groups = SequenceCache<KeyGroup>(experiment, tokenLimit: 1 << 14)
      for head in experiment.heads {
        let keyHead = experiment.shape.keyValueHead(ofHead: head)
        groups.begin(keyHead)
        for collector in driftCollectors { collector.beginHead(layer: layer, head: head) }
        for collector in errorCollectors { collector.beginHead(layer: layer, head: head) }
        for index in rowCollectors.indices { rowCollectors[index].beginHead() }
        for (index, sequence) in experiment.sequences.enumerated() {
          let runs = try tables.tables(index, threads: threads)
          let group = try groups.value(index) {
            try keyGroup(layer: layer, head: keyHead, sequence, runs: runs, references: references)
          }
          let heads = try queryHeads(layer: layer, head: head, sequence, keys: group, runs: runs)
          try measure(
            heads, layer: layer, head: head, sequence, references: references, progress: progress)
        }
        for collector in driftCollectors { collector.finishHead() }
        for collector in errorCollectors { collector.finishHead() }
        for index in rowCollectors.indices { rowCollectors[index].finishHead(layer: layer) }
      }
    }
    finish()
  }

  /// The keys of one key head in one sequence, for every score group at both shifts.
  private struct KeyGroup {
    var keys: [[EmulatedKeys]]
    var references: [ReferenceHead]
    var values: SequenceValues?
  }

  private func keyGroup(
    layer: Int, head: Int, _ sequence: PackedSequence, runs: [[RotaryTable]],
    references: ExperimentReferences?
  ) throws -> KeyGroup {
    let stored = try experiment.input.read(.key, layer: layer, head: head, tokens: sequence.runs)
    let inputs = try inputMatrices(
      stored, side: .key, layer: layer, head: head, firstToken: sequence.tokenOfFirstKey)
    let scores = shared.scores
    let keys = try concurrentMap(count: scores.count * runs.count, threads: threads) { index in
      let (score, run) = index.quotientAndRemainder(dividingBy: runs.count)
      return try EmulatedKeys(
        inputs[scores[score].input], emulation: scores[score].emulation, table: runs[run][score],
        layer: layer, head: head)
    }
    return KeyGroup(
      keys: scores.indices.map { Array(keys[$0 * runs.count..<($0 + 1) * runs.count]) },
      references: references?.heads(keys: stored, tokens: sequence.keyTokens) ?? [],
      values: try measuring.flatMap {
        guard $0.layersWithValues.contains(layer) else { return nil }
        return try SequenceValues(
          experiment, $0, layer: layer, head: head, sequence: sequence, threads: threads)
      })
  }

  /// The stored vectors after each input stage.
  private func inputMatrices(
    _ stored: [Double], side: VectorPlace.Side, layer: Int, head: Int, firstToken: Int
  ) throws -> [InputMatrix] {
    let emulations = shared.inputs
    return try concurrentMap(count: emulations.count, threads: threads) {
      InputMatrix(
        stored, emulation: emulations[$0], side: side, layer: layer, head: head, firstToken: firstToken)
    }
  }

  private func queryHeads(
    layer: Int, head: Int, _ sequence: PackedSequence, keys: KeyGroup, runs: [[RotaryTable]]
  ) throws -> HeadRuns {
    let queries = experiment.queries(of: sequence)
    let stored = try experiment.input.read(.query, layer: layer, head: head, tokens: queries)
    let inputs = try inputMatrices(
      stored, side: .query, layer: layer, head: head, firstToken: queries.lowerBound)
    let scores = shared.scores
    let firstRow = sequence.key(ofQueryToken: sequence.queries.lowerBound)
    let groupKeys = keys.keys
    let heads = try concurrentMap(count: scores.count * runs.count, threads: threads) { index in
      let (score, run) = index.quotientAndRemainder(dividingBy: runs.count)
      return try EmulatedHead(
        inputs[scores[score].input], keys: groupKeys[score][run], emulation: scores[score].emulation,
        table: runs[run][score], firstRow: firstRow, layer: layer, head: head)
    }
    return HeadRuns(
      firstQuery: queries.lowerBound, stored: stored,
      runs: scores.indices.map { Array(heads[$0 * runs.count..<($0 + 1) * runs.count]) },
      references: keys.references, values: keys.values)
  }

  private func measure(
    _ heads: HeadRuns, layer: Int, head: Int, _ sequence: PackedSequence, references: ExperimentReferences?,
    progress: @Sendable (Int) -> Void
  ) throws {
    let tiles = geometry.tiles(
      ofAtMost: DriftExperiment.tileSize, lengths: keepsTables ? experiment.lengths : [],
      within: experiment.queries(of: sequence))
    let work = TileWork(
      experiment: experiment, shared: shared, layer: layer, head: head, sequence: sequence, heads: heads,
      referenceOfRecipe: references?.indexOfRecipe ?? [], measuring: measuring)
    nonisolated(unsafe) let slots = slots
    try concurrentMerge(count: tiles.count, threads: threads, window: slots.count) { index in
      try slots[index % slots.count].process(tiles[index], work)
    } merge: { index, outcome in
      let slot = slots[index % slots.count]
      for recipe in driftCollectors.indices {
        driftCollectors[recipe].append(slot.drift[recipe])
        if !errorCollectors.isEmpty { errorCollectors[recipe].append(slot.error[recipe]) }
        if !rowCollectors.isEmpty { rowCollectors[recipe].append(slot.rows[recipe]) }
      }
      referenceCounts += outcome
      progress(experiment.visiblePairs(of: tiles[index], in: sequence))
    }
  }

  /// Keeps the results and lets go of the accumulators.
  private func finish() {
    totals = driftCollectors.map(\.totals)
    tables = zip(driftCollectors, errorCollectors).map { drift, error in
      ComparisonResults(
        shifts: shifts, totals: drift.totals, layers: drift.layers, heads: drift.heads,
        lengths: drift.lengthTotals, keys: drift.totalTables.keyRows,
        distances: drift.totalTables.distanceRows,
        error: ErrorResults(
          shift: shifts.first, logit: error.totals(in: .logit), probability: error.totals(in: .probability),
          layers: error.layers, heads: error.heads, keys: error.totalTables.keyRows,
          distances: error.totalTables.distanceRows))
    }
    rows = rowCollectors.map(\.results)
    (driftCollectors, errorCollectors, rowCollectors, slots) = ([], [], [], [])
  }
}
