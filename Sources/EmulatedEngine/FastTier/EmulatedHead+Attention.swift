// Attention to the end for one head: from rotated vectors to stored probabilities and outputs, some queries at a time.

import FloatingPointFormats
import ReferenceEngine
import RotaryAttention

extension EmulatedHead {
  /// Probabilities and outputs of some queries, each over the keys that it sees.
  ///
  /// Probabilities are those that the recipe stores for the product with the values: the softmax of a row, normalized and rounded by
  /// the probability stage (before `output.probabilityOperand`). An online softmax never forms normalized probabilities; for one
  /// they are its stored weights P_j, divided by its stored sum l and multiplied by its factors of rescaling in binary64, as
  /// ``Emulation/attentionRow(_:keys:values:place:hasValues:)`` says: what its arithmetic stands for, the bits of no tensor that it stores.
  /// A comparison with another implementation's normalized probabilities is right in both cases.
  ///
  /// Outputs are the stored outputs; without an output stage the exact sums of stored P·v, rounded once to binary64. A query that
  /// sees no key has +0 throughout. A row with a NaN or with +∞ among its logits is NaN throughout. Keys that a query does not see
  /// are no terms, even where their values are infinite. What stays exact to the end is rounded to binary64 here.
  ///
  /// Memory: a row of numbers a key for each query; the caller chooses how many queries it asks for at a time. Where every stage is
  /// binary32 or narrower, an online softmax needs but some tiles of numbers for each query, and 32 queries at a time are fastest.
  ///
  /// - Parameters:
  ///   - queries: which queries, counted from the head's first.
  ///   - ranges: for each of them its visible keys, counted from the keys' first; may be empty.
  ///   - values: the values of the keys' tokens; nil for probabilities alone.
  ///   - probabilities: that of query i and key `ranges[i].lowerBound + j`, i counted from the first of `queries`, goes to place
  ///     i·stride + j; other places are left alone. Nil where nobody wants them.
  ///   - stride: at least the longest range.
  ///   - outputs: (queries, d) where there are values.
  /// - Throws: ``UndecidedRounding``.
  public func attention(
    queries: Range<Int>, keys ranges: [Range<Int>], values: EmulatedValues?,
    probabilities: UnsafeMutableBufferPointer<Double>?, stride: Int,
    outputs: UnsafeMutableBufferPointer<Double>? = nil
  ) throws {
    try attention(
      queries: queries,
      runs: ranges.map { [KeyRun(keys: $0, place: firstKeyToken + $0.lowerBound)] }, values: values,
      probabilities: probabilities, stride: stride, outputs: outputs)
  }

  /// The same where a query sees runs of keys at places of their own, see ``RotaryAttention/KeyRun``: places decide which keys share a
  /// tile, a lane or a block. Logits are computed for the keys of the runs and what other queries of the block see between them, never
  /// for a gap that no query sees.
  ///
  /// - Parameters:
  ///   - queries: which queries, counted from the head's first.
  ///   - runs: for each of them its visible keys, counted from the keys' first, at ascending places; may be none.
  ///   - values: the values of the keys' tokens; nil for probabilities alone.
  ///   - probabilities: those of query i, packed in the order of its runs, go to the places from i·stride on, i counted from the first
  ///     of `queries`; other places are left alone.
  ///   - stride: at least as many as any query sees.
  ///   - outputs: (queries, d) where there are values.
  ///   - statistics: for an online softmax, where given, what it knows of each row.
  /// - Throws: ``UndecidedRounding``.
  public func attention(
    queries: Range<Int>, runs: [[KeyRun]], values: EmulatedValues?,
    probabilities: UnsafeMutableBufferPointer<Double>?, stride: Int,
    outputs: UnsafeMutableBufferPointer<Double>? = nil,
    statistics: UnsafeMutableBufferPointer<RowStatistics>? = nil
  ) throws {
    precondition(runs.count == queries.count && (outputs == nil) == (values == nil))
    let counts = runs.map(\.keyCount)
    precondition(probabilities == nil || counts.allSatisfy { $0 <= stride } || runs.count == 1)
    if let online = rowAttention.online, values == nil || values?.singles != nil {
      try onlineAttention(
        online, queries, runs, values, probabilities: probabilities, stride: stride, outputs: outputs,
        statistics: statistics)
      return
    }
    let spans = KeySpan.covering(runs)
    let (size, longest) = (headSize, counts.max() ?? 0)
    let blocks = spans.reduce(0) { $0 + $1.queries.count * $1.keys.count }
    try withUnsafeTemporaryAllocation(of: Double.self, capacity: blocks + 2 * longest) { room in
      for span in spans {
        try softmaxInputs(
          queries: queries.lowerBound + span.queries.lowerBound..<queries.lowerBound
            + span.queries.upperBound,
          keys: span.keys, into: UnsafeMutableBufferPointer(rebasing: room[span.start...]),
          stride: span.keys.count)
      }
      let unwanted = UnsafeMutableBufferPointer(rebasing: room[(blocks + longest)...])
      let numbers = UnsafeMutableBufferPointer(rebasing: room[..<(blocks + longest)])
      for (index, runs) in runs.enumerated() {
        let output = outputs.map {
          UnsafeMutableBufferPointer(rebasing: $0[index * size..<(index + 1) * size])
        }
        try rowAttention.row(
          KeySpan.packed(runs, ofQuery: index, spans, numbers, count: counts[index]), runs: runs,
          values: values,
          place: scorePlace(queries.lowerBound + index),
          probabilities: probabilities.map {
            UnsafeMutableBufferPointer(rebasing: $0[index * stride..<index * stride + counts[index]])
          } ?? unwanted,
          output: output, statistics: statistics.map { $0.baseAddress! + index })
      }
    }
  }

  /// The same by kernels over tiles of up to 32 neighbouring rows.
  private func onlineAttention(
    _ online: OnlineRows, _ queries: Range<Int>, _ runs: [[KeyRun]], _ values: EmulatedValues?,
    probabilities: UnsafeMutableBufferPointer<Double>?, stride: Int,
    outputs: UnsafeMutableBufferPointer<Double>?, statistics: UnsafeMutableBufferPointer<RowStatistics>?
  ) throws {
    let keys = runs.map(VisibleKeys.init)
    if let values {
      precondition(keys.allSatisfy { $0.pieces.allSatisfy { $0.key + $0.count <= values.count } })
    }
    var first = 0
    while first < keys.count {
      var end = first + 1
      if keys[first].count > 0 {
        while end < min(keys.count, first + 32), online.canShareTiles(keys[first], keys[end]) { end += 1 }
        let group = queries.lowerBound + first..<queries.lowerBound + end
        try online.rows(
          Array(keys[first..<end]), values: values,
          OnlineRows.Results(
            probabilities: probabilities.map { $0.baseAddress! + first * stride }, stride: stride,
            outputs: outputs.map { $0.baseAddress! + first * headSize },
            statistics: statistics.map { $0.baseAddress! + first })
        ) { keys, room, stride in
          try softmaxInputs(queries: group, keys: keys, into: room, stride: stride)
        }
      } else {
        outputs.map {
          UnsafeMutableBufferPointer(rebasing: $0[first * headSize..<end * headSize]).update(repeating: 0)
        }
        statistics?[first] = RowStatistics(maximum: -.infinity, sum: 0)
      }
      first = end
    }
  }

  /// What the softmax stage of the recipe reads: logits, or where the scale is inside its exponential the stored scores (capped
  /// before the scale where the problem has a softcap). Places as in ``logits(queries:keys:into:stride:)``.
  ///
  /// - Throws: ``UndecidedRounding``.
  public func softmaxInputs(
    queries: Range<Int>, keys range: Range<Int>, into block: UnsafeMutableBufferPointer<Double>, stride: Int
  ) throws {
    guard let scoreHead else {
      return try logits(queries: queries, keys: range, into: block, stride: stride)
    }
    try scoreHead.logits(queries: queries, keys: range, into: block, stride: stride)
    guard !queries.isEmpty, !range.isEmpty else { return }
    for query in queries {
      let start = (query - queries.lowerBound) * stride
      try softmaxInputStage?.cap(
        UnsafeMutableBufferPointer(rebasing: block[start..<start + range.count]), scorePlace(query),
        firstKeyToken + range.lowerBound..<firstKeyToken + range.upperBound)
    }
  }
}
