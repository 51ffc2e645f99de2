// How much of the drift falls on documents' first tokens, over where they stand; a panel a pattern, a line a recipe.

import DriftAnalysis

extension PatternPage {
  /// First tokens of documents that share a bin of tokens.
  struct DocumentBin: Sendable, Hashable {
    /// Tokens, the least and the greatest.
    var tokens: ClosedRange<Int>
    /// Documents.
    var count: Int
    /// Part of Σ|δ| over part of all pairs, of all of them together.
    var factor: Double
  }

  /// Bins of first tokens that have a share and pairs, ascending by token.
  static func documentBins(_ firstTokens: [(token: Int, Concentration)]) -> [DocumentBin] {
    let known = firstTokens.compactMap { token, view -> (token: Int, share: Double, uniform: Double)? in
      guard let share = view.share, let uniform = view.uniformShare, uniform > 0 else { return nil }
      return (token, share, uniform)
    }.sorted { $0.token < $1.token }
    return LogarithmicBins.runs(of: known.map(\.token)).map { run in
      let bin = known[run]
      return DocumentBin(
        tokens: bin.first!.token...bin.last!.token, count: bin.count,
        factor: bin.reduce(0) { $0 + $1.share } / bin.reduce(0) { $0 + $1.uniform })
    }
  }

  static func documents(_ data: PatternPageData) -> [PageFigure] {
    ValueSpace.allCases.compactMap { space in
      let series = data.patterns.flatMap { pattern, results in
        data.recipeNames.enumerated().map { recipe, name in
          (
            pattern: pattern, recipe: name,
            bins: documentBins(
              results.firstTokens[recipe].enumerated().map { document, key in
                (
                  results.pattern.documents.firstToken(ofDocument: document),
                  space == .logit ? key.logitConcentration : key.probabilityConcentration
                )
              })
          )
        }
      }
      return documents(data, space, series)
    }
  }

  private static func documents(
    _ data: PatternPageData, _ space: ValueSpace,
    _ series: [(pattern: String, recipe: String, bins: [DocumentBin])]
  ) -> PageFigure? {
    let drawn = series.flatMap { line in line.bins.filter { $0.factor > 0 }.map { (line, $0) } }
    guard !drawn.isEmpty else { return nil }
    let axis = LogarithmicAxis(holding: drawn.map(\.1.factor) + [1])
    let tokens = data.experiment.shape.keyTokens
    let x = VegaLite.field(
      "token_plus_1", "quantitative",
      VegaLite.countingAxis(upTo: tokens, title: "first token + 1"))
    let y = VegaLite.field(
      "factor", "quantitative", axis.encoding(title: "share / uniform share", ticks: 5))
    let looks = VegaLite.looks(of: data.recipeNames)
    let styles = data.recipeNames.indices.map(SeriesStyle.init)
    let color = VegaLite.field(
      "series", "nominal",
      [
        (
          "scale",
          [
            "domain": .array(data.recipeNames.map(JSONValue.string)),
            "range": .array(styles.map { .string($0.color) }),
          ]
        ),
        ("legend", ["title": .null, "orient": "bottom", "columns": 1, "symbolType": "stroke"]),
      ])
    let shape = VegaLite.field(
      "series", "nominal", VegaLite.scale(data.recipeNames, styles.map { .string($0.shape) }))
    let layers: [JSONValue] = [
      [
        "mark": [
          "type": "rule", "color": .string(SeriesStyle.muted), "strokeDash": [4, 3], "strokeWidth": 1.5,
        ],
        "encoding": ["y": ["datum": 1]],
      ],
      [
        "mark": ["type": "line", "strokeWidth": 1.5],
        "encoding": .object(["x": x, "y": y, "color": color, "strokeDash": looks[1].1]),
      ],
      [
        "mark": ["type": "point", "filled": true, "size": 26, "opacity": 1],
        "encoding": .object(["x": x, "y": y, "color": color, "shape": shape]),
      ],
    ]
    let panels = data.patternNames.filter { name in drawn.contains { $0.0.pattern == name } }
    let missing = data.patternNames.filter { !panels.contains($0) }
    let title = "Drift on first tokens of documents, \(space.plural)"
    return PageFigure(
      name: "documents-\(space.rawValue)", section: .documents, comparison: nil, title: title,
      caption:
        "Shifts \(data.shifts); all heads and layers together. Places: \(LogarithmicBins.explanation); first tokens of a bin are taken together."
        + (missing.isEmpty
          ? "" : " No drift on any first token, so no panel: \(missing.joined(separator: ", "))."),
      subtitle: ["part of all \(space.drift) over part of all pairs", "- - a token like any other"],
      description: "\(title): a panel for each pattern, a line for each recipe, both axes logarithmic.",
      body: FacetGrid(patterns: panels.count).body(
        rows: drawn.map { line, bin in
          [
            "panel": .string(line.pattern), "series": .string(line.recipe),
            "first_token": .integer(bin.tokens.lowerBound), "last_token": .integer(bin.tokens.upperBound),
            "token_plus_1": .number(Double(bin.tokens.lowerBound + bin.tokens.upperBound) / 2 + 1),
            "documents": .integer(bin.count), "factor": .number(bin.factor),
          ]
        }, panels: panels, layers: layers),
      table: PageTable(
        header: ["pattern", "recipe", "first tokens", "documents", "share / uniform share"],
        rows: series.flatMap { line in
          line.bins.map { bin in
            [
              .string(line.pattern), .string(line.recipe), .string(PageText.range(bin.tokens)),
              .integer(bin.count), .number(bin.factor),
            ]
          }
        }, source: "pattern_documents.csv"))
  }
}
