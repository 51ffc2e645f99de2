// What a person reads of a pattern experiment: one table that sets the patterns side by side, and what has to be known to read it.

import DriftAnalysis
import FloatingPointFormats
import RotaryAttention

extension PatternReport {
  /// The table over all layers and heads, and the notes.
  public var text: String {
    var table = AlignedTextTable(
      header: [
        "pattern", "recipe", "D (weighted)", "D_logit", "share 0: logit", "probability", "first tokens",
        "logit error", "output error", "nmse", "output drift", "mass on 0: exact", "emulated",
        "top key: from exact", "between shifts", "margin lost",
      ], keyColumns: 2)
    for result in results {
      for (index, recipe) in result.drift.recipes.enumerated() {
        let comparison = recipe.comparisons[0]
        let rows = result.rows[index].total
        let top = rows.topKeys
        func part(_ flips: Int) -> Cell { .string("\(flips) of \(top.queries)") }
        table.append([
          .string(result.name), .string(recipe.name), Cell(comparison.totals.dWeighted),
          Cell(comparison.totals.dLogit), Cell(comparison.totals.concentration(in: .logit)?.share),
          Cell(comparison.totals.concentration(in: .probability)?.share),
          Cell(result.firstTokenShare(ofRecipe: index, in: .logit)),
          Cell(comparison.error.logit.absolute.maximum),
          Cell(rows.outputError.absolute.maximum), Cell(rows.outputError.normalizedMeanSquare),
          Cell(rows.outputDrift.maximum), Cell(rows.anchorMass.reference), Cell(rows.anchorMass.emulated),
          part(top.flipsFromReference), part(top.flipsBetweenShifts), Cell(top.greatestMarginFlipped),
        ])
      }
    }
    return table.text + "\n" + costTable + forms + notes
  }

  /// What does not depend on a recipe.
  private var costTable: String {
    var table = AlignedTextTable(header: [
      "pattern", "visible pairs", "of full", "blocks: full", "partial", "empty", "GFLOP: pairs", "blocks",
      "range: mean", "greatest", "greatest position",
    ])
    for result in results {
      let (all, blocks) = (result.extent.all, result.blocks)
      let heads = Double(result.headCount)
      table.append([
        .string(result.name), .integer(all.visiblePairs), .number(result.visiblePart),
        .integer(blocks.full), .integer(blocks.partial), .integer(blocks.empty),
        .number(result.exactOperations * heads * 1e-9), .number(result.blockOperations * heads * 1e-9),
        Cell(all.meanRange), .integer(all.greatestRange), Cell(all.greatestMagnitude),
      ])
    }
    return table.text + "\n"
  }

  /// The two forms of the anchor, where both were measured.
  private var forms: String {
    let compared = results.filter {
      $0.pattern.mask.documents == .anchored && $0.rows.contains { $0.total.placement.probabilities > 0 }
    }
    guard !compared.isEmpty else { return "" }
    var table = AlignedTextTable(
      header: [
        "the two forms of", "recipe", "probabilities that differ", "outputs that differ", "elements",
        "greatest difference",
      ], keyColumns: 2)
    for result in compared {
      for (rows, recipe) in zip(result.rows, result.drift.recipes) {
        let sums = rows.total.placement
        table.append([
          .string(result.name), .string(recipe.name),
          .string("\(sums.differingProbabilities) of \(sums.probabilities)"),
          sums.outputs == 0 ? .missing : .string("\(sums.differingOutputs) of \(sums.outputs)"),
          sums.outputs == 0 ? .missing : .integer(sums.differingElements), Cell(sums.greatestDifference),
        ])
      }
    }
    return table.text + "\n"
  }

  private var notes: String {
    let first = results[0]
    let layout = first.pattern.documents
    let shifts = first.drift.experiment.comparisons[0]
    var lines = [
      "\(layout.inWords); drift: "
        + "shifts \(shifts.first),\(shifts.second); error: at shift \(shifts.first). Isolated mode.",
      "share 0: the first token's part of the sum of |drift|; first tokens: that of all documents' first tokens, logits; errors and drift of",
      "outputs are greatest magnitudes; mass on 0: mean over the queries that see token 0 and are not it; top key: queries whose first key",
      "with the greatest logit changes; margin lost: greatest exact margin (top logit minus the next) of a query that left the exact top key.",
      "blocks are \(first.blocks.size) x \(first.blocks.size); GFLOP: 4 d per pair, forward, over the measured heads; range: query position minus key position.",
    ]
    if results.contains(where: { $0.pattern.mask.hasAnchor }) {
      lines.append(
        "The two forms of an anchor, shared and copied, are one thing in exact arithmetic; their tiles are cut at other places."
      )
    }
    let layers = first.drift.experiment.layers
    // Layers are one after the other in rows, as in the experiment.
    let bare = layers.indices.filter { layer in
      first.rows.allSatisfy { $0.layers[layer].outputError.absolute.count == 0 }
    }
    if bare.count == layers.count {
      lines.append("note: the input has no values (v), so that figures of outputs are missing")
    } else if !bare.isEmpty {
      lines.append(
        "note: layers without values (v), which figures of outputs leave out: \(PageText.indices(bare.map { layers[$0] }))"
      )
    }
    for result in results {
      for (index, recipe) in result.drift.recipes.enumerated() {
        guard let found = result.nonFiniteInWords(index) else { continue }
        lines.append("warning: under \(result.name) and \(recipe.name) \(found)")
      }
    }
    lines += first.drift.nonFinite.inWords.map {
      "warning: \($0); what they reach is counted as not finite and enters no sum"
    }
    return lines.map { $0 + "\n" }.joined()
  }

  /// The chunks of the patterns as text.
  public static func layoutText(_ patterns: [(name: String, pattern: AttentionPattern)]) throws -> String {
    var table = AlignedTextTable(
      header: [
        "pattern", "chunk", "document", "domain", "first token", "tokens", "of the tag", "position", "to",
        "last token sees", "own document", "own tag", "farthest",
      ], keyColumns: 2)
    try PatternLayoutTable.forEachRow(patterns) { table.append($0) }
    return table.text
  }
}

extension DocumentLayout {
  /// How many documents of how many tokens.
  var inWords: String {
    let lengths = documents.map(\.length)
    let (least, greatest) = (lengths.min() ?? 0, lengths.max() ?? 0)
    return
      "\(documents.count) documents of \(least == greatest ? "\(least)" : "\(least) to \(greatest)") tokens in a window of \(tokens)"
  }
}
