// One chunk of queries of a run over columns: its tables, and the logits of the keys under every recipe.

import EmulatedEngine
import RotaryAttention

/// What a chunk is worked on with.
struct ColumnWork {
  private let pass: ColumnPass
  private let queries: Range<Int>
  // (2)(score groups).
  private let tables: [[RotaryTable]]
  private let panels: [[TablePanels?]]
  // The row of the first query in the tables of each run.
  private let firstRows: [Int]
  // For each query the keys that are measured; none of a query that is not.
  private let visible: [Range<Int>]

  /// One table for both shifts where they are near each other, else one for each.
  init(_ pass: ColumnPass, _ queries: Range<Int>) throws {
    self.pass = pass
    self.queries = queries
    let experiment = pass.columns.experiment
    let emulations = pass.shared.scores.map(\.emulation)
    let shifts = [pass.shifts.first, pass.shifts.second]
    let first = experiment.shape.token(ofQuery: queries.lowerBound)
    func tables(_ shift: Int, _ count: Int) throws -> [RotaryTable] {
      try RotaryTable.tables(
        for: emulations, positions: TokenPositions(tokens: count, shift: shift + first), threads: 1)
    }
    let (lower, upper) = (min(shifts[0], shifts[1]), max(shifts[0], shifts[1]))
    if upper - lower <= queries.count {
      let common = try tables(lower, queries.count + upper - lower)
      self.tables = [common, common]
      firstRows = shifts.map { $0 - lower }
    } else {
      self.tables = try shifts.map { try tables($0, queries.count) }
      firstRows = [0, 0]
    }
    let place = pass.places[0]
    let keys = pass.keys(layer: place.layer, head: place.head)
    panels = zip(self.tables, firstRows).enumerated().map { run, rows in
      rows.0.enumerated().map { score, table in
        guard keys[score][run].columns?.readsPanels == true else { return nil }
        return TablePanels(table, rows: rows.1..<rows.1 + queries.count, emulation: emulations[score])
      }
    }
    visible = queries.map { query in
      guard experiment.measures(query: query) else { return 0..<0 }
      return experiment.shape.causalKeys(ofQuery: query)
    }
  }

  /// Adds one head's figures: every recipe's logits at both shifts and, where they are given, the exact ones.
  func measure(place index: Int, exact: [[Double]]?, into result: inout ColumnChunk) throws {
    let experiment = pass.columns.experiment
    let (layer, head) = pass.places[index]
    let format = try experiment.input.shape(ofLayer: layer).queryType.format!
    let rows = try experiment.input.readBinary32(.query, layer: layer, head: head, tokens: queries)
    let inputs = pass.shared.inputs.map { emulation in
      ColumnQueries(
        emulation, count: queries.count, format: format, rows: rows,
        stored: { try experiment.input.read(.query, layer: layer, head: head, tokens: queries) },
        layer: layer, head: head, firstQuery: queries.lowerBound)
    }
    for (score, group) in pass.shared.scores.enumerated() {
      let scores = try (0..<2).map {
        try logits(score, run: $0, inputs[group.input], layer: layer, head: head)
      }
      for logitGroup in group.logits {
        var logits = scores
        if group.givesAccumulators {
          for run in 0..<2 { try scale(&logits[run], logitGroup.stages, layer: layer, head: head) }
        }
        for recipe in logitGroup.recipes {
          add(logits, exact: exact, recipe: recipe, place: index, to: &result)
        }
      }
    }
  }

  /// The scores of all keys against all queries of the chunk, (keys, queries).
  private func logits(
    _ score: Int, run: Int, _ input: ColumnQueries, layer: Int, head: Int
  ) throws -> [Double] {
    let emulation = pass.shared.scores[score].emulation
    let keys = pass.keys(layer: layer, head: head)[score][run]
    let (table, firstRow) = (tables[run][score], firstRows[run])
    if let columns = keys.columns,
      let logits = try columns.logits(
        of: input, table: table, panels: panels[run][score], firstRow: firstRow, layer: layer, head: head)
    {
      return logits
    }
    return try zip(pass.columns.keyRanges, keys.rows).flatMap { range, rows in
      let shift = run == 0 ? pass.shifts.first : pass.shifts.second
      let matrix = try input.matrix()
      let emulated =
        try certifiedHead(matrix, emulation, keys: range, shift: shift, layer: layer, head: head)
        ?? EmulatedHead(
          matrix, keys: rows, emulation: emulation, table: table, firstRow: firstRow, layer: layer, head: head
        )
      let logits = try [Double](unsafeUninitializedCapacity: queries.count * range.count) { buffer, count in
        try emulated.logits(
          queries: 0..<queries.count, keys: 0..<range.count, into: buffer, stride: range.count)
        count = queries.count * range.count
      }
      return (0..<range.count).flatMap { key in
        (0..<queries.count).map { logits[$0 * range.count + key] }
      }
    }
  }

  /// The head of a recipe that is exact from trig to dot, whose keys and queries share a table; nil for any other.
  private func certifiedHead(
    _ input: InputMatrix, _ emulation: Emulation, keys: Range<Int>, shift: Int, layer: Int, head: Int
  ) throws -> EmulatedHead? {
    let experiment = pass.columns.experiment
    let table = try RotaryTable.exact(
      for: emulation,
      positions: TokenPositions(tokens: keys.count, shift: shift + keys.lowerBound),
      others: queries.map { shift + experiment.shape.token(ofQuery: $0) }, threads: 1)
    guard let table else { return nil }
    let keyHead = experiment.shape.keyValueHead(ofHead: head)
    let stored = try experiment.input.read(.key, layer: layer, head: keyHead, tokens: keys)
    let keyInput = InputMatrix(
      stored, emulation: emulation, side: .key, layer: layer, head: keyHead, firstToken: keys.lowerBound)
    return try EmulatedHead(
      input,
      keys: EmulatedKeys(keyInput, emulation: emulation, table: table, layer: layer, head: keyHead),
      emulation: emulation, table: table, firstRow: keys.count, layer: layer, head: head)
  }

  private func scale(_ columns: inout [Double], _ stages: RowStages, layer: Int, head: Int) throws {
    try columns.withUnsafeMutableBufferPointer { columns in
      for (index, key) in pass.columns.keys.enumerated() {
        try stages.scale(
          column: UnsafeMutableBufferPointer(
            rebasing: columns[index * queries.count..<(index + 1) * queries.count]),
          firstQuery: queries.lowerBound, key: key, layer: layer, head: head)
      }
    }
  }

  /// Adds a recipe's differences to its tiles.
  private func add(
    _ logits: [[Double]], exact: [[Double]]?, recipe: Int, place index: Int, to result: inout ColumnChunk
  ) {
    let tileSize = DriftExperiment.tileSize
    let (layer, head) = pass.places[index]
    let recipes = pass.shared.rowStages.count
    let keys = pass.columns.keys
    let references = exact.map { exactColumns($0, recipe: recipe) }
    for tile in 0..<(queries.count + tileSize - 1) / tileSize {
      let rows = tile * tileSize..<min((tile + 1) * tileSize, queries.count)
      let slot = ((tile * recipes + recipe) * pass.places.count + index) * keys.count
      for (column, key) in keys.enumerated() {
        let start = column * queries.count
        var figures = result.figures[slot + column]
        for row in rows where visible[row].contains(key) {
          let place = PairPlace(layer: layer, head: head, query: queries.lowerBound + row, key: key)
          let first = logits[0][start + row]
          figures.drift.add(first - logits[1][start + row], at: place)
          if let references { figures.error!.add(first - references[start + row], at: place) }
        }
        if recipe == 0 { result.pairs += figures.drift.count }
        result.figures[slot + column] = figures
      }
    }
  }

  /// The exact logits of a recipe's problem, (keys, queries), from those of each range of keys, (queries, keys).
  private func exactColumns(_ exact: [[Double]], recipe: Int) -> [Double] {
    let ranges = pass.columns.keyRanges
    let first = pass.references!.indexOfRecipe[recipe] * ranges.count
    return ranges.enumerated().flatMap { index, range in
      (0..<range.count).flatMap { key in
        (0..<queries.count).map { exact[first + index][$0 * range.count + key] }
      }
    }
  }
}
