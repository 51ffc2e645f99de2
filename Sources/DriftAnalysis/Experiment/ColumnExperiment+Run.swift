// The run over columns: queries in chunks on several threads, each with tables and rotated vectors of its own, merged in order.

import EmulatedEngine
import FloatingPointFormats
import ReferenceEngine
import RotaryAttention

extension ColumnExperiment {
  /// Measures everything.
  ///
  /// - Parameters:
  ///   - threads: how many chunks are worked on at a time; no byte of the result depends on it.
  ///   - progress: called with the number of pairs that were worked through since the last call.
  /// - Throws: ``TensorFileError``, ``UndecidedRounding``.
  public func run(threads: Int, progress: @Sendable (Int) -> Void = { _ in }) throws -> ColumnResults {
    let scale = FloatingPointFormat.fp64.rounded(
      try experiment.scale.exact(headSize: experiment.shape.headSize).exactValue())
    let shared = try SharedStages(experiment.emulations)
    let references = measuresError ? try ReferenceColumns(self, threads: threads) : nil
    var counts = ReferenceHead.Counts()
    var recipes = [[ColumnComparison]](repeating: [], count: experiment.emulations.count)
    for (index, shifts) in experiment.comparisons.enumerated() {
      let pass = try ColumnPass(self, shifts: shifts, shared: shared, references: references)
      var heads = pass.empty
      let queries = experiment.shape.queryTokens
      let chunks = (queries + chunkSize - 1) / chunkSize
      let wave = max(1, 2 * min(threads, 1024))
      for first in stride(from: 0, to: chunks, by: wave) {
        let results = try concurrentMap(count: min(wave, chunks - first), threads: threads) { offset in
          let start = (first + offset) * chunkSize
          return try pass.chunk(start..<min(start + chunkSize, queries))
        }
        for result in results {
          pass.merge(result, into: &heads)
          if index == 0 { counts += result.counts }
          progress(result.pairs)
        }
      }
      for recipe in recipes.indices {
        recipes[recipe].append(ColumnComparison(shifts: shifts, heads: heads[recipe], scale: scale))
      }
    }
    return ColumnResults(experiment: self, recipes: recipes, referenceCounts: counts)
  }
}

/// What one chunk of queries gives: for every tile, recipe and head the figures of the keys.
private struct ColumnChunk: Sendable {
  /// (tiles)(recipes)(heads)(keys).
  var tiles: [[[[ColumnFigures]]]]
  var pairs: Int
  var counts: ReferenceHead.Counts
}

/// All heads at one pair of shifts.
private struct ColumnPass: Sendable {
  let columns: ColumnExperiment
  let shifts: ShiftPair
  let shared: SharedStages
  let references: ReferenceColumns?
  /// Layers and heads in ascending order.
  let places: [(layer: Int, head: Int)]
  // (layers and key heads)(score groups)(2)(ranges of keys).
  private let keys: [KeyPlace: [[[EmulatedKeys]]]]

  private struct KeyPlace: Hashable {
    let layer: Int
    let head: Int
  }

  init(
    _ columns: ColumnExperiment, shifts: ShiftPair, shared: SharedStages, references: ReferenceColumns?
  ) throws {
    self.columns = columns
    self.shifts = shifts
    self.shared = shared
    self.references = references
    let experiment = columns.experiment
    places = experiment.layers.flatMap { layer in experiment.heads.map { (layer, $0) } }
    // One table a range of keys, shift and score group, shared by all heads.
    let emulations = shared.scores.map(\.emulation)
    let ranges = columns.keyRanges
    let tables = try [shifts.first, shifts.second].map { shift in
      try ranges.map { range in
        try RotaryTable.tables(
          for: emulations,
          positions: TokenPositions(tokens: range.count, shift: shift + range.lowerBound), threads: 1)
      }
    }
    var keys: [KeyPlace: [[[EmulatedKeys]]]] = [:]
    for (layer, head) in places {
      let place = KeyPlace(layer: layer, head: experiment.shape.keyValueHead(ofHead: head))
      guard keys[place] == nil else { continue }
      let inputs = try ranges.map { range in
        let stored = try experiment.input.read(.key, layer: layer, head: place.head, tokens: range)
        return shared.inputs.map {
          InputMatrix(
            stored, emulation: $0, side: .key, layer: layer, head: place.head, firstToken: range.lowerBound)
        }
      }
      keys[place] = try shared.scores.enumerated().map { score, group in
        try tables.map { tables in
          try ranges.indices.map { range in
            try EmulatedKeys(
              inputs[range][group.input], emulation: group.emulation, table: tables[range][score],
              layer: layer, head: place.head)
          }
        }
      }
    }
    self.keys = keys
  }

  /// No figures yet: (recipes)(heads).
  var empty: [[HeadColumns]] {
    columns.experiment.emulations.map { _ in
      places.map { HeadColumns(layer: $0.layer, head: $0.head, columns: emptyFigures) }
    }
  }

  private var emptyFigures: [ColumnFigures] {
    columns.keys.map { ColumnFigures(key: $0, error: columns.measuresError ? DifferenceSums() : nil) }
  }

  /// Merges tiles in their order.
  func merge(_ chunk: ColumnChunk, into heads: inout [[HeadColumns]]) {
    for tile in chunk.tiles {
      for recipe in heads.indices {
        for place in places.indices {
          for key in columns.keys.indices {
            heads[recipe][place].columns[key].merge(tile[recipe][place][key])
          }
        }
      }
    }
  }

  /// The figures of a chunk of queries.
  func chunk(_ queries: Range<Int>) throws -> ColumnChunk {
    let tileSize = DriftExperiment.tileSize
    let recipes = columns.experiment.emulations.count
    let tile = [[[ColumnFigures]]](
      repeating: [[ColumnFigures]](repeating: emptyFigures, count: places.count), count: recipes)
    var result = ColumnChunk(
      tiles: Array(repeating: tile, count: (queries.count + tileSize - 1) / tileSize), pairs: 0,
      counts: ReferenceHead.Counts())
    let tables = try self.tables(queries)
    for (index, place) in places.enumerated() {
      let stored = try columns.experiment.input.read(
        .query, layer: place.layer, head: place.head, tokens: queries)
      let exact = try references?.logits(
        queries, stored: stored, layer: place.layer,
        keyHead: columns.experiment.shape.keyValueHead(ofHead: place.head), counts: &result.counts)
      try measure(stored, queries, place: index, tables, exact: exact, into: &result)
    }
    return result
  }

  /// The tables of a chunk for both shifts, and the row of the first query in each.
  private struct Tables {
    let tables: [[RotaryTable]]
    let firstRows: [Int]
  }

  /// One table for both shifts where they are near each other, else one for each.
  private func tables(_ queries: Range<Int>) throws -> Tables {
    let emulations = shared.scores.map(\.emulation)
    let first = columns.experiment.shape.token(ofQuery: queries.lowerBound)
    let distance = max(shifts.first, shifts.second) - min(shifts.first, shifts.second)
    func tables(_ shift: Int, _ count: Int) throws -> [RotaryTable] {
      try RotaryTable.tables(
        for: emulations, positions: TokenPositions(tokens: count, shift: shift + first), threads: 1)
    }
    if distance <= queries.count {
      let lower = min(shifts.first, shifts.second)
      let common = try tables(lower, queries.count + distance)
      return Tables(
        tables: [common, common], firstRows: [shifts.first - lower, shifts.second - lower])
    }
    return Tables(
      tables: [try tables(shifts.first, queries.count), try tables(shifts.second, queries.count)],
      firstRows: [0, 0])
  }

  private func measure(
    _ stored: [Double], _ queries: Range<Int>, place index: Int, _ tables: Tables, exact: [[Double]]?,
    into result: inout ColumnChunk
  ) throws {
    let experiment = columns.experiment
    let (layer, head) = places[index]
    let keyPlace = KeyPlace(layer: layer, head: experiment.shape.keyValueHead(ofHead: head))
    let inputs = shared.inputs.map {
      InputMatrix(
        stored, emulation: $0, side: .query, layer: layer, head: head, firstToken: queries.lowerBound)
    }
    for (score, group) in shared.scores.enumerated() {
      // (2)(ranges): the scores of all queries of the chunk, row by row.
      let scores = try (0..<2).map { run in
        try columns.keyRanges.indices.map { range in
          let keyRange = columns.keyRanges[range]
          let heads =
            try certifiedHead(
              inputs[group.input], group, queries, keyRange, shift: run == 0 ? shifts.first : shifts.second,
              layer: layer, head: head)
            ?? EmulatedHead(
              inputs[group.input], keys: keys[keyPlace]![score][run][range], emulation: group.emulation,
              table: tables.tables[run][score], firstRow: tables.firstRows[run], layer: layer, head: head)
          return try rows(of: heads, queries, keyRange)
        }
      }
      for logitGroup in group.logits {
        var logits = scores
        if group.givesAccumulators {
          for run in 0..<2 {
            for (range, keys) in columns.keyRanges.enumerated() {
              try scale(&logits[run][range], logitGroup.stages, queries, keys, layer: layer, head: head)
            }
          }
        }
        for recipe in logitGroup.recipes {
          add(logits, exact: exact, queries, recipe: recipe, place: index, to: &result)
        }
      }
    }
  }

  /// The head of a recipe that is exact from trig to dot, whose keys and queries share a table; nil for any other.
  private func certifiedHead(
    _ input: InputMatrix, _ group: SharedStages.ScoreGroup, _ queries: Range<Int>, _ keys: Range<Int>,
    shift: Int, layer: Int, head: Int
  ) throws -> EmulatedHead? {
    let experiment = columns.experiment
    let table = try RotaryTable.exact(
      for: group.emulation,
      positions: TokenPositions(tokens: keys.count, shift: shift + keys.lowerBound),
      others: queries.map { shift + experiment.shape.token(ofQuery: $0) }, threads: 1)
    guard let table else { return nil }
    let keyHead = experiment.shape.keyValueHead(ofHead: head)
    let stored = try experiment.input.read(.key, layer: layer, head: keyHead, tokens: keys)
    let keyInput = InputMatrix(
      stored, emulation: group.emulation, side: .key, layer: layer, head: keyHead,
      firstToken: keys.lowerBound)
    return try EmulatedHead(
      input,
      keys: EmulatedKeys(
        keyInput, emulation: group.emulation, table: table, layer: layer, head: keyHead),
      emulation: group.emulation, table: table, firstRow: keys.count, layer: layer, head: head)
  }

  private func rows(of head: EmulatedHead, _ queries: Range<Int>, _ keys: Range<Int>) throws -> [Double] {
    try [Double](unsafeUninitializedCapacity: queries.count * keys.count) { buffer, count in
      try head.logits(
        queries: 0..<queries.count, keys: 0..<keys.count, into: buffer, stride: keys.count)
      count = queries.count * keys.count
    }
  }

  private func scale(
    _ rows: inout [Double], _ stages: RowStages, _ queries: Range<Int>, _ keys: Range<Int>, layer: Int,
    head: Int
  ) throws {
    try rows.withUnsafeMutableBufferPointer { rows in
      for (row, query) in queries.enumerated() {
        try stages.scale(
          UnsafeMutableBufferPointer(rebasing: rows[row * keys.count..<(row + 1) * keys.count]), query: query,
          keys: keys, layer: layer, head: head)
      }
    }
  }

  /// Adds a recipe's differences to its tiles.
  private func add(
    _ logits: [[[Double]]], exact: [[Double]]?, _ queries: Range<Int>, recipe: Int, place index: Int,
    to result: inout ColumnChunk
  ) {
    let experiment = columns.experiment
    let (layer, head) = places[index]
    let firstExact = exact.map { _ in references!.indexOfRecipe[recipe] * columns.keyRanges.count } ?? 0
    var column = 0
    for (range, keys) in columns.keyRanges.enumerated() {
      let (first, second) = (logits[0][range], logits[1][range])
      let reference = exact.map { $0[firstExact + range] }
      for (offset, key) in keys.enumerated() {
        for tile in result.tiles.indices {
          let rows =
            tile * DriftExperiment.tileSize..<min((tile + 1) * DriftExperiment.tileSize, queries.count)
          var figures = result.tiles[tile][recipe][index][column]
          for row in rows {
            let query = queries.lowerBound + row
            guard experiment.measures(query: query),
              experiment.mask.visibleKeys(ofQuery: query, in: experiment.shape).contains(key)
            else { continue }
            let place = PairPlace(layer: layer, head: head, query: query, key: key)
            let at = row * keys.count + offset
            figures.drift.add(first[at] - second[at], at: place)
            if let reference { figures.error!.add(first[at] - reference[at], at: place) }
          }
          if recipe == 0 { result.pairs += figures.drift.count }
          result.tiles[tile][recipe][index][column] = figures
        }
        column += 1
      }
    }
  }
}
