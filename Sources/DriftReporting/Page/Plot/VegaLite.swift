// The parts that every Vega-Lite specification of a report has in common: one version, one font, one look.

/// Makes specifications.
enum VegaLite {
  /// The version of the language that specifications are written in.
  static let schema = "https://vega.github.io/schema/vega-lite/v5.json"

  /// A specification from what is its own.
  ///
  /// - Parameters:
  ///   - title: the heading inside the picture.
  ///   - subtitle: the lines below it, which say what the marks mean.
  ///   - description: what a reader who cannot see the picture is told.
  static func specification(
    title: String, subtitle: [String], description: String, _ body: [(String, JSONValue)]
  ) -> JSONValue {
    let heading: JSONValue = [
      "text": .string(title), "subtitle": .array(subtitle.map(JSONValue.string)), "anchor": "start",
      "frame": "group", "offset": 8,
    ]
    let head: [(String, JSONValue)] = [
      ("$schema", .string(schema)), ("description", .string(description)), ("title", heading),
      ("background", .string(SeriesStyle.paper)), ("padding", 6), ("config", configuration),
    ]
    return .object(JSONObject(head + body))
  }

  /// Data that stand in the specification itself.
  static func inline(_ rows: [JSONObject]) -> JSONValue { ["values": .array(rows.map(JSONValue.object))] }

  /// An encoding of a field.
  static func field(_ name: String, _ type: String, _ more: [(String, JSONValue)] = []) -> JSONValue {
    .object(JSONObject([("field", .string(name)), ("type", .string(type))] + more))
  }

  /// An encoding of a number of pixels or a colour.
  static func value(_ value: JSONValue) -> JSONValue { ["value": value] }

  /// A scale from names to looks.
  static func scale(_ names: [String], _ looks: [JSONValue]) -> [(String, JSONValue)] {
    [
      ("scale", ["domain": .array(names.map(JSONValue.string)), "range": .array(looks)]),
      ("legend", .null),
    ]
  }

  /// Colour and dash of named series, without a legend.
  static func looks(of names: [String]) -> [(String, JSONValue)] {
    let styles = names.indices.map(SeriesStyle.init)
    return [
      ("color", field("series", "nominal", scale(names, styles.map { .string($0.color) }))),
      (
        "strokeDash",
        field("series", "nominal", scale(names, styles.map { .array($0.dash.map(JSONValue.integer)) }))
      ),
    ]
  }

  /// A logarithmic axis of whole numbers n ≥ 1, such as key + 1.
  static func countingAxis(upTo greatest: Int, title: String) -> [(String, JSONValue)] {
    var ticks: [Int] = []
    for power in 0..<19 {
      let unit = Int(LogarithmicAxis.power(power))
      for factor in greatest < 30 ? [1, 2, 5] : [1] where factor * unit <= greatest {
        ticks.append(factor * unit)
      }
      if unit > greatest / 10 { break }
    }
    let axis: JSONValue = [
      "title": .string(title), "values": .array(ticks.map(JSONValue.integer)), "format": "~s",
    ]
    let scale: JSONValue = ["type": "log", "domain": [1, .integer(max(2, greatest))], "nice": false]
    return [("scale", scale), ("axis", axis)]
  }

  private static let configuration: JSONValue = [
    // The first name is the one that vl-convert brings along, so that text is measured alike everywhere.
    "font": "Liberation Sans, Arial, Helvetica, sans-serif",
    "aria": false,
    "view": ["stroke": .string(SeriesStyle.pale)],
    "title": [
      "fontSize": 14, "color": .string(SeriesStyle.ink), "subtitleColor": .string(SeriesStyle.muted),
      "subtitleFontSize": 12, "subtitleLineHeight": 15,
    ],
    "axis": [
      "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal",
      "labelColor": .string(SeriesStyle.ink), "titleColor": .string(SeriesStyle.ink),
      "gridColor": .string(SeriesStyle.pale), "tickColor": .string(SeriesStyle.muted),
      "domainColor": .string(SeriesStyle.muted), "labelOverlap": "greedy",
    ],
    "header": ["labelColor": .string(SeriesStyle.ink), "labelFontSize": 12, "labelFontWeight": "bold"],
    "legend": [
      "labelColor": .string(SeriesStyle.ink), "titleColor": .string(SeriesStyle.ink), "labelFontSize": 12,
      "labelLimit": 380,
    ],
    "text": ["color": .string(SeriesStyle.ink), "fontSize": 12],
  ]
}
