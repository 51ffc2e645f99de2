// What a person reads when whole runs were compared: the modes side by side, then in words what the null control leaves of the difference.

import DriftAnalysis

extension PropagatedResults {
  /// One line a recipe and mode, and a sentence a recipe on the null control.
  public var text: String {
    var table = AlignedTextTable(
      header: [
        "recipe", "shifts", "mode", "D (weighted)", "of propagated", "sum |Δlogit|", "of propagated",
        "D_logit", "share 0: logit", "probability", "top key flips", "not finite",
      ], keyColumns: 3)
    for recipe in recipes {
      let whole = recipe[.propagated]?.totals
      for mode in recipe.modes {
        let totals = mode.totals
        table.append([
          .string(recipe.name), .string("\(experiment.shifts.first),\(experiment.shifts.second)"),
          .string(mode.mode.rawValue), Cell(totals.dWeighted),
          Cell(PropagatedTable.quotient(totals.dWeighted, whole?.dWeighted)),
          Cell(totals.sumAbsLogitDifference),
          Cell(PropagatedTable.quotient(totals.sumAbsLogitDifference, whole?.sumAbsLogitDifference)),
          Cell(totals.dLogit), Cell(totals.concentration(in: .logit)?.share),
          Cell(totals.concentration(in: .probability)?.share), Cell(mode.flips.fraction),
          .integer(totals.logit.nonfiniteCount + totals.probability.nonfiniteCount),
        ])
      }
    }
    return table.text + notes.map { $0 + "\n" }.joined()
  }

  private var notes: [String] {
    var lines = [
      "propagated: two whole runs, each at its shift. isolated: the first run's q and k at both shifts. carried: the two runs' q and k at",
      "the second shift. null: the first run minus its null control, both at the first shift. isolated and carried add up to propagated",
      "pair by pair, not in magnitude. top key flips: part of query rows whose greatest logit is beaten in the other run.",
    ]
    if experiment.null == nil {
      lines.append(
        "warning: without a null control (--null) nothing here says how much of the propagated difference is the model's rounding noise, "
          + "which any two runs have; no conclusion about positions follows from mode propagated"
      )
    } else if nullIsFirst || nullChangesNothing {
      lines.append(
        "warning: the null control \(nullIsFirst ? "is the first run bit for bit" : "changes no logit and no probability"), so it shows no noise and no "
          + "conclusion about positions follows from mode propagated; make one with another --null kind, such as order"
      )
    } else {
      if experiment.null?.nullKind == nil {
        lines.append("note: the null control's file does not say what makes it one (run.null)")
      }
      lines += recipes.compactMap(Self.sentence)
    }
    if !experiment.comparesTokens {
      lines.append("note: not all runs hold their token_ids, so nothing shows that they ran on the same text")
    }
    return lines
  }

  /// What the null control has of a recipe's propagated difference, in words.
  static func sentence(_ recipe: PropagatedRecipe) -> String? {
    guard let whole = recipe[.propagated]?.totals, let null = recipe[.null]?.totals else { return nil }
    guard whole.logit.finiteCount > 0, whole.probability.finiteCount > 0 else {
      return
        "\(recipe.name): no difference of the two runs is finite, so that there is nothing to compare a null control with"
    }
    guard null.logit.finiteCount > 0, null.probability.finiteCount > 0 else {
      return "\(recipe.name): no difference of the null control is finite, so that it controls nothing"
    }
    let logits = PropagatedTable.quotient(null.sumAbsLogitDifference, whole.sumAbsLogitDifference)
    let probabilities = PropagatedTable.quotient(null.dWeighted, whole.dWeighted)
    guard let logits, let probabilities else {
      return
        "\(recipe.name): the two runs do not differ, so that there is nothing to compare a null control with"
    }
    let isolated = PropagatedTable.quotient(recipe[.isolated]?.totals.dWeighted, whole.dWeighted)
    let part = isolated.map { "; the isolated part is \(percent($0)) of it in probabilities" } ?? ""
    return
      "\(recipe.name): rounding noise alone, without any shift, gives \(percent(probabilities)) of the propagated difference in "
      + "probabilities and \(percent(logits)) in logits\(part): \(conclusion(min(logits, probabilities), max(logits, probabilities)))"
  }

  /// What follows from the smaller and the greater of the null control's two parts.
  static func conclusion(_ least: Double, _ most: Double) -> String {
    if least >= 0.8 {
      return "two runs at one shift differ about as much, so this is no sign of broken positions"
    }
    if least > 0.5 { return "most of it is what two runs at one shift differ by" }
    if most >= 0.1 { return "part of it is what two runs at one shift differ by" }
    return "two runs at one shift differ by little of it"
  }

  private static func percent(_ value: Double) -> String { "\(AlignedTextTable.text(100 * value)) %" }
}
