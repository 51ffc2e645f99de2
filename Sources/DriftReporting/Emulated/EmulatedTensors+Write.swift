// Computing and writing the tensors of a recipe, in the order of the file and head by head: never all rows at a time.

import EmulatedEngine
import FloatingPointFormats
import RotaryAttention
import TensorIO

extension EmulatedTensors {
  /// How much there is to do, in elements, for a progress meter.
  public var workload: Int { layout.tensors.reduce(0) { $0 + $1.count! } }

  /// Writes the whole file.
  ///
  /// Holds the table and one head's vectors in memory, and of logits or probabilities as many rows as make about a million a thread.
  ///
  /// - Parameters:
  ///   - file: where it goes; the caller finishes it.
  ///   - threads: how many blocks of rows are computed at a time; no byte depends on it.
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
      case .logits, .probabilities, .output:
        try source.forEachRow(of: kind, layer) { try write($0) }
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

  /// Every row of logits, probabilities or outputs of a layer, heads and queries ascending; keys that the query does not see have
  /// −infinity, or 0.
  func forEachRow(
    of kind: StoredTensor, _ layer: AttentionLayer, _ body: ([Double]) throws -> Void
  ) throws {
    let (emulation, table) = emulations[kind]!
    let shape = try AttentionShape(
      heads: layer.queryHeads, keyValueHeads: layer.kvHeads, queryTokens: layer.queryTokens,
      keyTokens: layer.keyTokens, headSize: layer.headSize)
    var group: (head: Int, keys: EmulatedKeys, values: EmulatedValues?)?
    for head in 0..<layer.queryHeads {
      let keyHead = layer.kvHead(ofQueryHead: head)
      if group?.head != keyHead {
        group = (
          keyHead,
          try EmulatedKeys(
            input(.key, layer, head: keyHead, emulation), emulation: emulation, table: table,
            layer: layer.index, head: keyHead),
          kind != .output
            ? nil
            : try EmulatedValues(
              input(.value, layer, head: keyHead, emulation), emulation: emulation, layer: layer.index,
              head: keyHead)
        )
      }
      let rows = try EmulatedHead(
        input(.query, layer, head: head, emulation), keys: group!.keys, emulation: emulation, table: table,
        firstRow: layer.keyTokens - layer.queryTokens, layer: layer.index, head: head)
      let values = group!.values
      let wave = max(threads, min(layer.queryTokens, threads * (1 << 20) / max(layer.keyTokens, 1)))
      for start in stride(from: 0, to: layer.queryTokens, by: wave) {
        let count = min(wave, layer.queryTokens - start)
        // Neighbouring queries go through the kernels together.
        let block = max(1, min(16, count / max(threads, 1)))
        let chunk = try concurrentMap(count: (count + block - 1) / block, threads: threads) { index in
          let first = start + index * block
          let queries = first..<min(first + block, start + count)
          return try Self.rows(
            of: kind, rows, queries: queries,
            visible: queries.map { shape.causalKeys(ofQuery: $0) }, layer, values)
        }
        for rows in chunk { try body(rows) }
      }
    }
  }

  /// The rows of some neighbouring queries of a tensor, one after the other.
  private static func rows(
    of kind: StoredTensor, _ head: EmulatedHead, queries: Range<Int>, visible: [Range<Int>],
    _ layer: AttentionLayer, _ values: EmulatedValues?
  ) throws -> [Double] {
    let width = layer.keyTokens
    var rows = [Double](repeating: kind == .logits ? -.infinity : 0, count: queries.count * width)
    var outputs = [Double](repeating: 0, count: kind == .output ? queries.count * layer.headSize : 0)
    try rows.withUnsafeMutableBufferPointer { rows in
      guard kind != .logits else {
        for (index, keys) in visible.enumerated() {
          let row = index * width + keys.lowerBound..<index * width + keys.upperBound
          try head.logits(
            query: queries.lowerBound + index, keys: keys,
            into: UnsafeMutableBufferPointer(rebasing: rows[row]))
        }
        return
      }
      try outputs.withUnsafeMutableBufferPointer {
        try head.attention(
          queries: queries, keys: visible, values: values, probabilities: rows, stride: width,
          outputs: kind == .output ? $0 : nil)
      }
      // Probabilities stand at the beginning of their rows, and belong to the keys' places.
      for (index, keys) in visible.enumerated() where keys.lowerBound > 0 {
        let start = index * width
        for offset in (0..<keys.count).reversed() {
          rows[start + keys.lowerBound + offset] = rows[start + offset]
        }
        for place in 0..<keys.lowerBound { rows[start + place] = 0 }
      }
    }
    return kind == .output ? outputs : rows
  }

  private func input(
    _ side: VectorPlace.Side, _ layer: AttentionLayer, head: Int, _ emulation: Emulation
  ) throws -> InputMatrix {
    let tensor: AttentionTensor =
      switch side {
      case .query: .query
      case .key: .key
      case .value: .value
      }
    let stored = try tensors.input.read(tensor, layer: layer.index, head: head)
    return InputMatrix(stored, emulation: emulation, side: side, layer: layer.index, head: head)
  }

  /// ``Recipe/formats(of:embedding:input:)`` said that the tensor is stored.
  private static func notStored(_ emulation: Emulation, _ kind: StoredTensor) -> String {
    "recipe \(emulation.recipe.name) was found to store \(kind.rawValue), and does not"
  }
}
