// Share of drift per key token, a panel a recipe, logits and probabilities apart.

import DriftAnalysis

extension FigureKind {
  static let tokens = FigureKind { data in
    data.picturedComparisons.flatMap { comparison in
      ValueSpace.allCases.compactMap { tokens(data, comparison, $0) }
    }
  }

  /// The shares of a bin of keys.
  struct KeyBin: Sendable, Hashable {
    var keys: ClosedRange<Int>
    var least: Double
    var mean: Double
    var greatest: Double
    var greatestKey: Int
    /// Mean uniform share of the bin's keys.
    var uniform: Double
  }

  /// Bins of the keys that have a share; none where the sum of drift is zero.
  static func keyBins(_ concentrations: [(key: Int, Concentration)]) -> [KeyBin] {
    let known = concentrations.compactMap { key, view -> (key: Int, share: Double, uniform: Double)? in
      guard let share = view.share, let uniform = view.uniformShare else { return nil }
      return (key, share, uniform)
    }
    return LogarithmicBins.runs(of: known.map(\.key)).map { run in
      let bin = known[run]
      let greatest = firstMaximum(Array(bin), by: \.share)!
      return KeyBin(
        keys: bin.first!.key...bin.last!.key, least: bin.map(\.share).min()!,
        mean: bin.reduce(0) { $0 + $1.share } / Double(bin.count), greatest: greatest.share,
        greatestKey: greatest.key, uniform: bin.reduce(0) { $0 + $1.uniform } / Double(bin.count))
    }
  }

  private static func tokens(_ data: ReportPageData, _ comparison: Int, _ space: ValueSpace) -> PageFigure? {
    var panels: [(name: String, bins: [KeyBin], bound: Double?)] = []
    for (name, recipe) in data.recipes {
      let bins = keyBins(
        recipe.comparisons[comparison].keys.map { key in
          (key.key, space == .logit ? key.logitConcentration : key.probabilityConcentration)
        })
      if bins.contains(where: { $0.greatest > 0 }) {
        panels.append((name, bins, space == .probability ? recipe.shareBound.value : nil))
      }
    }
    guard !panels.isEmpty else { return nil }
    let values = panels.flatMap { panel -> [Double] in
      panel.bins.flatMap { bin -> [Double] in [bin.least, bin.greatest, bin.uniform] } + [panel.bound ?? 0]
    }
    // The last keys are seen by few queries: their shares would take most of the picture and say nothing.
    let first = panels.flatMap { panel in panel.bins.prefix(1).flatMap { [$0.uniform / 100, $0.mean] } }
    let whole = LogarithmicAxis(holding: values)
    let axis = whole.raised(toHold: first)
    let grid = FacetGrid(panels: panels.count)
    let tokens = data.results.experiment.shape.keyTokens
    let title = "Share of \(space.drift) per key, \(space.plural)"
    let hasZeros = panels.contains { $0.bins.contains { $0.least == 0 } }
    let missing = data.names.filter { name in !panels.contains { $0.name == name } }
    let caption =
      "Shifts \(data.shifts(comparison)); all heads and layers together; unweighted, absolute. Keys: \(LogarithmicBins.explanation). "
      + (axis != whole ? "What the few queries of the last keys add up to lies below the lower edge. " : "")
      + (hasZeros ? "A band that reaches the lower edge may hold a key without any drift. " : "")
      + (missing.isEmpty
        ? "" : "No drift in \(space.plural), so no panel: \(missing.joined(separator: ", ")). ")
      + (space == .logit
        ? ""
        : "Rows of A sum to 1: where A is not rounded no key can have more than 1/2; a panel without the dotted line has no bound.")
    return PageFigure(
      name: PageFigure.name("tokens-\(space.rawValue)", comparison), section: .tokens, comparison: comparison,
      title: title, caption: caption,
      subtitle: [
        "line: mean of a bin's keys; band: least to greatest key",
        "♦ first token   ▼ greatest share   - - uniform share"
          + (panels.contains { $0.bound != nil } ? "   ··· bound 1/2" : ""),
      ],
      description: "\(title), a panel for each recipe, over key + 1, both axes logarithmic.",
      body: grid.body(
        rows: panels.flatMap { panel in panel.bins.map { row($0, panel.name, panel.bound, axis) } },
        panels: panels.map(\.name),
        layers: layers(axis, space, tokens: tokens, bins: panels[0].bins.count)),
      table: table(panels))
  }

  private static func row(
    _ bin: KeyBin, _ panel: String, _ bound: Double?, _ axis: LogarithmicAxis
  ) -> JSONObject {
    var row: JSONObject = ["panel": .string(panel)]
    row["first_key"] = .integer(bin.keys.lowerBound)
    row["last_key"] = .integer(bin.keys.upperBound)
    row["key_plus_1"] = .number(Double(bin.keys.lowerBound + bin.keys.upperBound) / 2 + 1)
    row["least"] = .number(bin.least)
    row["mean"] = .number(bin.mean)
    row["greatest"] = .number(bin.greatest)
    row["greatest_key"] = .integer(bin.greatestKey)
    row["uniform"] = .number(bin.uniform)
    // A logarithmic axis has no place for zero.
    row["band_from"] = .number(max(bin.least, axis.ends.0))
    if let bound { row["bound"] = .number(bound) }
    return row
  }

  private static func layers(
    _ axis: LogarithmicAxis, _ space: ValueSpace, tokens: Int, bins: Int
  ) -> [JSONValue] {
    let x = VegaLite.field(
      "key_plus_1", "quantitative", VegaLite.countingAxis(upTo: tokens, title: "key + 1"))
    let yEncoding = axis.encoding(title: "share", ticks: 6)
    func y(_ field: String) -> JSONValue { VegaLite.field(field, "quantitative", yEncoding) }
    func layer(_ mark: JSONValue, _ field: String, _ filter: String? = nil, x: JSONValue) -> JSONValue {
      var layer: JSONObject = [:]
      if let filter { layer["transform"] = [["filter": .string(filter)]] }
      layer["mark"] = mark
      layer["encoding"] = ["x": x, "y": y(field)]
      return .object(layer)
    }
    let color = JSONValue.string(SeriesStyle.colors[space == .logit ? 0 : 1])
    let band: JSONValue = [
      "mark": ["type": "area", "color": color, "opacity": 0.3, "clip": true],
      "encoding": ["x": x, "y": y("band_from"), "y2": ["field": "greatest"]],
    ]
    let ink = JSONValue.string(SeriesStyle.ink)
    var layers = [
      band,
      layer(
        [
          "type": "line", "color": .string(SeriesStyle.muted), "strokeDash": [4, 3], "strokeWidth": 1.5,
          "clip": true,
        ], "uniform", x: x),
      layer(
        ["type": "line", "color": ink, "strokeDash": [1, 3], "strokeWidth": 1.5], "bound",
        "isValid(datum.bound)", x: x),
      layer(
        ["type": "line", "color": color, "strokeWidth": 1.5, "clip": true], "mean", "datum.mean > 0", x: x),
    ]
    if bins <= 24 {
      layers.append(
        layer(
          ["type": "point", "filled": true, "size": 14, "color": color, "clip": true], "mean",
          "datum.mean > 0", x: x))
    }
    let exact: JSONValue = [
      "field": "greatest_plus_1", "type": "quantitative",
    ]
    var top: JSONObject = [:]
    top["transform"] = [
      ["joinaggregate": [["op": "max", "field": "greatest", "as": "top"]], "groupby": ["panel"]],
      ["filter": "datum.greatest == datum.top"],
      ["calculate": "datum.greatest_key + 1", "as": "greatest_plus_1"],
    ]
    top["mark"] = [
      "type": "point", "shape": "triangle-down", "size": 60, "filled": true, "opacity": 1, "color": ink,
      "strokeWidth": 1.5,
      "yOffset": -7,
    ]
    top["encoding"] = ["x": exact, "y": y("greatest")]
    layers.append(.object(top))
    layers.append(
      layer(
        ["type": "point", "shape": "diamond", "size": 90, "filled": true, "opacity": 1, "color": ink], "mean",
        "datum.first_key == 0 && datum.mean > 0", x: x))
    return layers
  }

  private static func table(_ panels: [(name: String, bins: [KeyBin], bound: Double?)]) -> PageTable {
    PageTable(
      header: ["recipe", "keys", "least share", "mean share", "greatest share", "its key", "uniform share"],
      rows: panels.flatMap { panel in
        panel.bins.map { bin in
          [
            .string(panel.name), .string(PageText.range(bin.keys)), .number(bin.least), .number(bin.mean),
            .number(bin.greatest), .integer(bin.greatestKey), .number(bin.uniform),
          ]
        }
      }, source: "tokens.csv")
  }
}
