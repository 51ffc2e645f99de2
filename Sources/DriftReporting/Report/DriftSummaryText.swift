// The few lines that a person reads when a report is done.

import DriftAnalysis
import FloatingPointFormats

extension DriftResults {
  /// One line a recipe and comparison: drift, the first token's share beside the uniform share and its bound, the worst head and token;
  /// then what has to be known to read it.
  public var summaryText: String {
    var table = AlignedTextTable(
      header: [
        "recipe", "shifts", "D (weighted)", "D_logit", "share 0: logit", "probability", "uniform", "bound",
        "worst head",
        "worst key: logit", "probability", "not finite",
      ], keyColumns: 2)
    for recipe in recipes {
      for comparison in recipe.comparisons {
        let totals = comparison.totals
        let logit = totals.concentration(in: .logit)
        let probability = totals.concentration(in: .probability)
        table.append([
          .string(recipe.name), .string("\(comparison.shifts.first),\(comparison.shifts.second)"),
          Cell(totals.dWeighted), Cell(totals.dLogit), Cell(logit?.share), Cell(probability?.share),
          Cell(logit?.uniformShare), .string(recipe.shareBound == .half ? "1/2" : "none"),
          .string(Self.worstHead(comparison)), .string(Self.worstKey(comparison, .logit)),
          .string(Self.worstKey(comparison, .probability)),
          .integer(totals.logit.nonfiniteCount + totals.probability.nonfiniteCount),
        ])
      }
    }
    return table.text + notes
  }

  private var notes: String {
    var lines = [
      "share 0: the first token's part of the sum of |drift|; uniform: its part of all pairs. Rows of A sum to 1, so where",
      "probabilities are not rounded the unweighted share of any one key is at most 1/2. worst head: greatest D;",
      "worst key: greatest share. Isolated mode: the same q and k, only positions shifted.",
    ]
    lines += nonFinite.inWords.map {
      "warning: \($0); pairs that they reach are counted as not finite and enter no sum"
    }
    for recipe in recipes where recipe.inputRounding.overflow + recipe.inputRounding.underflow > 0 {
      lines.append(
        "note: in the input of \(recipe.name) \(recipe.inputRounding.overflow) elements overflow, \(recipe.inputRounding.underflow) lose "
          + "bits below the normal range, \(recipe.inputRounding.flushedToZero) of them become zero")
    }
    return lines.map { $0 + "\n" }.joined()
  }

  private static func worstHead(_ comparison: ComparisonResults) -> String {
    let known = comparison.heads.compactMap { head in head.totals.dWeighted.map { (head, $0) } }
    guard let worst = firstMaximum(known, by: \.1), worst.1 > 0 else { return "-" }
    return "layer \(worst.0.layer) head \(worst.0.head)"
  }

  private static func worstKey(_ comparison: ComparisonResults, _ space: ValueSpace) -> String {
    let known = comparison.keys.compactMap { key in
      (space == .logit ? key.logitConcentration : key.probabilityConcentration).share.map { (key.key, $0) }
    }
    guard let worst = firstMaximum(known, by: \.1) else { return "-" }
    return "\(worst.0) (\(AlignedTextTable.text(worst.1)))"
  }

  /// The first of the greatest elements.
  private static func firstMaximum<Element>(_ elements: [Element], by value: (Element) -> Double) -> Element?
  {
    elements.reduce(nil as Element?) { best, element in
      guard let best, value(best) >= value(element) else { return element }
      return best
    }
  }
}
