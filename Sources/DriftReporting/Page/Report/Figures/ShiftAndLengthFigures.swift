// D over pairs of shifts, and D_logit over prefix lengths.

import DriftAnalysis

extension FigureKind {
  static let shifts = FigureKind { data in
    let points = ShiftPoints(data.results)
    guard points.labels.count > 1 else { return [] }
    return ValueSpace.allCases.compactMap { space in
      let lines = data.recipes.map { name, recipe in
        PlotSeries(
          name: name,
          points: zip(points.labels, points.totals(of: recipe)).compactMap { label, totals in
            guard let value = D.value(totals, space), value > 0 else { return nil }
            return (.string(label), value)
          })
      }
      let isLong = points.labels.count > 6
      let axis: JSONValue = [
        "title": .string(points.title), "labelAngle": isLong ? -60 : 0, "labelFontSize": isLong ? 11 : 12,
        "labelOverlap": points.labels.count > 24 ? "greedy" : false,
      ]
      let sort = JSONValue.array(points.labels.map(JSONValue.string))
      guard
        let body = SeriesPanel.body(
          lines,
          x: ("ordinal", [("sort", sort), ("axis", axis), ("scale", ["domain": sort, "type": "point"])]),
          y: D.name(space), names: ("shift", D.field(space)))
      else { return nil }
      let title = "\(D.name(space)) over shifts, \(space.plural)"
      return PageFigure(
        name: "shifts-\(space.rawValue)", section: .shifts, comparison: nil, title: title,
        caption: "\(D.inWords(space)); all heads and layers summed. Shifts are spaced evenly, not to scale."
          + (points.hasEqualShifts
            ? " Two equal shifts have no drift and no place on a logarithmic axis." : ""),
        subtitle: [D.inWords(space)],
        description: "\(title), a line for each recipe, logarithmic.", body: body,
        table: PageTable(
          header: [points.title] + data.names,
          rows: points.labels.indices.map { index in
            [.string(points.labels[index])]
              + data.results.recipes.map { Cell(D.value(points.totals(of: $0)[index], space)) }
          }, source: "shifts.csv"))
    }
  }

  static let lengths = FigureKind { data in
    data.picturedComparisons.compactMap { comparison in
      let all = data.results.experiment.lengths
      let lines = data.recipes.map { name, recipe in
        PlotSeries(
          name: name,
          points: recipe.comparisons[comparison].lengths.compactMap { length in
            guard let value = length.totals.dLogit, value > 0 else { return nil }
            return (.integer(length.length), value)
          })
      }
      let scale: JSONValue = ["type": "log", "base": 2, "nice": false, "domain": Self.lengthDomain(all)]
      let axis: JSONValue = [
        "title": "tokens", "values": .array(all.map(JSONValue.integer)), "format": "d",
        "labelAngle": all.count > 7 ? -60 : 0,
      ]
      guard
        let body = SeriesPanel.body(
          lines, x: ("quantitative", [("scale", scale), ("axis", axis)]), y: D.name(.logit),
          names: ("tokens", D.field(.logit)))
      else { return nil }
      return PageFigure(
        name: PageFigure.name("lengths-logit", comparison), section: .lengths, comparison: comparison,
        title: "D_logit over length, logits",
        caption: "Shifts \(data.shifts(comparison)). \(D.inWords(.logit)); all heads and layers summed.",
        subtitle: [D.inWords(.logit)],
        description: "D_logit of prefixes over their length, a line for each recipe, both axes logarithmic.",
        body: body,
        table: PageTable(
          header: ["tokens"] + data.names,
          rows: all.indices.map { index in
            [.integer(all[index])]
              + data.results.recipes.map {
                Cell($0.comparisons[comparison].lengths[index].totals.dLogit)
              }
          }, source: "lengths.csv"))
    }
  }

  private static func lengthDomain(_ lengths: [Int]) -> JSONValue {
    let (least, greatest) = (lengths.first ?? 1, lengths.last ?? 1)
    return [.integer(least), .integer(greatest > least ? greatest : least * 2)]
  }

  /// The metric of a space that stands for a whole run.
  enum D {
    static func value(_ totals: DriftTotals, _ space: ValueSpace) -> Double? {
      space == .logit ? totals.dLogit : totals.dWeighted
    }
    static func name(_ space: ValueSpace) -> String { space == .logit ? "D_logit" : "D" }
    static func field(_ space: ValueSpace) -> String { space == .logit ? "d_logit" : "d_weighted" }
    static func inWords(_ space: ValueSpace) -> String {
      space == .logit
        ? "Mean |δs| of the first token, absolute" : "Weighted sum of |δA| over all tokens, absolute"
    }
  }

  /// The pairs of shifts of one picture: those of a sweep, which share Δ₂, or else all that were compared.
  struct ShiftPoints {
    private let pairs: [ShiftPair]
    let labels: [String]
    let title: String

    init(_ results: DriftResults) {
      let experiment = results.experiment
      if let against = experiment.sweep.first?.second {
        let chosen = Set((experiment.comparisons + experiment.sweep).filter { $0.second == against })
        pairs = chosen.sorted { $0.first < $1.first }
        labels = pairs.map { String($0.first) }
        title = "first shift (second: \(against))"
      } else {
        pairs = experiment.comparisons
        labels = pairs.map { "\($0.first),\($0.second)" }
        title = "shifts"
      }
    }

    var hasEqualShifts: Bool { pairs.contains { $0.first == $0.second } }

    func totals(of recipe: RecipeResults) -> [DriftTotals] {
      pairs.map { pair in
        recipe.comparisons.first { $0.shifts == pair }?.totals
          ?? recipe.sweep.first { $0.shifts == pair }?.totals ?? DriftTotals()
      }
    }
  }
}
