// Attention to the end in the reference: probabilities and outputs with proven bounds.

import RotaryAttention
import RoundingKernels

extension ReferenceHead {
  /// What is known of a block of rows beside the numbers themselves.
  public struct AttentionBlock: Sendable {
    /// How many scores each way of deciding took.
    public var counts: Counts
    /// For each query a bound on the relative error of its probabilities; on top of it 2^−1073, absolutely. 0 for a query that sees no
    /// key, NaN where the probabilities are NaN, +∞ where logits are so great that nothing is known.
    public var probabilityBounds: [Double]
  }

  /// Probabilities A_ij and outputs o_i = Σ_j A_ij·v_j of some queries, each over its range of keys.
  ///
  /// Probabilities are those of ``defaultSoftmax(_:into:path:)`` on the correctly rounded scores, with a bound for each row. Outputs do not
  /// go through them: with e_j = RN(exp(RN(s_j − max))) numerator Σ e_j·v_j and denominator Σ e_j are compensated sums [Ogita2005],
  /// and the quotient is rounded once, so that the bound does not grow with the number of keys; `Documentation/ErrorBounds.md`
  /// derives it. The output is the exact one of the exact scores within its bound: |o − result| ≤ bound.
  ///
  /// Edge cases. A query that sees no key: output +0, bound 0. A row with a NaN score or with one that overflows to +∞: NaN throughout.
  /// Exact probabilities of finite scores are above zero, however small, so that an infinite value gives an infinite output (bound 0),
  /// and infinities of both signs, or a NaN, give NaN (bound NaN). Values of keys that a query does not see do not count.
  ///
  /// Memory: a row of numbers a key; the caller chooses how many queries it asks for at a time (32 suffice).
  ///
  /// - Parameters:
  ///   - queries: (queries, d).
  ///   - queryRows: for each query, the row of its position in the table.
  ///   - ranges: for each query, its keys; may be empty.
  ///   - values: the values of all keys of this head; nil for probabilities alone.
  ///   - probabilities: that of query i and key `ranges[i].lowerBound + j` goes to i·stride + j.
  ///   - stride: at least the longest range.
  ///   - outputs: (queries, channels of `values`).
  ///   - outputBounds: likewise.
  /// - Throws: ``UndecidedRounding``, as ``scores(queries:queryRows:keys:into:stride:)``.
  public func attention(
    queries: UnsafeBufferPointer<Double>, queryRows: [Int], keys ranges: [Range<Int>],
    values: ReferenceValues?,
    probabilities: UnsafeMutableBufferPointer<Double>, stride: Int,
    outputs: UnsafeMutableBufferPointer<Double>? = nil,
    outputBounds: UnsafeMutableBufferPointer<Double>? = nil
  ) throws -> AttentionBlock {
    try attention(
      queries: queries, queryRows: queryRows, runs: ranges.map { [KeyRun(keys: $0, place: $0.lowerBound)] },
      values: values, probabilities: probabilities, stride: stride, outputs: outputs,
      outputBounds: outputBounds)
  }

  /// The same where a query sees runs of keys: only their keys count, in the order of the runs, since an exact sum knows no places.
  ///
  /// - Parameters:
  ///   - queries: (queries, d).
  ///   - queryRows: for each query, the row of its position in the table.
  ///   - runs: for each query, its keys; may be none.
  ///   - values: the values of all keys of this head; nil for probabilities alone.
  ///   - probabilities: those of query i, packed in the order of its runs, go to the places from i·stride on.
  ///   - stride: at least as many as any query sees.
  ///   - outputs: (queries, channels of `values`).
  ///   - outputBounds: likewise.
  /// - Throws: ``UndecidedRounding``.
  public func attention(
    queries: UnsafeBufferPointer<Double>, queryRows: [Int], runs: [[KeyRun]],
    values: ReferenceValues?,
    probabilities: UnsafeMutableBufferPointer<Double>, stride: Int,
    outputs: UnsafeMutableBufferPointer<Double>? = nil,
    outputBounds: UnsafeMutableBufferPointer<Double>? = nil
  ) throws -> AttentionBlock {
    precondition((values == nil) == (outputs == nil) && (values == nil) == (outputBounds == nil))
    var block = AttentionBlock(
      counts: try scores(
        queries: queries, queryRows: queryRows, runs: runs, into: probabilities, stride: stride),
      probabilityBounds: [])
    for (index, runs) in runs.enumerated() {
      let row = UnsafeMutableBufferPointer(
        rebasing: probabilities[index * stride..<index * stride + runs.keyCount])
      func channels(_ buffer: UnsafeMutableBufferPointer<Double>?) -> UnsafeMutableBufferPointer<Double>? {
        let count = values?.channels ?? 0
        return buffer.map { UnsafeMutableBufferPointer(rebasing: $0[index * count..<(index + 1) * count]) }
      }
      block.probabilityBounds.append(
        certifiedAttention(
          row, runs: runs, values: values, outputs: channels(outputs), bounds: channels(outputBounds),
          path: path)
      )
    }
    return block
  }
}

/// Probabilities and outputs of one row of correctly rounded logits; see ``ReferenceHead/attention(queries:queryRows:keys:values:probabilities:stride:outputs:outputBounds:)``.
///
/// - Parameters:
///   - row: the logits of the visible keys; probabilities on return.
///   - keys: which tokens of `values` they are.
///   - values: the values; nil for probabilities alone.
///   - outputs: one place a channel.
///   - bounds: likewise.
///   - path: which way the kernels go; the bits are the same.
/// - Returns: the bound on the relative error of the probabilities.
public func certifiedAttention(
  _ row: UnsafeMutableBufferPointer<Double>, keys: Range<Int>, values: ReferenceValues?,
  outputs: UnsafeMutableBufferPointer<Double>?, bounds: UnsafeMutableBufferPointer<Double>?,
  path: KernelPath = .ofProcess
) -> Double {
  certifiedAttention(
    row, runs: [KeyRun(keys: keys, place: keys.lowerBound)], values: values, outputs: outputs,
    bounds: bounds, path: path)
}

/// The same for the logits of runs of keys, packed in the order of the runs; places do not matter.
///
/// - Parameters:
///   - row: the logits of the visible keys; probabilities on return.
///   - runs: which tokens of `values` they are.
///   - values: the values; nil for probabilities alone.
///   - outputs: one place a channel.
///   - bounds: likewise.
///   - path: which way the kernels go; the bits are the same.
/// - Returns: the bound on the relative error of the probabilities.
public func certifiedAttention(
  _ row: UnsafeMutableBufferPointer<Double>, runs: [KeyRun], values: ReferenceValues?,
  outputs: UnsafeMutableBufferPointer<Double>?, bounds: UnsafeMutableBufferPointer<Double>?,
  path: KernelPath = .ofProcess
) -> Double {
  precondition(row.count == runs.keyCount)
  guard !row.isEmpty else {
    outputs?.update(repeating: 0)
    bounds?.update(repeating: 0)
    return 0
  }
  return withUnsafeTemporaryAllocation(of: Double.self, capacity: row.count) { weights in
    guard let largest = rowExponentials(UnsafeBufferPointer(row), into: weights, path: path) else {
      row.update(repeating: .nan)
      outputs?.update(repeating: .nan)
      bounds?.update(repeating: .nan)
      return .nan
    }
    // Keys whose exponential is zero only add 2^−1074.
    var least = largest
    for index in weights.indices where weights[index] > 0 { least = min(least, row[index]) }
    let spread = RowSpread(count: row.count, largest: largest, least: least)
    if let values, let outputs, let bounds {
      certifiedOutputs(UnsafeBufferPointer(weights), runs, values, spread, outputs, bounds, path: path)
    }
    ropedrift_divide_by_sum(weights.baseAddress!, weights.count, path.allowsVectors)
    _ = row.update(fromContentsOf: weights)
    return spread.probabilityBound
  }
}

/// What the bounds of a row depend on.
struct RowSpread {
  let count: Int
  let largest: Double
  let least: Double

  private static let unit = 0x1p-53
  /// The greatest magnitude of a logit that counts.
  private var magnitude: Double { max(largest.magnitude, least.magnitude) }

  /// η: relative error of every e_j against exp(s_j − max) of the exact scores; nil where it is not small.
  var exponentialBound: Double? {
    let bound = Self.unit * (1 + magnitude + (largest - least)) * (1 + 0x1p-9)
    return bound < 0x1p-10 ? bound : nil
  }

  /// γ_n² of a compensated sum of n products.
  var compensatedBound: Double {
    let gamma = Double(count) * Self.unit / (1 - Double(count) * Self.unit)
    return gamma * gamma
  }

  /// (n + 6)·2^−53 + 2^−50·max|s|, see ``defaultSoftmax(_:into:path:)``.
  var probabilityBound: Double {
    guard exponentialBound != nil else { return .infinity }
    return (Double(count + 6) * Self.unit + 0x1p-50 * magnitude) * (1 + 0x1p-9)
  }

  /// A bound on an output's error: (2η + 2u + 2γ²)·Σ e|v| / Σ e + 2u·|o|, and what underflow can add; scaled values throughout.
  func outputBound(_ output: Double, magnitude sum: Double, weight: Double, largestValue: Double) -> Double {
    guard let eta = exponentialBound else { return .infinity }
    let underflow = Double(count) * 0x1p-1070 * (1 + largestValue)
    return
      ((2 * eta + 2 * Self.unit + 2 * compensatedBound) * (sum / weight) + 2 * Self.unit * output.magnitude)
      * (1 + 0x1p-8) + underflow
  }
}

/// Outputs of one row from its exponentials.
private func certifiedOutputs(
  _ weights: UnsafeBufferPointer<Double>, _ runs: [KeyRun], _ values: ReferenceValues, _ spread: RowSpread,
  _ outputs: UnsafeMutableBufferPointer<Double>, _ bounds: UnsafeMutableBufferPointer<Double>,
  path: KernelPath
) {
  precondition(
    runs.allSatisfy { $0.keys.isEmpty || $0.keys.lowerBound >= 0 && $0.keys.upperBound <= values.count }
      && outputs.count == values.channels)
  var (sum, rest) = (0.0, 0.0)
  for weight in weights {
    let after = sum + weight
    let part = after - sum
    rest += (sum - (after - part)) + (weight - part)
    sum = after
  }
  let weight = sum + rest
  let channels = values.channels
  withUnsafeTemporaryAllocation(of: Double.self, capacity: 3 * channels) { room in
    room.initialize(repeating: 0)
    let sums = room.baseAddress!
    let (rests, magnitudes) = (sums + channels, sums + 2 * channels)
    values.scaled.withUnsafeBufferPointer {
      var start = 0
      for run in runs where !run.keys.isEmpty {
        ropedrift_compensated_weighted_sums(
          weights.baseAddress! + start, $0.baseAddress! + run.keys.lowerBound * channels, run.keys.count,
          channels, path.allowsVectors, sums, rests, magnitudes)
        start += run.keys.count
      }
    }
    for channel in 0..<channels {
      if let special = values.specialSum(runs, channel: channel) {
        (outputs[channel], bounds[channel]) = (special, special.isNaN ? .nan : 0)
        continue
      }
      let output = (sums[channel] + rests[channel]) / weight
      let bound = spread.outputBound(
        output, magnitude: magnitudes[channel], weight: weight, largestValue: values.largest)
      outputs[channel] = Double(sign: .plus, exponent: values.exponent, significand: output)
      bounds[channel] = Double(sign: .plus, exponent: values.exponent, significand: bound)
    }
  }
}
