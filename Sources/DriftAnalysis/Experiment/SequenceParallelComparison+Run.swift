// The run over heads and blocks of queries: rows come and go, sums stay, merged in order.

import EmulatedEngine
import ReferenceEngine
import RotaryAttention

extension SequenceParallelComparison {
  /// Queries of a block; its rows are what memory grows with beside one head's vectors: the reference's 32·T numbers a thread at most.
  private static let blockSize = 32

  /// Computes everything, a head at a time.
  ///
  /// - Parameters:
  ///   - threads: how many blocks are worked on at a time; no byte of the result depends on it.
  ///   - progress: called with the number of tokens that were worked through since the last call.
  /// - Returns: one result a way, in the order of ``ways``.
  /// - Throws: ``TensorFileError`` (also where the layer has no values), ``UndecidedRounding``.
  public func run(
    threads: Int, progress: @Sendable (Int) -> Void = { _ in }
  ) throws -> [SequenceParallelResult] {
    let tokens = layer.keyTokens
    let table = try RotaryTable.tables(for: [emulation], positions: positions, threads: threads)[0]
    // The exact scores depend on differences of positions alone.
    let trigonometry = problem.map {
      ReferenceTrigonometry(
        angles: $0.angles, attentionFactor: $0.attentionFactor, positions: Array(0..<tokens),
        threads: threads)
    }
    var totals = ways.map { SharedTotals($0, tokens: tokens) }
    var group: (head: Int, keys: HeadKeys)?
    for head in heads {
      let keyHead = layer.kvHead(ofQueryHead: head)
      if group?.head != keyHead {
        group = (keyHead, try HeadKeys(self, keyHead: keyHead, table, trigonometry))
      }
      let rows = try RankedHead(self, head: head, keys: group!.keys, table)
      let blocks = (tokens + Self.blockSize - 1) / Self.blockSize
      try concurrentMerge(count: blocks, threads: threads, window: max(1, 4 * min(threads, 1024))) { index in
        try rows.block(
          index * Self.blockSize..<min((index + 1) * Self.blockSize, tokens))
      } merge: { _, block in
        for way in totals.indices { totals[way].add(block, way: way, head: head) }
        progress(block.queries.count)
      }
    }
    return totals.map(\.result)
  }
}

/// What the query heads of a key head share.
private struct HeadKeys: Sendable {
  let emulated: EmulatedKeys
  let values: EmulatedValues
  let reference: (head: ReferenceHead, values: ReferenceValues)?

  init(
    _ comparison: SequenceParallelComparison, keyHead: Int, _ table: RotaryTable,
    _ trigonometry: ReferenceTrigonometry?
  ) throws {
    let layer = comparison.layer
    let (emulation, index) = (comparison.emulation, layer.index)
    let keys = try comparison.input.keys(layer: index, kvHead: keyHead)
    let values = try comparison.input.values(layer: index, kvHead: keyHead)
    emulated = try EmulatedKeys(
      InputMatrix(keys, emulation: emulation, side: .key, layer: index, head: keyHead),
      emulation: emulation, table: table, layer: index, head: keyHead)
    self.values = EmulatedValues(
      InputMatrix(values, emulation: emulation, side: .value, layer: index, head: keyHead),
      emulation: emulation, layer: index, head: keyHead)
    if let problem = comparison.problem, let trigonometry {
      reference = (
        ReferenceHead(
          problem: problem, trigonometry: trigonometry, keys: keys, keyRows: Array(0..<layer.keyTokens)),
        ReferenceValues(values, channels: layer.headSize)
      )
    } else {
      reference = nil
    }
  }
}

/// Outputs of some queries: of one device, shared, and the reference's.
private struct OutputBlock: Sendable {
  let queries: Range<Int>
  let channels: Int
  /// (queries, d).
  var oneDevice: [Double]
  /// One (queries, d) a way.
  var shared: [[Double]] = []
  /// (queries, d), and its greatest bound.
  var reference: (outputs: [Double], bound: Double?)?
}

/// One query head.
private struct RankedHead: Sendable {
  private let comparison: SequenceParallelComparison
  private let keys: HeadKeys
  private let head: EmulatedHead
  private let queries: [Double]

  init(
    _ comparison: SequenceParallelComparison, head: Int, keys: HeadKeys, _ table: RotaryTable
  ) throws {
    self.comparison = comparison
    self.keys = keys
    let index = comparison.layer.index
    queries = try comparison.input.queries(layer: index, head: head)
    self.head = try EmulatedHead(
      InputMatrix(queries, emulation: comparison.emulation, side: .query, layer: index, head: head),
      keys: keys.emulated, emulation: comparison.emulation, table: table, firstRow: 0, layer: index,
      head: head)
  }

  func block(_ queries: Range<Int>) throws -> OutputBlock {
    let size = comparison.layer.headSize
    var block = OutputBlock(queries: queries, channels: size, oneDevice: try oneDevice(queries))
    for (way, schedule) in zip(comparison.ways, comparison.schedules) {
      guard let schedule, let ring = comparison.ring else {
        // A rank's share of the heads is computed as one device computes them, whichever share of the tokens a query came from.
        block.shared.append(try ulysses(queries, ranks: way.ranks))
        continue
      }
      var outputs = [Double](repeating: 0, count: queries.count * size)
      try outputs.withUnsafeMutableBufferPointer {
        try ring.outputs(
          queries: queries, head: head, schedule: schedule, values: keys.values, into: $0)
      }
      block.shared.append(outputs)
    }
    block.reference = try reference(queries)
    return block
  }

  private func oneDevice(_ queries: Range<Int>) throws -> [Double] {
    var outputs = [Double](repeating: 0, count: queries.count * comparison.layer.headSize)
    try outputs.withUnsafeMutableBufferPointer {
      try head.attention(
        queries: queries, keys: queries.map { 0..<$0 + 1 }, values: keys.values, probabilities: nil,
        stride: 0, outputs: $0)
    }
    return outputs
  }

  /// The head's outputs with queries cut where the shares of the tokens are cut.
  private func ulysses(_ queries: Range<Int>, ranks: Int) throws -> [Double] {
    let tokens = comparison.layer.keyTokens
    var outputs: [Double] = []
    for rank in 0..<ranks {
      let share = (tokens * rank / ranks..<tokens * (rank + 1) / ranks).clamped(to: queries)
      if !share.isEmpty { outputs += try oneDevice(share) }
    }
    return outputs
  }

  private func reference(_ queries: Range<Int>) throws -> (outputs: [Double], bound: Double?)? {
    guard let (head, values) = keys.reference else { return nil }
    let size = comparison.layer.headSize
    var outputs = [Double](repeating: 0, count: queries.count * size)
    var bounds = outputs
    let stride = queries.upperBound
    try self.queries[queries.lowerBound * size..<queries.upperBound * size].withUnsafeBufferPointer {
      stored in
      try withUnsafeTemporaryAllocation(of: Double.self, capacity: queries.count * stride) { room in
        try outputs.withUnsafeMutableBufferPointer { outputs in
          try bounds.withUnsafeMutableBufferPointer {
            _ = try head.attention(
              queries: stored, queryRows: Array(queries), keys: queries.map { 0..<$0 + 1 }, values: values,
              probabilities: room, stride: stride, outputs: outputs, outputBounds: $0)
          }
        }
      }
    }
    return (outputs, bounds.lazy.filter { !$0.isNaN }.max())
  }
}

/// The sums of one way.
private struct SharedTotals {
  private var found: SequenceParallelResult
  private var sums: [CompensatedSum]
  private var counts: [Int]

  init(_ way: SequenceParallelComparison.Way, tokens: Int) {
    found = SequenceParallelResult(way: way)
    sums = Array(repeating: CompensatedSum(), count: tokens)
    counts = Array(repeating: 0, count: tokens)
  }

  mutating func add(_ block: OutputBlock, way: Int, head: Int) {
    for index in block.oneDevice.indices {
      let (one, shared) = (block.oneDevice[index], block.shared[way][index])
      let token = block.queries.lowerBound + index / block.channels
      found.outputs += 1
      if one.bitPattern != shared.bitPattern, !(one.isNaN && shared.isNaN) { found.differing += 1 }
      guard one.isFinite, shared.isFinite else {
        found.nonFinite += 1
        continue
      }
      func greatest(_ known: SequenceParallelResult.Greatest?, _ difference: Double)
        -> SequenceParallelResult.Greatest
      {
        .max(
          known,
          .init(value: difference.magnitude, head: head, token: token, channel: index % block.channels))
      }
      found.difference = greatest(found.difference, shared - one)
      sums[token].add((shared - one).magnitude)
      counts[token] += 1
      if let exact = block.reference?.outputs[index], exact.isFinite {
        found.oneDeviceError = greatest(found.oneDeviceError, one - exact)
        found.sharedError = greatest(found.sharedError, shared - exact)
      }
    }
    if let bound = block.reference?.bound { found.referenceBound = max(found.referenceBound ?? 0, bound) }
  }

  var result: SequenceParallelResult {
    var result = found
    var total = CompensatedSum()
    for sum in sums { total.add(sum) }
    let count = found.outputs - found.nonFinite
    result.meanDifference = count > 0 ? total.value / Double(count) : nil
    result.meanByToken = zip(sums, counts).map { $1 > 0 ? $0.value / Double($1) : nil }
    return result
  }
}
