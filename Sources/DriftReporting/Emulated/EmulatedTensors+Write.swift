// Computing and writing the tensors of a recipe, in the order of the file and head by head: never all logits at a time.

import EmulatedEngine
import FloatingPointFormats
import RotaryAttention
import TensorIO

extension EmulatedTensors {
  /// How much there is to do, in elements, for a progress meter.
  public var workload: Int { layout.tensors.reduce(0) { $0 + $1.count! } }

  /// Writes the whole file.
  ///
  /// Holds the table and one head's vectors in memory, and of logits as many rows as make about a million a thread.
  ///
  /// - Parameters:
  ///   - file: where it goes; the caller finishes it.
  ///   - threads: how many rows of logits are computed at a time; no byte depends on it.
  ///   - progress: called with the number of elements that were written since the last call.
  /// - Throws: ``OutputError``, ``TensorFileError``, ``UndecidedRounding``, ``ProblemError``.
  public func write(
    into file: inout BufferedFile, threads: Int, progress: (Int) -> Void = { _ in }
  ) throws {
    try file.write(bytes: layout.header)
    let source = try EmulatedSource(self, threads: threads)
    for tensor in layout.tensors {
      func write(_ values: [Double]) throws {
        try file.write(bytes: tensor.elementType.bytes(of: values)!)
        progress(values.count)
      }
      guard tensor.name != Self.positionsName else {
        for token in 0..<positions.tokens {
          let position = Int64(positions.position(ofToken: token))
          try file.write(bytes: (0..<8).map { UInt8(truncatingIfNeeded: position >> (8 * $0)) })
        }
        progress(positions.tokens)
        continue
      }
      let (layer, kind) = place(ofTensor: tensor.name)
      switch kind {
      case .cosine, .sine:
        for rows in source.rows(of: kind) { try write(Array(rows)) }
      case .rotatedQuery:
        for head in 0..<layer.queryHeads { try write(source.vectors(.query, layer, head: head)) }
      case .rotatedKey:
        for head in 0..<layer.kvHeads { try write(source.vectors(.key, layer, head: head)) }
      case .logits:
        try source.forEachRowOfLogits(layer) { try write($0) }
      }
    }
  }

  /// The layer and the kind of a tensor of this file.
  private func place(ofTensor name: String) -> (AttentionLayer, StoredTensor) {
    for layer in layers {
      for kind in StoredTensor.allCases where kind.name(layer: layer.index) == name { return (layer, kind) }
    }
    preconditionFailure("the layout names the tensors of these layers only")
  }
}

/// One emulation with its table for each kind of tensor that the recipe leaves exact, and one for all others.
private struct EmulatedSource {
  private let tensors: EmulatedTensors
  private let threads: Int
  private var emulations: [StoredTensor: (Emulation, RotaryTable)] = [:]

  init(_ tensors: EmulatedTensors, threads: Int) throws {
    self.tensors = tensors
    self.threads = threads
    var recipes: [Recipe] = []
    let chosen = StoredTensor.allCases.map { kind in
      let rounded = tensors.rounded[kind].flatMap {
        tensors.recipe.rounding(kind, to: $0, isCapped: tensors.softcap != nil)
      }
      let recipe = rounded ?? tensors.recipe
      if !recipes.contains(recipe) { recipes.append(recipe) }
      return (kind, recipes.firstIndex(of: recipe)!)
    }
    // A recipe that only tensors use that are not written need not be prepared.
    let written = Set(tensors.layout.tensors.map { $0.name.split(separator: ".").last.map(String.init) })
    let needed = chosen.filter { written.contains($0.0.rawValue) }
    let indices = Array(Set(needed.map(\.1))).sorted()
    let prepared = try indices.map {
      try Emulation(
        recipe: recipes[$0], embedding: tensors.embedding, scale: tensors.scale, softcap: tensors.softcap)
    }
    let tables = try RotaryTable.tables(for: prepared, positions: tensors.positions, threads: threads)
    for (kind, index) in needed {
      let place = indices.firstIndex(of: index)!
      emulations[kind] = (prepared[place], tables[place])
    }
  }

  /// The cosines or sines in pieces, in order.
  func rows(of kind: StoredTensor) -> [ArraySlice<Double>] {
    let (emulation, table) = emulations[kind]!
    guard let numbers = table.storedNumbers else { preconditionFailure(Self.notStored(emulation, kind)) }
    let values = kind == .cosine ? numbers.cosine : numbers.sine
    return stride(from: 0, to: values.count, by: 1 << 15).map { start in
      values[start..<min(start + 1 << 15, values.count)]
    }
  }

  /// One head's rotated vectors.
  func vectors(_ side: VectorPlace.Side, _ layer: AttentionLayer, head: Int) throws -> [Double] {
    let kind = side == .query ? StoredTensor.rotatedQuery : .rotatedKey
    let (emulation, table) = emulations[kind]!
    let values = try emulation.storedVectors(
      try input(side, layer, head: head, emulation), table: table,
      firstRow: side == .query ? layer.keyTokens - layer.queryTokens : 0, side: side, layer: layer.index,
      head: head)
    guard let values else { preconditionFailure(Self.notStored(emulation, kind)) }
    return values
  }

  /// Every row of logits of a layer, heads and queries ascending; keys that the query does not see have −infinity.
  func forEachRowOfLogits(_ layer: AttentionLayer, _ body: ([Double]) throws -> Void) throws {
    let (emulation, table) = emulations[.logits]!
    let shape = try AttentionShape(
      heads: layer.queryHeads, keyValueHeads: layer.kvHeads, queryTokens: layer.queryTokens,
      keyTokens: layer.keyTokens, headSize: layer.headSize)
    var group: (head: Int, keys: EmulatedKeys)?
    for head in 0..<layer.queryHeads {
      let keyHead = layer.kvHead(ofQueryHead: head)
      if group?.head != keyHead {
        group = (
          keyHead,
          try EmulatedKeys(
            input(.key, layer, head: keyHead, emulation), emulation: emulation, table: table,
            layer: layer.index, head: keyHead)
        )
      }
      let rows = try EmulatedHead(
        input(.query, layer, head: head, emulation), keys: group!.keys, emulation: emulation, table: table,
        firstRow: layer.keyTokens - layer.queryTokens, layer: layer.index, head: head)
      let wave = max(threads, min(layer.queryTokens, threads * (1 << 20) / max(layer.keyTokens, 1)))
      for start in stride(from: 0, to: layer.queryTokens, by: wave) {
        let count = min(wave, layer.queryTokens - start)
        let chunk = try concurrentMap(count: count, threads: threads) { index in
          let visible = EmulatedTensors.mask.visibleKeys(ofQuery: start + index, in: shape)
          var row = [Double](repeating: -.infinity, count: layer.keyTokens)
          try row.withUnsafeMutableBufferPointer { row in
            try rows.logits(
              query: start + index, keys: visible, into: UnsafeMutableBufferPointer(rebasing: row[visible]))
          }
          return row
        }
        for row in chunk { try body(row) }
      }
    }
  }

  private func input(
    _ side: VectorPlace.Side, _ layer: AttentionLayer, head: Int, _ emulation: Emulation
  ) throws -> InputMatrix {
    let stored = try tensors.input.read(side == .query ? .query : .key, layer: layer.index, head: head)
    return InputMatrix(stored, emulation: emulation, side: side, layer: layer.index, head: head)
  }

  /// ``Recipe/formats(of:embedding:input:)`` said that the tensor is stored.
  private static func notStored(_ emulation: Emulation, _ kind: StoredTensor) -> String {
    "recipe \(emulation.recipe.name) was found to store \(kind.rawValue), and does not"
  }
}
