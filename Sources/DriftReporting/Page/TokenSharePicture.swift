// Shares of drift per key, a panel for each recipe of a report or for each pattern, on one scale.

import DriftAnalysis

/// The shares of a bin of keys.
struct KeyBin: Sendable, Hashable {
  var keys: ClosedRange<Int>
  var least: Double
  var mean: Double
  var greatest: Double
  var greatestKey: Int
  /// Mean uniform share of the bin's keys.
  var uniform: Double

  /// Bins of the keys that have a share; none where the sum of drift is zero.
  static func bins(_ concentrations: [(key: Int, Concentration)]) -> [KeyBin] {
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

  /// The bins of what was found about keys.
  static func bins(of keys: [KeyDrift], in space: ValueSpace) -> [KeyBin] {
    bins(keys.map { ($0.key, space == .logit ? $0.logitConcentration : $0.probabilityConcentration) })
  }
}

/// Shares of one panel.
struct TokenSharePanel: Sendable {
  let name: String
  let bins: [KeyBin]
  /// What a share cannot exceed; nil for nothing.
  let bound: Double?
}

/// A picture of shares over keys.
struct TokenSharePicture {
  /// Panels with drift, in their order.
  private let panels: [TokenSharePanel]
  /// Names of those without any.
  private let missing: [String]
  private let space: ValueSpace
  /// Keys of the axis.
  private let tokens: Int

  /// A picture; nil where no panel has any drift.
  init?(_ all: [TokenSharePanel], in space: ValueSpace, tokens: Int) {
    func hasDrift(_ panel: TokenSharePanel) -> Bool { panel.bins.contains { $0.greatest > 0 } }
    panels = all.filter(hasDrift)
    missing = all.filter { !hasDrift($0) }.map(\.name)
    (self.space, self.tokens) = (space, tokens)
    if panels.isEmpty { return nil }
  }

  /// The figure.
  ///
  /// - Parameters:
  ///   - scope: what the shares are about, at the head of the caption.
  ///   - panelName: what a panel stands for: recipe or pattern.
  ///   - grid: sizes, from the number of panels.
  ///   - source: the file that holds all figures.
  func figure(
    name: String, section: PageSection, comparison: Int?, title: String, scope: String, panelName: String,
    grid: (Int) -> FacetGrid, source: String
  ) -> PageFigure {
    let values = panels.flatMap { panel -> [Double] in
      panel.bins.flatMap { bin -> [Double] in [bin.least, bin.greatest, bin.uniform] } + [panel.bound ?? 0]
    }
    // The last keys are seen by few queries: their shares would take most of the picture and say nothing.
    let first = panels.flatMap { panel in panel.bins.prefix(1).flatMap { [$0.uniform / 100, $0.mean] } }
    let whole = LogarithmicAxis(holding: values)
    let axis = whole.raised(toHold: first)
    let hasZeros = panels.contains { $0.bins.contains { $0.least == 0 } }
    let caption =
      "\(scope); all heads and layers together; unweighted, absolute. Keys: \(LogarithmicBins.explanation). "
      + (axis != whole ? "What the few queries of the last keys add up to lies below the lower edge. " : "")
      + (hasZeros ? "A band that reaches the lower edge may hold a key without any drift. " : "")
      + (missing.isEmpty
        ? "" : "No drift in \(space.plural), so no panel: \(missing.joined(separator: ", ")). ")
      + (space == .logit
        ? ""
        : "Rows of A sum to 1: where A is not rounded no key can have more than 1/2; a panel without the dotted line has no bound.")
    return PageFigure(
      name: name, section: section, comparison: comparison, title: title, caption: caption,
      subtitle: [
        "line: mean of a bin's keys; band: least to greatest key",
        "♦ first token   ▼ greatest share   - - uniform share"
          + (panels.contains { $0.bound != nil } ? "   ··· bound 1/2" : ""),
      ],
      description: "\(title), a panel for each \(panelName), over key + 1, both axes logarithmic.",
      body: grid(panels.count).body(
        rows: panels.flatMap { panel in panel.bins.map { row($0, panel.name, panel.bound, axis) } },
        panels: panels.map(\.name), layers: layers(axis)),
      table: table(panelName, source))
  }

  private func row(
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

  private func layers(_ axis: LogarithmicAxis) -> [JSONValue] {
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
    if panels[0].bins.count <= 24 {
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

  private func table(_ panelName: String, _ source: String) -> PageTable {
    PageTable(
      header: [panelName, "keys", "least share", "mean share", "greatest share", "its key", "uniform share"],
      rows: panels.flatMap { panel in
        panel.bins.map { bin in
          [
            .string(panel.name), .string(PageText.range(bin.keys)), .number(bin.least), .number(bin.mean),
            .number(bin.greatest), .integer(bin.greatestKey), .number(bin.uniform),
          ]
        }
      }, source: source)
  }
}
