// The run: recipe by recipe, head by head, tiles of queries on several threads, merged in the order of tiles. Nothing here holds a value
// for every pair.

import EmulatedEngine
import FloatingPointFormats
import RotaryAttention
import TensorIO

extension PropagatedExperiment {
  /// Measures everything.
  ///
  /// - Parameters:
  ///   - threads: how many tiles are worked on at a time; no byte of the result depends on it.
  ///   - progress: called with the number of pairs that were worked through since the last call.
  ///   - layer: called with the key rows of every recipe, layer and mode, in this order.
  /// - Throws: ``TensorFileError``, ``UndecidedRounding``, ``AnalysisError``, and what `layer` throws.
  public func run(
    threads: Int, progress: @Sendable (Int) -> Void = { _ in },
    layer: (PropagatedLayerKeys) throws -> Void = { _ in }
  ) throws -> PropagatedResults {
    let geometry = try PairGeometry(
      causalQueryPositions: (0..<isolated.shape.queryTokens).map(isolated.shape.token(ofQuery:)),
      keyPositions: Array(0..<isolated.shape.keyTokens))
    var recipes = try isolated.emulations.map { emulation in
      let rows = try EmulatedRunRows(self, emulation, threads: threads)
      let pass = try PropagatedPass(
        self, geometry, name: emulation.recipe.name, modes: modes, lengths: isolated.lengths,
        threads: threads)
      let bound = ShareBound(
        probabilitiesAreRounded: !emulation.recipe.probability.isExact || emulation.recipe.softmax != nil)
      return try pass.run(rows, bound: bound, progress: progress, layer: layer)
    }
    if let stored {
      let pass = try PropagatedPass(
        self, geometry, name: PropagatedRecipe.storedName, modes: stored.modes, lengths: [], threads: threads)
      recipes.append(
        try pass.run(
          StoredRunRows(stored, shape: isolated.shape), bound: .none, progress: { _ in }, layer: layer))
    }
    let captures = [first, second] + (null.map { [$0] } ?? [])
    return PropagatedResults(
      experiment: self, recipes: recipes, identities: try captures.map { try $0.input.identity() })
  }
}

/// All layers and heads of one recipe.
private final class PropagatedPass {
  private let experiment: PropagatedExperiment
  private let geometry: PairGeometry
  private let name: String
  private let modes: [PropagatedMode]
  private let lengths: [Int]
  private let threads: Int
  private let collectors: [DriftCollector]
  private let slots: [PropagatedSlot]
  private var flips: [TopKeyFlips]
  private var layerFlips: [[TopKeyFlips]]
  private var headFlips: [[TopKeyFlips]]

  init(
    _ experiment: PropagatedExperiment, _ geometry: PairGeometry, name: String, modes: [PropagatedMode],
    lengths: [Int], threads: Int
  ) throws {
    (self.experiment, self.geometry, self.name) = (experiment, geometry, name)
    (self.modes, self.lengths, self.threads) = (modes, lengths, threads)
    let isolated = experiment.isolated
    let scale = FloatingPointFormat.fp64.rounded(
      try isolated.scale.exact(headSize: isolated.shape.headSize).exactValue())
    collectors = modes.map { _ in DriftCollector(geometry, lengths: lengths, scale: scale) }
    // As in DriftExperiment+Run: at most a quarter of a gigabyte of slots, and at least two where there are threads.
    let bytes =
      geometry.keyTokens * (600 * modes.count + 16 * DriftExperiment.tileSize * PropagatedMode.allCases.count)
    let wanted = threads > 1 ? 4 * min(threads, 1024) : 1
    let count = min(wanted, max(2, (1 << 28) / max(bytes, 1)))
    slots = (0..<count).map { _ in PropagatedSlot(geometry, modes: modes) }
    flips = modes.map { _ in TopKeyFlips() }
    layerFlips = modes.map { _ in [] }
    headFlips = modes.map { _ in [] }
  }

  func run(
    _ rows: any RunRows, bound: ShareBound, progress: @Sendable (Int) -> Void,
    layer sink: (PropagatedLayerKeys) throws -> Void
  ) throws -> PropagatedRecipe {
    let isolated = experiment.isolated
    for layer in isolated.layers {
      for mode in modes.indices { layerFlips[mode].append(TopKeyFlips()) }
      for head in isolated.heads {
        let headRows = try rows.head(layer: layer, head: head, threads: threads)
        try measure(headRows, layer: layer, head: head, progress: progress)
      }
      for (mode, collector) in zip(modes, collectors) {
        try sink(
          PropagatedLayerKeys(
            recipe: name, mode: mode, layer: layer, heads: isolated.heads.count,
            dWeighted: collector.layers.last?.totals.dWeighted, keys: collector.layerTables.keyRows))
      }
    }
    let found = modes.indices.map { mode in
      let collector = collectors[mode]
      return ModeDrift(
        mode: modes[mode], totals: collector.totals, layers: collector.layers, heads: collector.heads,
        lengths: collector.lengthTotals, keys: collector.totalTables.keyRows,
        distances: collector.totalTables.distanceRows, flips: flips[mode], layerFlips: layerFlips[mode],
        headFlips: headFlips[mode])
    }
    return PropagatedRecipe(name: name, shareBound: bound, modes: found)
  }

  private func measure(
    _ rows: any HeadRows, layer: Int, head: Int, progress: @Sendable (Int) -> Void
  ) throws {
    for collector in collectors { collector.beginHead(layer: layer, head: head) }
    for mode in modes.indices { headFlips[mode].append(TopKeyFlips()) }
    let tiles = geometry.tiles(ofAtMost: DriftExperiment.tileSize, lengths: lengths)
    let shape = experiment.isolated.shape
    nonisolated(unsafe) let slots = slots
    try concurrentMerge(count: tiles.count, threads: threads, window: slots.count) { index in
      try slots[index % slots.count].process(tiles[index], rows, layer: layer, head: head)
    } merge: { index, _ in
      let slot = slots[index % slots.count]
      for mode in modes.indices {
        collectors[mode].append(slot.drift[mode])
        headFlips[mode][headFlips[mode].count - 1].merge(slot.flips[mode])
      }
      progress(
        tiles[index].reduce(0) { $0 + shape.token(ofQuery: $1) + 1 } * experiment.rowSources.count)
    }
    for (mode, collector) in collectors.enumerated() {
      collector.finishHead()
      let head = headFlips[mode][headFlips[mode].count - 1]
      flips[mode].merge(head)
      layerFlips[mode][layerFlips[mode].count - 1].merge(head)
    }
  }
}
