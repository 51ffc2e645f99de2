// Recipes by D and by D_logit, the worst on top.

import DriftAnalysis

extension FigureKind {
  static let ladder = FigureKind { data in ValueSpace.allCases.compactMap { ladder(data, $0) } }

  private static func ladder(_ data: ReportPageData, _ space: ValueSpace) -> PageFigure? {
    let shifts = data.picturedComparisons
    let rows = data.recipes.map { name, recipe in
      (name: name, values: shifts.map { D.value(recipe.comparisons[$0].totals, space) })
    }
    let drawn = rows.flatMap { $0.values.compactMap { $0 } }.filter { $0 > 0 }
    guard !drawn.isEmpty else { return nil }
    let order = rows.indices.sorted { a, b in
      let (first, second) = (rows[a].values[0] ?? -1, rows[b].values[0] ?? -1)
      return first > second || first == second && a < b
    }
    let names = order.map { rows[$0].name }
    let axis = LogarithmicAxis(holding: drawn)
    let places: [(String, JSONValue)] = [
      (
        "y",
        VegaLite.field(
          "recipe", "nominal",
          [
            ("sort", .array(names.map(JSONValue.string))),
            ("axis", ["title": .null, "labelLimit": 170, "grid": true]),
            ("scale", ["domain": .array(names.map(JSONValue.string)), "type": "point", "padding": 0.6]),
          ])
      ),
      ("x", VegaLite.field(D.field(space), "quantitative", axis.encoding(title: D.name(space), ticks: 6))),
    ]
    let title = "\(D.name(space)) by recipe, \(space.plural)"
    return PageFigure(
      name: "ladder-\(space.rawValue)", section: .ladder, comparison: nil, title: title,
      caption:
        "\(D.inWords(space)); \(data.scopeInWords) summed. A recipe without a mark has no drift, or none that is finite.",
      subtitle: [D.inWords(space)],
      description: "\(title), logarithmic, the greatest on top.",
      body: [
        ("data", VegaLite.inline(dataRows(data, rows, order, space))), ("width", 250),
        ("height", ["step": 24]), ("layer", .array(layers(data, places))),
      ],
      table: table(data, order, space))
  }

  private static func dataRows(
    _ data: ReportPageData, _ rows: [(name: String, values: [Double?])], _ order: [Int], _ space: ValueSpace
  ) -> [JSONObject] {
    order.flatMap { index in
      rows[index].values.enumerated().compactMap { comparison, value in
        guard let value, value > 0 else { return nil }
        return [
          "recipe": .string(rows[index].name), "shifts": .string(data.shifts(comparison)),
          D.field(space): .number(value), "label": .string(AlignedTextTable.text(value)),
        ]
      }
    }
  }

  private static func layers(_ data: ReportPageData, _ places: [(String, JSONValue)]) -> [JSONValue] {
    let comparisons = data.picturedComparisons.map(data.shifts)
    let styles = comparisons.indices.map(SeriesStyle.init)
    let legend: JSONValue =
      comparisons.count > 1 ? ["title": "shifts", "orient": "bottom", "columns": 2] : .null
    func looks(_ range: [JSONValue]) -> [(String, JSONValue)] {
      [
        ("scale", ["domain": .array(comparisons.map(JSONValue.string)), "range": .array(range)]),
        ("legend", legend),
      ]
    }
    var layers: [JSONValue] = [
      [
        "mark": ["type": "point", "filled": true, "size": 80, "opacity": 1],
        "encoding": .object(
          JSONObject(
            places + [
              ("color", VegaLite.field("shifts", "nominal", looks(styles.map { .string($0.color) }))),
              ("shape", VegaLite.field("shifts", "nominal", looks(styles.map { .string($0.shape) }))),
            ])),
      ]
    ]
    if comparisons.count == 1 {
      layers.append([
        "mark": ["type": "text", "align": "left", "dx": 9, "baseline": "middle"],
        "encoding": .object(JSONObject(places + [("text", ["field": "label"])])),
      ])
    }
    return layers
  }

  private static func table(_ data: ReportPageData, _ order: [Int], _ space: ValueSpace) -> PageTable {
    let header =
      space == .logit
      ? [
        "recipe", "shifts", "D_logit (absolute)", "unscaled", "mean |δs|, all tokens", "mean δs (signed)",
        "greatest |δs|", "not finite",
      ]
      : [
        "recipe", "shifts", "D (weighted, absolute)", "unweighted", "D signed (weighted)", "mean δA (signed)",
        "greatest |δA|", "not finite",
      ]
    var rows: [[Cell]] = []
    for index in order {
      for comparison in data.picturedComparisons {
        let totals = data.results.recipes[index].comparisons[comparison].totals
        let sums = totals.sums(in: space)
        let metrics: [Cell] =
          space == .logit
          ? [Cell(totals.dLogit), Cell(totals.dLogitUnscaled), Cell(sums.mean)]
          : [Cell(totals.dWeighted), Cell(totals.dUnweighted), Cell(totals.dSigned)]
        rows.append(
          [.string(data.names[index]), .string(data.shifts(comparison))] + metrics
            + [Cell(sums.signedMean), Cell(sums.maximum), .integer(sums.nonfiniteCount)])
      }
    }
    return PageTable(header: header, rows: rows, source: "summary.csv")
  }
}
