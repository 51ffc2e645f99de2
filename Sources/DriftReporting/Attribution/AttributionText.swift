// What a person reads of an attribution: for each recipe and pair of shifts drift by stage, error by stage and the first key, then
// what has to be known to read it.

import DriftAnalysis
import FloatingPointFormats

extension AttributionResults {
  /// The tables over all layers and heads, and the notes.
  public var text: String {
    var text = ""
    for recipe in recipes {
      for comparison in recipe.comparisons {
        let shifts = "shifts \(comparison.shifts.first),\(comparison.shifts.second)"
        let first = comparison.scopes.first { $0.scope == .firstKey }!
        text += "\(AlignedTextTable.visible(recipe.variants.recipe.name)), \(shifts): drift by stage\n"
        text += recipe.driftTable(comparison.all, first) + "\n"
        text +=
          "\(AlignedTextTable.visible(recipe.variants.recipe.name)), error at shift \(comparison.shifts.first)\n"
        text += recipe.errorTable(comparison.all) + recipe.notes(comparison.all) + "\n"
      }
    }
    return text + Self.legend
  }

  private static let legend = """
    only: root mean square with this one stage rounded; share: (only/recipe)^2; saved: 1 - without/recipe, where "without" rounds
    every stage but this one; up to: the first stages rounded, this one the last. Parts need not add up: roundings cancel and
    reinforce each other, and a later rounding may swallow an earlier one.

    """
}

extension AttributionResults.OfRecipe {
  fileprivate func driftTable(_ all: AttributionResults.Part, _ first: AttributionResults.Part) -> String {
    var table = AlignedTextTable(header: [
      "stage", "rounds to", "logit: only", "share", "saved", "up to", "probability: only", "share", "saved",
      "up to",
      "D_logit: saved", "D: saved", "key 0: logit share", "probability share",
    ])
    func rms(_ variant: StageVariant) -> (Cell, Cell) {
      let figures = all[variant]
      return (Cell(figures.logitDrift.rootMeanSquare), Cell(figures.probabilityDrift.rootMeanSquare))
    }
    for (index, stage) in variants.stages.enumerated() {
      let (only, cumulative) = (rms(.only(index)), rms(.cumulative(index + 1)))
      table.append([
        .string(stage.name), .string(variants.recipe[stage].summary), only.0,
        Cell(all.share(.logitDrift, ofStage: index)), Cell(all.saved(.logitDrift, byStage: index)),
        cumulative.0,
        only.1, Cell(all.share(.probabilityDrift, ofStage: index)),
        Cell(all.saved(.probabilityDrift, byStage: index)),
        cumulative.1, Cell(all.saved(.dLogit, byStage: index)), Cell(all.saved(.dWeighted, byStage: index)),
        Cell(first.share(.logitDrift, ofStage: index)), Cell(first.share(.probabilityDrift, ofStage: index)),
      ])
    }
    for (name, variant) in [("recipe", StageVariant.recipe), ("floor", .floor)] {
      let (logit, probability) = rms(variant)
      let none = [Cell](repeating: .missing, count: 3)
      table.append(
        [.string(name), "-", logit] + none + [probability] + none + [Cell](repeating: .missing, count: 4))
    }
    return table.text
  }

  fileprivate func errorTable(_ all: AttributionResults.Part) -> String {
    var table = AlignedTextTable(header: [
      "stage", "logit: only", "share", "saved", "up to", "probability: only", "share", "saved", "up to",
    ])
    func rms(_ variant: StageVariant) -> (Cell, Cell) {
      let figures = all[variant]
      return (Cell(figures.logitError.rootMeanSquare), Cell(figures.probabilityError.rootMeanSquare))
    }
    for (index, stage) in variants.stages.enumerated() {
      let (only, cumulative) = (rms(.only(index)), rms(.cumulative(index + 1)))
      table.append([
        .string(stage.name), only.0, Cell(all.share(.logitError, ofStage: index)),
        Cell(all.saved(.logitError, byStage: index)), cumulative.0, only.1,
        Cell(all.share(.probabilityError, ofStage: index)),
        Cell(all.saved(.probabilityError, byStage: index)),
        cumulative.1,
      ])
    }
    for (name, variant) in [("recipe", StageVariant.recipe), ("floor", .floor)] {
      let (logit, probability) = rms(variant)
      let none = [Cell](repeating: .missing, count: 3)
      table.append([.string(name), logit] + none + [probability] + none)
    }
    return table.text
  }

  /// What the tables do not say of themselves.
  fileprivate func notes(_ all: AttributionResults.Part) -> String {
    var lines: [String] = []
    if variants.carrier == .binary64 {
      lines.append(
        "stages that are not rounded are carried in binary64, which gives the floor; --exact leaves them exact (slow)"
      )
      let still = variants.stages.indices.filter { all[.only($0)].driftIsByTheorem }.map {
        variants.stages[$0].name
      }
      if !still.isEmpty {
        lines.append(
          "0 by theorem, not measured: the drift of \(still.joined(separator: ", ")) alone or together, after exact stages"
        )
      }
      for (words, wanted) in [("drift", true), ("error", false)] {
        let small = variants.all.filter { variant in all.atTheFloor(variant).contains { $0.isDrift == wanted }
        }
        let names = small.map { variant in
          variant.name + (variant.stage.map { " " + variants.stages[$0].name } ?? "")
        }
        if !names.isEmpty {
          lines.append(
            "warning: below 2^10 times the floor, so of no meaning but that it is small: a figure of \(words) of "
              + names.joined(separator: ", "))
        }
      }
    }
    if !variants.unattributed.isEmpty {
      lines.append(
        "not attributed: \(variants.unattributed.map(\.name).joined(separator: ", ")), rounded to fp64 in every variant; "
          + "--exact tells that from exact stages")
    }
    let recipe = all[.recipe]
    let nonFinite = recipe.logitDrift.nonfiniteCount + recipe.probabilityDrift.nonfiniteCount
    if nonFinite > 0 {
      lines.append(
        "warning: \(nonFinite) differences of the recipe are NaN or infinite and enter no figure; variants may have others"
      )
    }
    return lines.map { $0 + "\n" }.joined()
  }
}
