// One panel of lines on a logarithmic scale, each with its name at its right end: what a legend would make a reader look up.

/// A named line.
struct PlotSeries: Sendable {
  /// The name, once in a panel.
  let name: String
  /// Its points in the order in which they are joined; x as the axis has it, y above zero.
  let points: [(x: JSONValue, y: Double)]
}

/// Makes panels of lines.
enum SeriesPanel {
  static let width = 264
  static let lineHeight = 15

  /// Data, size and layers of a panel; nil where no series has a point.
  ///
  /// - Parameters:
  ///   - series: the lines; all keep their looks, also those without points.
  ///   - x: type of the x axis and what its encoding holds.
  ///   - y: the title of the y axis.
  ///   - names: what fields are called in the data.
  static func body(
    _ series: [PlotSeries], x: (type: String, encoding: [(String, JSONValue)]), y title: String,
    names: (x: String, y: String)
  ) -> [(String, JSONValue)]? {
    let drawn = series.filter { !$0.points.isEmpty }
    guard !drawn.isEmpty else { return nil }
    let axis = LogarithmicAxis(holding: drawn.flatMap { $0.points.map(\.y) })
    let height = max(240, lineHeight * drawn.count)
    let rows = drawn.flatMap { line in
      line.points.map { point -> JSONObject in
        ["series": .string(line.name), names.x: point.x, names.y: .number(point.y)]
      }
    }
    let places: [(String, JSONValue)] = [
      ("x", VegaLite.field(names.x, x.type, x.encoding)),
      ("y", VegaLite.field(names.y, "quantitative", axis.encoding(title: title))),
    ]
    let looks = VegaLite.looks(of: series.map(\.name))
    var layers: [JSONValue] = [
      [
        "mark": ["type": "line", "strokeWidth": 2],
        "encoding": .object(JSONObject(places + looks)),
      ]
    ]
    if drawn.map(\.points.count).max()! <= 24 {
      layers.append([
        "mark": ["type": "point", "filled": true, "size": 28, "opacity": 1],
        "encoding": .object(JSONObject(places + [looks[0], shapes(series.map(\.name))])),
      ])
    }
    layers += labels(drawn, of: series, axis: axis, height: height)
    return [
      ("data", VegaLite.inline(rows)), ("width", .integer(width)), ("height", .integer(height)),
      ("layer", .array(layers)),
    ]
  }

  private static func shapes(_ names: [String]) -> (String, JSONValue) {
    (
      "shape",
      VegaLite.field(
        "series", "nominal",
        VegaLite.scale(names, names.indices.map { .string(SeriesStyle($0).shape) }))
    )
  }

  /// A short piece of each line and its name, right of the panel.
  private static func labels(
    _ drawn: [PlotSeries], of all: [PlotSeries], axis: LogarithmicAxis, height: Int
  ) -> [JSONValue] {
    let ends = drawn.map { Int(((1 - axis.part(of: $0.points.last!.y)) * Double(height)).rounded()) }
    let places = spread(ends, height: height)
    return zip(drawn, places).flatMap { line, place in
      label(
        line.name, SeriesStyle(all.firstIndex { $0.name == line.name }!), x: width + 6, y: place, limit: 150)
    }
  }

  /// A short piece of a line and its name at a place in pixels.
  static func label(_ name: String, _ style: SeriesStyle, x: Int, y: Int, limit: Int) -> [JSONValue] {
    let sample: JSONValue = [
      "data": ["values": [[:]]],
      "mark": [
        "type": "rule", "strokeWidth": 2, "color": .string(style.color),
        "strokeDash": .array(style.dash.map(JSONValue.integer)),
      ],
      "encoding": [
        "x": VegaLite.value(.integer(x)), "x2": VegaLite.value(.integer(x + 22)),
        "y": VegaLite.value(.integer(y)),
      ],
    ]
    let text: JSONValue = [
      "data": ["values": [[:]]],
      "mark": [
        "type": "text", "align": "left", "baseline": "middle", "limit": .integer(limit),
        "color": .string(style.color),
        "fontWeight": "bold",
      ],
      "encoding": [
        "x": VegaLite.value(.integer(x + 26)), "y": VegaLite.value(.integer(y)),
        "text": VegaLite.value(.string(name)),
      ],
    ]
    return [sample, text]
  }

  /// Places at least a line's height apart, near the wished ones, in their order, within the panel.
  static func spread(_ wished: [Int], height: Int) -> [Int] {
    let order = wished.indices.sorted { (wished[$0], $0) < (wished[$1], $1) }
    var places = wished
    var least = 0
    for index in order {
      places[index] = max(wished[index], least)
      least = places[index] + lineHeight
    }
    var greatest = height
    for index in order.reversed() {
      places[index] = min(places[index], greatest)
      greatest = places[index] - lineHeight
    }
    return places
  }
}
