// Attention of one head over the ranks of a ring: meeting after meeting, merged in the order of arrival.

import FloatingPointFormats

/// The merge of partial rows on numbers: sums and products in the fast way where the output's formats allow it, everything else, and any
/// other rounding, by the plain tier. Held to ``PlainPartialRow`` bit for bit.
public struct RingAttention: Sendable {
  private let emulation: Emulation
  private let merge: PartialMerge
  private let factor: StageValue?
  private let output: ScalarArithmetic?
  private let isPlain: Bool

  /// Prepares the merge for a recipe.
  ///
  /// - Throws: ``SequenceParallelismError/needsOnlineSoftmax(recipe:)``, ``UndecidedRounding``.
  public init(_ emulation: Emulation, merge: PartialMerge = .ringFlashAttention) throws {
    guard let softmax = emulation.recipe.softmax, softmax.algorithm != .fullRow,
      emulation.recipe.output != nil
    else { throw SequenceParallelismError.needsOnlineSoftmax(recipe: emulation.recipe.name) }
    self.emulation = emulation
    self.merge = merge
    factor = try emulation.logSumExpFactor()
    output = ScalarArithmetic(nearestEven: merge.output)
    let chains = [merge.logarithm, merge.logSumExp, merge.difference, merge.sigmoid, merge.logSigmoid]
    isPlain = output == nil || chains.contains { $0.isExact }
  }

  /// Outputs of some queries of a head whose tokens are shared among ranks.
  ///
  /// Memory: at most two chunks of numbers for each query; 32 queries at a time are fastest.
  ///
  /// - Parameters:
  ///   - queries: which queries, which are tokens.
  ///   - head: the head, with as many queries as keys.
  ///   - schedule: cut for as many tokens.
  ///   - values: the values of all tokens.
  ///   - outputs: (queries, d): as the recipe stores them.
  /// - Throws: ``UndecidedRounding``.
  public func outputs(
    queries: Range<Int>, head: EmulatedHead, schedule: RingSchedule, values: EmulatedValues,
    into outputs: UnsafeMutableBufferPointer<Double>
  ) throws {
    precondition(
      queries.upperBound <= values.count && schedule.tokens == values.count
        && outputs.count >= queries.count * head.headSize)
    var first = queries.lowerBound
    // Queries of one chunk have the same meetings.
    while first < queries.upperBound {
      let chunk = schedule.chunk(ofToken: first)
      let end = min(queries.upperBound, (chunk + 1) * schedule.chunkLength)
      let start = (first - queries.lowerBound) * head.headSize
      try chunkOutputs(
        queries: first..<end, head, schedule, values,
        UnsafeMutableBufferPointer(rebasing: outputs[start..<start + (end - first) * head.headSize]))
      first = end
    }
  }

  private func chunkOutputs(
    queries: Range<Int>, _ head: EmulatedHead, _ schedule: RingSchedule, _ values: EmulatedValues,
    _ outputs: UnsafeMutableBufferPointer<Double>
  ) throws {
    let size = head.headSize
    let meetings = queries.map(schedule.meetings(ofToken:))
    var rows: [PartialRow] = []
    var block = [Double](repeating: 0, count: queries.count * size)
    var statistics = [RowStatistics](
      repeating: RowStatistics(maximum: 0, sum: 0), count: queries.count)
    for meeting in meetings[0].indices {
      let runs = meetings.map { $0[meeting] }
      try block.withUnsafeMutableBufferPointer { block in
        try statistics.withUnsafeMutableBufferPointer {
          try head.attention(
            queries: queries, runs: runs, values: values, probabilities: nil, stride: 0, outputs: block,
            statistics: $0)
        }
      }
      for (index, query) in queries.enumerated() {
        let part = Array(block[index * size..<(index + 1) * size])
        let place = head.scorePlace(query)
        let lse = try logSumExp(statistics[index], place.with(key: meeting))
        if meeting == 0 {
          rows.append(try PartialRow(self, output: part, logSumExp: lse, place))
        } else {
          try rows[index].add(output: part, logSumExp: lse)
        }
      }
    }
    for (index, query) in queries.enumerated() {
      let place = head.scorePlace(query)
      for (channel, value) in try rows[index].output().enumerated() {
        outputs[index * size + channel] = try stored(value, place, channel).binary64()
      }
    }
  }

  /// The recipe's output rounding, once more: out.to(q.dtype).
  private func stored(_ value: StageValue, _ place: ScorePlace, _ channel: Int) throws -> StageValue {
    try emulation.recipe.output!.rounding.round(
      value, place.with(key: 0).counter(.partialMerge), step: 8 * channel + 7)
  }

  private func logSumExp(_ statistics: RowStatistics, _ place: ScorePlace) throws -> StageValue {
    // A row that is NaN throughout is NaN in its output already.
    if statistics.sum.isNaN { return .number(.nan) }
    return try merge.logSumExp(
      maximum: statistics.maximum, sum: .number(statistics.sum), factor: factor, place)
  }

  /// A row as far as its meetings have gone.
  private enum PartialRow {
    case plain(PlainPartialRow)
    case fast(FastPartialRow)

    init(_ ring: RingAttention, output: [Double], logSumExp: StageValue, _ place: ScorePlace) throws {
      if !ring.isPlain, let arithmetic = ring.output, case .number(let lse) = logSumExp {
        self = .fast(
          FastPartialRow(ring.merge, arithmetic, output: output, logSumExp: lse, place))
      } else {
        self = .plain(
          try PlainPartialRow(
            ring.merge, output: output.map(StageValue.number), logSumExp: logSumExp, place: place))
      }
    }

    mutating func add(output: [Double], logSumExp: StageValue) throws {
      switch self {
      case .plain(var row):
        try row.add(output: output.map(StageValue.number), logSumExp: logSumExp)
        self = .plain(row)
      case .fast(var row):
        try row.add(output: output, logSumExp: logSumExp.binary64())
        self = .fast(row)
      }
    }

    func output() throws -> [StageValue] {
      switch self {
      case .plain(let row): row.output
      case .fast(let row): row.output.map(StageValue.number)
      }
    }
  }
}

/// A row on numbers, nearest even: ``PlainPartialRow`` with its sums and products done fast.
struct FastPartialRow {
  private(set) var output: [Double]
  private(set) var logSumExp: Double
  private let merge: PartialMerge
  private let arithmetic: ScalarArithmetic
  private let place: ScorePlace
  private var meeting = 0
  private let counter = StageCounter(.partialMerge)

  init(
    _ merge: PartialMerge, _ arithmetic: ScalarArithmetic, output: [Double], logSumExp: Double,
    _ place: ScorePlace
  ) {
    self.merge = merge
    self.arithmetic = arithmetic
    self.place = place
    self.logSumExp = logSumExp
    self.output = output.map { arithmetic.round($0, StageCounter(.partialMerge)) }
  }

  mutating func add(output block: [Double], logSumExp other: Double) throws {
    meeting += 1
    // Statistics may be rounded in any way: a few operations a row, left to the plain tier.
    let rowCounter = place.with(key: meeting).counter(.partialMerge)
    let weight = try merge.sigmoid.sigmoid(
      merge.difference.sum(.number(other), .number(-logSumExp), rowCounter, step: 0), rowCounter, step: 0
    ).binary64()
    for channel in output.indices {
      let o = arithmetic.round(block[channel], counter)
      let difference = arithmetic.sum(output[channel], -o, counter)
      output[channel] = arithmetic.sum(
        output[channel], -arithmetic.product(weight, difference, counter), counter)
    }
    let back = try merge.difference.sum(.number(logSumExp), .number(-other), rowCounter, step: 1)
    logSumExp = try merge.logSumExp.sum(
      .number(logSumExp), merge.logSigmoid.logSigmoid(back, rowCounter, step: 1).negated, rowCounter,
      step: 2
    ).binary64()
  }
}
