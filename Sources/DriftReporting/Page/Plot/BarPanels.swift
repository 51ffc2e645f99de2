// Bars from zero, a panel for each recipe with a scale of its own: what is compared are the bars of a panel. A tick on a bar is a
// second figure of the same kind.

/// A bar.
struct PlotBar: Sendable {
  /// What stands beside it at the left.
  let name: String
  /// Its length; nil for none.
  let value: Double?
  /// Where the tick stands; nil for none.
  let tick: Double?
}

/// Makes panels of bars.
struct BarPanels {
  static let width = 210
  static let barHeight = 20

  /// The panels with a bar or tick above zero: a name and the same bars in each.
  let panels: [(name: String, bars: [PlotBar])]
  /// Names of the panels without.
  let left: [String]
  /// The name of the length in the data.
  let field: String
  /// The title of the axis.
  let title: String
  /// The name of the tick in the data; nil where there are none.
  let tickField: String?

  /// Panels of the same bars; nil where there is nothing to draw in any.
  init?(
    panels all: [(name: String, bars: [PlotBar])], field: String, title: String, tickField: String? = nil
  ) {
    func isDrawn(_ panel: (name: String, bars: [PlotBar])) -> Bool {
      panel.bars.contains { ($0.value ?? 0) > 0 || ($0.tick ?? 0) > 0 }
    }
    panels = all.filter(isDrawn)
    left = all.filter { !isDrawn($0) }.map(\.name)
    (self.field, self.title, self.tickField) = (field, title, tickField)
    if panels.isEmpty { return nil }
  }

  /// Zero, and numbers far below 1 with an exponent.
  private static let label =
    "datum.value == 0 ? '0' : abs(datum.value) < 0.001 ? format(datum.value,'.2~e') : format(datum.value,'~r')"

  /// Data, facets and layers of a specification.
  var body: [(String, JSONValue)] {
    let names = JSONValue.array((panels.first?.bars ?? []).map { .string($0.name) })
    let rows = panels.flatMap { panel in
      panel.bars.map { bar -> JSONObject in
        var row: JSONObject = ["panel": .string(panel.name), "pattern": .string(bar.name)]
        if let value = bar.value {
          row[field] = .number(value)
          row["label"] = .string(AlignedTextTable.text(value))
        }
        if let tick = bar.tick, let tickField { row[tickField] = .number(tick) }
        return row
      }
    }
    let y = VegaLite.field(
      "pattern", "nominal", [("sort", names), ("axis", ["title": .null, "labelLimit": 170])])
    let x: [(String, JSONValue)] = [
      (
        "axis",
        [
          "title": .string(title), "tickCount": 4, "labelExpr": .string(Self.label), "labelBound": true,
        ]
      ),
      ("scale", ["zero": true, "nice": true]),
    ]
    let color = JSONValue.string(SeriesStyle.colors[0])
    var layers: [JSONValue] = [
      [
        "mark": ["type": "bar", "color": color, "opacity": 0.35, "height": 12],
        "encoding": ["y": y, "x": VegaLite.field(field, "quantitative", x)],
      ]
    ]
    if let tickField {
      layers.append([
        "transform": [["filter": .string("isValid(datum.\(tickField))")]],
        "mark": [
          "type": "tick", "color": .string(SeriesStyle.ink), "thickness": 2, "size": 14, "opacity": 1,
        ],
        "encoding": ["y": y, "x": VegaLite.field(tickField, "quantitative", x)],
      ])
    }
    layers.append([
      "transform": [["filter": "isValid(datum.label)"]],
      "mark": ["type": "text", "align": "right", "baseline": "middle"],
      "encoding": [
        "y": y, "x": VegaLite.value(.integer(Self.width + 64)), "text": ["field": "label"],
      ],
    ])
    let count = panels.first?.bars.count ?? 0
    return FacetGrid.body(
      rows: rows, panels: panels.map(\.name), columns: 1, labelLimit: Self.width,
      panel: [
        "width": .integer(Self.width), "height": .integer(max(1, count) * Self.barHeight),
        "layer": .array(layers),
      ]) + [("resolve", ["scale": ["x": "independent"]])]
  }
}
