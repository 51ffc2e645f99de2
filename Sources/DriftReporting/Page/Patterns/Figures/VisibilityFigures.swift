// The mask of each pattern as a grid of cells, a panel a pattern.

import DriftAnalysis
import RotaryAttention

extension PatternPage {
  /// Cells in a row, at most: enough to see documents, few enough for a page.
  private static let cells = 24

  static func visibility(_ data: PatternPageData) throws -> [PageFigure] {
    let shape = data.experiment.shape
    let size = (shape.keyTokens + cells - 1) / cells
    let grids = try data.patterns.map { name, results in
      (name: name, grid: try VisibilityGrid(results.pattern, size: size, queryTokens: shape.queryTokens))
    }
    let rows = grids.flatMap { name, grid in
      grid.blocks.map { block -> JSONObject in
        [
          "panel": .string(name), "first_query": .integer(block.queries.lowerBound),
          "end_of_queries": .integer(block.queries.upperBound),
          "first_key": .integer(block.keys.lowerBound), "end_of_keys": .integer(block.keys.upperBound),
          "pairs": .integer(block.pairs), "part": .number(part(block)),
        ]
      }
    }
    func place(_ field: String, _ title: String, isReversed: Bool, from first: Int) -> JSONValue {
      VegaLite.field(
        field, "quantitative",
        [
          (
            "scale",
            [
              "domain": [.integer(first), .integer(shape.keyTokens)], "nice": false, "zero": false,
              "reverse": .boolean(isReversed),
            ]
          ),
          ("axis", ["title": .string(title), "tickCount": 3, "format": "~s", "grid": false]),
        ])
    }
    let side = FacetGrid(patterns: max(3, grids.count))
    let layer: JSONValue = [
      "mark": ["type": "rect", "color": .string(SeriesStyle.colors[0])],
      "encoding": [
        "x": place("first_key", "key", isReversed: false, from: 0), "x2": ["field": "end_of_keys"],
        "y": place("first_query", "query", isReversed: true, from: shape.keyTokens - shape.queryTokens),
        "y2": ["field": "end_of_queries"],
        "opacity": VegaLite.field(
          "part", "quantitative",
          [("scale", ["domain": [0, 1], "range": [0.08, 1], "type": "linear"]), ("legend", .null)]),
      ],
    ]
    return [
      PageFigure(
        name: "visibility", section: .visibility, comparison: nil, title: "Visible pairs by pattern",
        caption:
          "Cells of \(size) × \(size) tokens. \(PageText.count(data.report.results[0].pattern.documents.documents.count, "document")). "
          + "A cell without any visible pair is left empty.",
        subtitle: [
          "query (down) and key (across), in tokens", "full colour: every key up to the query is visible",
        ],
        description:
          "Grids of cells, a panel for each pattern; the stronger the colour, the more pairs are visible.",
        body: FacetGrid.body(
          rows: rows, panels: data.patternNames, columns: side.columns, labelLimit: side.labelLimit,
          panel: ["width": .integer(side.width), "height": .integer(side.width), "layer": [layer]]),
        table: PageTable(
          header: ["pattern", "queries", "keys", "visible pairs", "of those not after their query"],
          rows: grids.flatMap { name, grid in
            grid.blocks.map { block in
              [
                .string(name),
                .string(PageText.range(block.queries.lowerBound...block.queries.upperBound - 1)),
                .string(PageText.range(block.keys.lowerBound...block.keys.upperBound - 1)),
                .integer(block.pairs), .number(part(block)),
              ]
            }
          }, source: "pattern_layout.csv and the masks in run.json"))
    ]
  }

  private static func part(_ block: VisibilityGrid.Block) -> Double {
    Double(block.pairs) / Double(block.causalPairs)
  }
}
