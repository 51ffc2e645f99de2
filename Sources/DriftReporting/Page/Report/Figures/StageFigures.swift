// A recipe taken apart: what each stage's rounding alone does to drift on one head.

import DriftAnalysis
import EmulatedEngine

extension FigureKind {
  static let stages = FigureKind { data in
    var figures: [PageFigure] = []
    var number = 0
    for attribution in data.measurements.attributions {
      guard case .measured(let results, let layer, let head) = attribution,
        let recipe = results.recipes.first, let comparison = recipe.comparisons.first
      else { continue }
      number += 1
      for space in ValueSpace.allCases {
        if let figure = stages(data, recipe, comparison, layer, head, space, number) {
          figures.append(figure)
        }
      }
    }
    return figures
  }

  private static let width = 230

  private static func quantity(_ space: ValueSpace) -> StageQuantity {
    space == .logit ? .logitDrift : .probabilityDrift
  }

  private static func stages(
    _ data: ReportPageData, _ recipe: AttributionResults.OfRecipe,
    _ comparison: AttributionResults.Comparison, _ layer: Int, _ head: Int, _ space: ValueSpace, _ number: Int
  ) -> PageFigure? {
    let part = comparison.all
    let quantity = quantity(space)
    let stages = recipe.variants.stages
    guard let whole = quantity.value(part[.recipe]), whole > 0 else { return nil }
    var rows: [JSONObject] = []
    for (index, stage) in stages.enumerated() {
      let alone = part[.only(index)]
      let value = quantity.value(alone) ?? 0
      var row: JSONObject = [
        "stage": .string(stage.name), "rounds_to": .string(recipe.variants.recipe[stage].summary),
      ]
      let isAtFloor = part.atTheFloor(.only(index)).contains(quantity)
      if value > 0 {
        row["rms"] = .number(value)
        row["standing"] = isAtFloor ? "no more than the floor of fp64" : "measured"
        if let share = part.share(quantity, ofStage: index) {
          row["label"] = .string(share < 1e-4 ? "< 0.01 %" : PageText.percent(share))
        }
      } else {
        row["nothing"] =
          alone.driftIsByTheorem ? "0 by theorem" : quantity.value(alone) == nil ? "not finite" : "0"
      }
      rows.append(row)
    }
    let name = data.shown(recipe.variants.recipe.name)
    let title = "Stages of \(name), \(space.plural)"
    let shifts = "shifts \(comparison.shifts.first) against \(comparison.shifts.second)"
    return PageFigure(
      name: number == 1 ? "stages-\(space.rawValue)" : "stages-\(space.rawValue)-\(number)", section: .stages,
      comparison: nil, title: title,
      caption:
        "Root mean square drift of \(space.plural) with one stage rounded, on layer \(layer) head \(head) only (the recipe's worst by D), "
        + "\(shifts), all tokens alike. Percent: (only/recipe)², the part of the mean square that the stage gives alone; parts need not add up to 100 %. "
        + "0 by theorem: rounded alone the stage cannot break the invariance under shifts.",
      subtitle: [
        "layer \(layer) head \(head), \(shifts)",
        "● one stage rounded alone, its part of the mean square at the right", "¦ the whole recipe",
      ],
      description:
        "\(title): root mean square drift with one stage rounded alone, logarithmic, beside the whole recipe's.",
      body: body(rows, stages.map(\.name), whole, space),
      table: table(name, recipe, part, quantity))
  }

  private static func body(
    _ rows: [JSONObject], _ stages: [String], _ whole: Double, _ space: ValueSpace
  ) -> [(String, JSONValue)] {
    let values = rows.compactMap { row -> Double? in
      if case .number(let value)? = row["rms"] { value } else { nil }
    }
    let axis = LogarithmicAxis(holding: values + [whole])
    let order = JSONValue.array(stages.map(JSONValue.string))
    let y = VegaLite.field(
      "stage", "nominal",
      [
        ("sort", order), ("axis", ["title": .null, "labelLimit": 170, "grid": true]),
        ("scale", ["domain": order, "type": "point", "padding": 0.6]),
      ])
    let x = VegaLite.field(
      "rms", "quantitative",
      axis.encoding(title: "root mean square \(space == .logit ? "δs" : "δA")", ticks: 6))
    let standings = ["measured", "no more than the floor of fp64"]
    let shape = VegaLite.field(
      "standing", "nominal",
      VegaLite.scale(standings, ["circle", "cross"]))
    let color = JSONValue.string(SeriesStyle.colors[space == .logit ? 0 : 1])
    let layers: [JSONValue] = [
      [
        "transform": [["filter": "isValid(datum.rms)"]],
        "mark": ["type": "point", "filled": true, "size": 80, "opacity": 1, "color": color],
        "encoding": ["x": x, "y": y, "shape": shape],
      ],
      [
        "transform": [["filter": "isValid(datum.rms)"]],
        "mark": ["type": "text", "align": "left", "baseline": "middle"],
        "encoding": ["x": ["value": .integer(width + 8)], "y": y, "text": ["field": "label"]],
      ],
      [
        "transform": [["filter": "isValid(datum.nothing)"]],
        "mark": ["type": "text", "align": "left", "baseline": "middle", "color": .string(SeriesStyle.muted)],
        "encoding": ["x": ["value": 4], "y": y, "text": ["field": "nothing"]],
      ],
      [
        "data": ["values": [["rms": .number(whole)]]],
        "mark": [
          "type": "rule", "strokeDash": [3, 3], "strokeWidth": 1.5, "color": .string(SeriesStyle.ink),
        ],
        "encoding": ["x": x],
      ],
    ]
    return [
      ("data", VegaLite.inline(rows)), ("width", .integer(width)), ("height", ["step": 22]),
      ("layer", .array(layers)),
    ]
  }

  private static func table(
    _ name: String, _ recipe: AttributionResults.OfRecipe, _ part: AttributionResults.Part,
    _ quantity: StageQuantity
  ) -> PageTable {
    var rows: [[Cell]] = recipe.variants.stages.enumerated().map { index, stage in
      [
        .string(stage.name), .string(recipe.variants.recipe[stage].summary),
        Cell(quantity.value(part[.only(index)])),
        Cell(part.share(quantity, ofStage: index)), Cell(quantity.value(part[.without(index)])),
        Cell(part.saved(quantity, byStage: index)), Cell(quantity.value(part[.cumulative(index + 1)])),
      ]
    }
    for (title, variant) in [("all: \(name)", StageVariant.recipe), ("none: the floor", .floor)] {
      rows.append(
        [.string(title), .missing, Cell(quantity.value(part[variant]))]
          + [Cell](repeating: .missing, count: 4))
    }
    return PageTable(
      header: ["stage", "rounds to", "only: rms", "share", "without: rms", "saved", "up to: rms"], rows: rows,
      source: "attribution.csv")
  }
}
