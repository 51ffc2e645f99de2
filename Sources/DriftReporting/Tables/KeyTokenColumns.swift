// What every table of key tokens says of a key: its differences and its part of them. Here once, whatever names the row's comparison.

import DriftAnalysis

extension ColumnDescription {
  /// The columns of ``Cell/keyToken(_:in:heads:dWeighted:)``.
  ///
  /// - Parameter firstRun: where the probabilities are that `relative_change` is relative to, as "at shift_1".
  static func keyToken(probabilities firstRun: String) -> [ColumnDescription] {
    [
      space,
      ColumnDescription("key", .integer, meaning: "Index of the key token in the file.", minimum: 0),
    ] + drift() + maximumPlace + [
      ColumnDescription(
        "share", .number, meaning: "The key's part of the sum over all keys of |difference|.",
        emptyWhere: "the sum is zero or nothing is finite"),
      ColumnDescription(
        "uniform_share", .number, meaning: "The key's part of all visible pairs.",
        emptyWhere: "no pair is visible"),
      ColumnDescription(
        "ratio_to_others", .number,
        meaning: "The key's mean |difference| over the mean over the pairs of all other keys.",
        emptyWhere: "a mean is missing or the divisor is zero"),
      ColumnDescription(
        "relative_change", .number,
        meaning: "Sum of |difference| over the sum of the key's probabilities \(firstRun).",
        emptyWhere: "the row is about logits, nothing is finite or the divisor is zero"),
      ColumnDescription(
        "weighted_sum", .number, unit: "probability", meaning: "The key's part of d_weighted.",
        emptyWhere: "the row is about logits or nothing is finite"),
      ColumnDescription(
        "weighted_share", .number,
        meaning: "weighted_sum over d_weighted; no bound below 1 holds for it.",
        emptyWhere: "the row is about logits, d_weighted is zero or nothing is finite"),
    ]
  }
}

extension Cell {
  /// A key's differences and its part of those of all keys, in one space.
  ///
  /// - Parameters:
  ///   - key: the key's sums over `heads` heads, which see it equally often.
  ///   - space: logits or probabilities.
  ///   - heads: heads of all layers that the sums run over.
  ///   - dWeighted: the sum over all keys of weighted sums; nil where nothing is finite.
  static func keyToken(_ key: KeyDrift, in space: ValueSpace, heads: Int, dWeighted: Double?) -> [Cell] {
    let isLogit = space == .logit
    let sums = isLogit ? key.logit : key.probability
    let concentration = isLogit ? key.logitConcentration : key.probabilityConcentration
    // Every head sees a key equally often, so n_j of one head is heads / count. Without a pair there is no sum.
    let weighted = isLogit ? nil : sums.sumOfMagnitudes.map { $0 * Double(heads) / Double(sums.count) }
    let weightedShare = weighted.flatMap { part in dWeighted.flatMap { $0 > 0 ? part / $0 : nil } }
    return [.string(space.rawValue), .integer(key.key)] + drift(sums) + maximumPlace(sums) + [
      Cell(concentration.share), Cell(concentration.uniformShare), Cell(concentration.ratioToOthers),
      Cell(concentration.relativeChange), Cell(weighted), Cell(weightedShare),
    ]
  }
}
