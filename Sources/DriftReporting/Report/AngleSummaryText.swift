// The tables of an angle experiment that a person reads in a terminal.

import DriftAnalysis
import EmulatedEngine
import FloatingPointFormats
import ReferenceEngine

extension AngleResults {
  /// Angles, then cos and sin, then what each stage does where `stages`; a line a range, or a range and pair where `perPair`.
  ///
  /// - Throws: ``UndecidedRounding`` where a frequency cannot be decided.
  public func text(perPair: Bool, stages: Bool) throws -> String {
    var text = angleTable(perPair: perPair) + "\n" + sineTable(perPair: perPair)
    if stages { text += "\n" + stageTable(perPair: perPair) }
    return text + notes
  }

  private func forEachLine(perPair: Bool, _ line: ([Cell], AngleErrorSums, AngleRange) -> Void) {
    for recipe in recipes {
      for range in recipe.ranges {
        let positions = "\(range.positions.lowerBound)-\(range.positions.upperBound)"
        for sums in perPair ? range.pairs : [range.total] {
          line([.string(recipe.recipe.name), .string(positions)], sums, range)
        }
      }
    }
  }

  private func angleTable(perPair: Bool) -> String {
    var table = AlignedTextTable(header: [
      "recipe", "positions", "max |Δangle| rad", "pair", "position", "rms", "mean", "stage",
      "equal neighbours",
      "distinct positions", "not finite",
    ])
    forEachLine(perPair: perPair) { place, sums, range in
      table.append(
        place + [
          Cell(sums.angle?.magnitude), Cell(sums.angle?.pair), Cell(sums.angle?.position),
          Cell(sums.angleRootMeanSquare), Cell(sums.angleMean), Self.name(sums.angleStages.cause),
          Cell(sums.collisionFraction), .integer(range.counts.distinct), .integer(sums.nonfiniteAngles),
        ])
    }
    return table.text
  }

  private func sineTable(perPair: Bool) -> String {
    var table = AlignedTextTable(header: [
      "recipe", "positions", "max |Δcos|, |Δsin|", "of", "pair", "position", "rms", "stage",
      "widen", "leaves", "not finite",
    ])
    forEachLine(perPair: perPair) { place, sums, _ in
      let cheapest = sums.table.flatMap { sums.tableStages.cheapest(full: $0.magnitude) }
      table.append(
        place + [
          Cell(sums.table?.magnitude), .string(sums.table.map { $0.isSine ? "sin" : "cos" } ?? "-"),
          Cell(sums.table?.pair), Cell(sums.table?.position), Cell(sums.tableRootMeanSquare),
          Self.name(sums.tableStages.cause), Self.name(cheapest),
          Cell(cheapest.flatMap { sums.tableStages.without[$0]?.magnitude }),
          .integer(sums.nonfiniteTableValues),
        ])
    }
    return table.text
  }

  private func stageTable(perPair: Bool) -> String {
    let names = TableStages.ordered.map(\.name)
    var table = AlignedTextTable(header: ["recipe", "positions", "pair", "max error of", "rounded"] + names)
    forEachLine(perPair: perPair) { place, sums, _ in
      let pair: Cell = perPair ? Cell(sums.angle?.pair ?? sums.table?.pair) : .string("all")
      for (what, stages) in [("angle (rad)", sums.angleStages), ("cos, sin", sums.tableStages)] {
        for (which, maxima) in [("only", stages.own), ("all but", stages.without)] {
          table.append(
            place + [pair, .string(what), .string(which)] + maxima.map { Cell($0?.magnitude) }
              + [Cell](repeating: .missing, count: names.count - maxima.count))
        }
      }
    }
    return table.text
  }

  private static func name(_ stage: Int?) -> Cell {
    .string(stage.map { TableStages.ordered[$0].name } ?? "-")
  }

  private var notes: String {
    var lines = [
      "stage: the one whose rounding alone gives the greatest error. widen, leaves: the one stage that is best made exact (fp64 is, at",
      "this scale), and the greatest error of cos and sin that then remains. Angles are not wrapped.",
    ]
    for recipe in recipes {
      let entries = recipe.ranges.reduce(0) { $0 + $1.total.nonfiniteAngles }
      if entries > 0 {
        lines.append(
          "warning: \(recipe.recipe.name) has \(entries) angles that are not finite; they enter no figure")
      }
    }
    return lines.map { $0 + "\n" }.joined()
  }
}
