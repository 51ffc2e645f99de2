// One pair of shifts of a run over columns: the keys, rotated once, and the figures of all chunks.

import EmulatedEngine
import ReferenceEngine
import RotaryAttention

/// What one chunk of queries gives: for every tile, recipe, head and key its figures.
struct ColumnChunk: Sendable {
  /// (tiles, recipes, heads, keys).
  var figures: [ColumnFigures]
  var pairs = 0
  var counts = ReferenceHead.Counts()
}

/// All heads at one pair of shifts.
struct ColumnPass: Sendable {
  let columns: ColumnExperiment
  let shifts: ShiftPair
  let shared: SharedStages
  let references: ReferenceColumns?
  /// Layers and heads in ascending order.
  let places: [(layer: Int, head: Int)]
  // (layers and key heads)(score groups)(2).
  private let keys: [KeyPlace: [[ColumnKeys]]]

  private struct KeyPlace: Hashable {
    let layer: Int
    let head: Int
  }

  /// The keys of one key head under one recipe at one shift.
  struct ColumnKeys: Sendable {
    /// Side by side for all queries; nil where the kernels do not know the recipe's sums.
    let columns: EmulatedColumns?
    /// Range by range.
    let rows: [EmulatedKeys]
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
    var keys: [KeyPlace: [[ColumnKeys]]] = [:]
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
          let parts = ranges.indices.map {
            (matrix: inputs[$0][group.input], table: tables[$0][score])
          }
          return ColumnKeys(
            columns: try EmulatedColumns(parts, emulation: group.emulation, layer: layer, head: place.head),
            rows: try parts.map {
              try EmulatedKeys(
                $0.matrix, emulation: group.emulation, table: $0.table, layer: layer, head: place.head)
            })
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
    var figures = chunk.figures.makeIterator()
    while let first = figures.next() {
      var next: ColumnFigures? = first
      for recipe in heads.indices {
        for place in places.indices {
          for key in columns.keys.indices {
            heads[recipe][place].columns[key].merge(next ?? figures.next()!)
            next = nil
          }
        }
      }
    }
  }

  /// The figures of a chunk of queries.
  func chunk(_ queries: Range<Int>) throws -> ColumnChunk {
    let tiles = (queries.count + DriftExperiment.tileSize - 1) / DriftExperiment.tileSize
    let slots = tiles * columns.experiment.emulations.count * places.count
    var result = ColumnChunk(figures: (0..<slots).flatMap { _ in emptyFigures })
    let work = try ColumnWork(self, queries)
    for (index, place) in places.enumerated() {
      let input = columns.experiment.input
      let exact = try references.map {
        try $0.logits(
          queries, stored: input.read(.query, layer: place.layer, head: place.head, tokens: queries),
          layer: place.layer, keyHead: columns.experiment.shape.keyValueHead(ofHead: place.head),
          counts: &result.counts)
      }
      try work.measure(place: index, exact: exact, into: &result)
    }
    return result
  }

  /// The keys of a query head: (score groups)(2).
  func keys(layer: Int, head: Int) -> [[ColumnKeys]] {
    keys[KeyPlace(layer: layer, head: columns.experiment.shape.keyValueHead(ofHead: head))]!
  }
}
