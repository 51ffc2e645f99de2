// Small panels side by side, one a recipe (or a rotary pair), with one scale for all, so that they can be compared.

/// Sizes of a grid of small panels.
struct FacetGrid: Sendable, Hashable {
  /// Panels in a row.
  let columns: Int
  /// Width of a panel's drawing area in pixels.
  let width: Int
  /// Height of it.
  let height: Int
  /// The width of a panel's name.
  let labelLimit: Int
  /// Between panels.
  static let spacing = 14

  /// The grid of so many panels: within about 460 pixels, which a telephone shows without much shrinking.
  init(panels: Int) {
    switch panels {
    case ...1: (columns, width, height) = (1, 360, 230)
    case 2...4: (columns, width, height) = (2, 170, 130)
    default: (columns, width, height) = (3, 112, 96)
    }
    labelLimit = width
  }

  /// The grid of so many panels whose names are as long as patterns' names.
  init(patterns: Int) {
    switch patterns {
    case ...1: (columns, width, height) = (1, 360, 230)
    case 2: (columns, width, height) = (2, 190, 140)
    default: (columns, width, height) = (3, 134, 104)
    }
    labelLimit = width + Self.spacing
  }

  /// The parts of a specification that lay out `layers` in a panel for each value of the field `panel`.
  ///
  /// - Parameter panels: the values of the field, in the order of the panels.
  func body(rows: [JSONObject], panels: [String], layers: [JSONValue]) -> [(String, JSONValue)] {
    Self.body(
      rows: rows, panels: panels, columns: columns, labelLimit: labelLimit,
      panel: ["width": .integer(width), "height": .integer(height), "layer": .array(layers)])
  }

  /// The same for panels of another size.
  static func body(
    rows: [JSONObject], panels: [String], columns: Int, labelLimit: Int, panel: JSONValue
  ) -> [(String, JSONValue)] {
    let header: JSONValue = ["title": .null, "labelLimit": .integer(labelLimit), "labelPadding": 3]
    let order = JSONValue.array(panels.map(JSONValue.string))
    return [
      ("data", VegaLite.inline(rows)),
      ("facet", VegaLite.field("panel", "nominal", [("sort", order), ("title", .null), ("header", header)])),
      ("columns", .integer(columns)), ("spacing", ["row": .integer(spacing), "column": .integer(spacing)]),
      ("spec", panel),
    ]
  }
}
