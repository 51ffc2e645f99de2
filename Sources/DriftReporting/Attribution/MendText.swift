// What a person reads of a search for mends: what was searched, how costs are counted, the frontier, the verdict.

import DriftAnalysis
import FloatingPointFormats

extension MendResults {
  /// The table of the options on the frontier, the recipe itself and the chosen one, with what was searched.
  public var text: String {
    let name = AlignedTextTable.visible(search.options.recipe.name)
    var text =
      "\(name): mends by \(search.metric.name)" + (search.budget.map { ", budget \($0.limit.text)" } ?? "")
      + "\n"
    text += searched
    var table = AlignedTextTable(header: [
      "widened stages", "bytes: a token", "a token and layer", "a score", "total", "operations: a token",
      "a token and layer", "a score", "total", search.metric.name, "logit error rms", "within budget",
    ])
    for (index, mend) in mends.enumerated() where mend.isOnFrontier || index == 0 || index == chosen {
      let (option, cost) = (mend.option, mend.option.cost)
      table.append([
        .string(option.stagesInWords + (index == chosen ? " (chosen)" : "")), .integer(cost.bytesPerToken),
        .integer(cost.bytesPerTokenAndLayer), .integer(cost.bytesPerScore), .integer(option.bytes),
        .integer(cost.operationsPerToken), .integer(cost.operationsPerTokenAndLayer),
        .integer(cost.operationsPerScore), .integer(option.operations), Cell(mend.figure),
        Cell(mend.logitError?.rootMeanSquare), .string(isWithinBudget(mend).map { $0 ? "yes" : "no" } ?? "-"),
      ])
    }
    return text + table.text + Self.legend + (verdict.map { $0 + "\n" } ?? "")
  }

  private var searched: String {
    let options = search.options
    var lines = [
      "\(options.setCount) sets of \(options.stages.count) stages, \(mends.count) of them different arithmetic"
        + (options.idle.isEmpty
          ? "" : "; \(options.idle.map(\.name).joined(separator: ", ")) round nothing here")
    ]
    if let queries = search.screeningQueries {
      let full = mends.filter { $0.evidence != .screened }.count
      lines.append(
        "screened on \(queries.count) queries (seed \(search.seed)); \(full) measured in full, the others not: one of them might do better"
      )
    } else {
      lines.append("all of them measured in full")
    }
    return lines.map { $0 + "\n" }.joined()
  }

  private static let legend = """
    Each stage goes to fp32, or to fp64 from fp32. Bytes and operations are counts beyond the recipe's own, not times: a token: shared
    by all layers; a token and layer: key cache, q and k; a score: a visible pair in each head, where scores are stored. One operation
    is a product, a sum or a function value that takes or gives the wider format. Total: over the measured tokens, layers and heads.

    """

  /// What became of the budget, in one sentence; nil without one.
  public var verdict: String? {
    guard let budget = search.budget else { return nil }
    let name = AlignedTextTable.visible(search.options.recipe.name)
    let limit = "\(budget.metric.name) <= \(budget.limit.text)"
    if chosen == 0 { return "\(name) is within \(limit) as it is" }
    if let chosen {
      return
        "the smallest, then cheapest mend of \(name) found within \(limit): widen \(mends[chosen].option.stagesInWords)"
    }
    guard let best else {
      return "no mend of \(name) has a finite \(budget.metric.name), so none is within the budget"
    }
    return
      "no mend of \(name) found within \(limit); the best is \(AlignedTextTable.text(best.figure ?? .nan)) with "
      + "\(best.option.stagesInWords)"
  }
}
