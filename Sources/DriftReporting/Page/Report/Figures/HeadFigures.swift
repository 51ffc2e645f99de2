// A map of layers and heads, a panel a recipe: the area of a disc, not its colour, carries the figure.

import DriftAnalysis

extension FigureKind {
  static let heads = FigureKind { data in
    data.picturedComparisons.flatMap { comparison in
      ValueSpace.allCases.compactMap { heads(data, comparison, $0) }
    }
  }

  /// Discs that a picture may hold; recipes beyond it are in the table only.
  private static let discLimit = 3000

  /// D of a head, or its mean |δs| over all tokens.
  private static func value(_ totals: DriftTotals, _ space: ValueSpace) -> Double? {
    space == .logit ? totals.logit.mean : totals.dWeighted
  }

  private static func heads(_ data: ReportPageData, _ comparison: Int, _ space: ValueSpace) -> PageFigure? {
    let experiment = data.results.experiment
    let count = experiment.layers.count * experiment.heads.count
    guard count > 1 else { return nil }
    let known = data.recipes.compactMap {
      name, recipe -> (name: String, heads: [HeadDrift], greatest: Double)? in
      let heads = recipe.comparisons[comparison].heads
      let greatest = heads.compactMap { value($0.totals, space) }.max() ?? 0
      return greatest > 0 ? (name, heads, greatest) : nil
    }
    guard !known.isEmpty else { return nil }
    let shown = Array(known.prefix(max(1, discLimit / count)))
    let what = space == .logit ? "mean |δs|, all tokens" : "D (weighted, absolute)"
    let title = "Heads by \(what)"
    var caption =
      "Shifts \(data.shifts(comparison)); \(space.plural). The disc of a recipe's greatest head fills its square."
    if shown.count < known.count {
      caption += " Of \(known.count) recipes the first \(shown.count) are drawn; summary.csv holds all."
    }
    return PageFigure(
      name: PageFigure.name("heads-\(space.rawValue)", comparison), section: .heads, comparison: comparison,
      title: title,
      caption: caption,
      subtitle: ["area: part of the recipe's greatest head; × no finite figure"],
      description: "\(title): discs by layer and head, a panel for each recipe.",
      body: body(
        shown.flatMap { rows($0.name, $0.heads, $0.greatest, space) }, shown.map(\.name), experiment),
      table: table(data, comparison, space, what))
  }

  private static func rows(
    _ panel: String, _ heads: [HeadDrift], _ greatest: Double, _ space: ValueSpace
  ) -> [JSONObject] {
    heads.map { head in
      var row: JSONObject = [
        "panel": .string(panel), "layer": .integer(head.layer), "head": .integer(head.head),
      ]
      if let value = value(head.totals, space) {
        row[space == .logit ? "mean_drift" : "d_weighted"] = .number(value)
        row["part"] = .number(value / greatest)
      }
      return row
    }
  }

  private static func body(
    _ rows: [JSONObject], _ panels: [String], _ experiment: DriftExperiment
  ) -> [(String, JSONValue)] {
    let heads = experiment.heads.count
    // The most columns whose discs are still visible.
    let columns = [3, 2, 1].first { $0 <= panels.count && (420 / $0 - 20) / heads >= 8 } ?? 1
    let step = max(5, min(26, (420 / columns - 20) / heads))
    func axis(_ field: String, _ values: [Int]) -> JSONValue {
      let shown = JSONValue.array(values.map(JSONValue.integer))
      let angle: JSONObject = [
        "title": .string(field), "labelOverlap": "greedy", "labelAngle": 0, "labelPadding": 3,
      ]
      return VegaLite.field(
        field, "ordinal",
        [("scale", ["domain": shown, "type": "band", "padding": 0]), ("axis", .object(angle))])
    }
    let places: [(String, JSONValue)] = [
      ("x", axis("head", experiment.heads)), ("y", axis("layer", experiment.layers)),
    ]
    let area = Double(step * step) * 0.75
    let size = VegaLite.field(
      "part", "quantitative",
      [("scale", ["type": "linear", "domain": [0, 1], "range": [0, .number(area)]]), ("legend", .null)])
    let layers: [JSONValue] = [
      [
        "transform": [["filter": "isValid(datum.part)"]],
        "mark": [
          "type": "point", "shape": "circle", "filled": true, "opacity": 1,
          "color": .string(SeriesStyle.colors[0]),
        ],
        "encoding": .object(JSONObject(places + [("size", size)])),
      ],
      [
        "transform": [["filter": "!isValid(datum.part)"]],
        "mark": ["type": "text", "text": "×"],
        "encoding": .object(JSONObject(places)),
      ],
    ]
    return FacetGrid.body(
      rows: rows, panels: panels, columns: columns, labelLimit: max(110, step * heads),
      panel: ["width": ["step": .integer(step)], "height": ["step": .integer(step)], "layer": .array(layers)])
  }

  private static func table(
    _ data: ReportPageData, _ comparison: Int, _ space: ValueSpace, _ what: String
  ) -> PageTable {
    let experiment = data.results.experiment
    var rows: [[Cell]] = []
    for index in 0..<experiment.layers.count * experiment.heads.count {
      let heads = data.results.recipes.map { $0.comparisons[comparison].heads[index] }
      rows.append(
        [.integer(heads[0].layer), .integer(heads[0].head)] + heads.map { Cell(value($0.totals, space)) })
    }
    return PageTable(
      header: ["layer", "head"] + data.names.map { "\($0): \(what)" }, rows: rows, source: "summary.csv")
  }
}
