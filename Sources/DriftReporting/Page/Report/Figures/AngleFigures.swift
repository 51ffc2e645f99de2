// How far stored angles are off, over position, for rotary pairs from the fastest to the slowest. Recipes whose angles are the same
// numbers share a line; binary32 is always there.

import DriftAnalysis
import FloatingPointFormats
import ReferenceEngine

extension FigureKind {
  static let angles = FigureKind { data in
    let groups = data.measurements.angles
    let pairs = shownPairs(data.measurements.embedding.pairCount)
    let names = groupNames(data)
    var rows: [JSONObject] = []
    for (group, name) in zip(groups, names) {
      for range in group.results.ranges {
        for pair in pairs {
          guard let error = range.pairs[pair].angle?.magnitude, error > 0 else { continue }
          rows.append([
            "panel": .string("pair \(pair)"), "series": .string(name),
            "position_plus_1": .integer(range.positions.upperBound + 1),
            "max_error": .number(error),
          ])
        }
      }
    }
    guard !rows.isEmpty else { return [] }
    let positions = groups.flatMap { $0.results.ranges.map(\.positions.upperBound) }.max() ?? 0
    return [
      PageFigure(
        name: "angles", section: .angles, comparison: nil, title: "Greatest error of angles by rotary pair",
        caption: caption(data, names), subtitle: ["radians; pair 0 turns fastest"],
        description:
          "Greatest error of stored angles over position, a panel for each of some rotary pairs, a line for each arithmetic, both axes logarithmic.",
        body: body(rows, pairs.map { "pair \($0)" }, names, positions: positions),
        table: table(data, pairs, names))
    ]
  }

  /// At most nine pairs, evenly from the first to the last.
  static func shownPairs(_ count: Int) -> [Int] {
    count <= 9 ? Array(0..<count) : (0..<9).map { ($0 * (count - 1) + 4) / 8 }
  }

  /// `fp32 (also hf-bf16, hf-fp16 and 4 more)`.
  private static func groupNames(_ data: ReportPageData) -> [String] {
    data.measurements.angles.map { group in
      let names = group.names.map(data.shown)
      guard names.count > 1 else { return names[0] }
      let others = names.dropFirst()
      return "\(names[0]) (also \(others.prefix(2).joined(separator: ", "))"
        + (others.count > 2 ? " and \(others.count - 2) more)" : ")")
    }
  }

  private static func caption(_ data: ReportPageData, _ names: [String]) -> String {
    var caption =
      "Greatest |stored angle − position · frequency| up to a position; positions cut at powers of two. "
    caption += "No mark: no error, or no finite angle. "
    for (group, name) in zip(data.measurements.angles, names) {
      if !group.results.isFast {
        caption +=
          "\(name) rounds in a way that only the slow evaluation knows: positions up to \(PageMeasurements.lastPositionOfSlowRecipes) only. "
      }
      let nonfinite = group.results.ranges.reduce(0) { $0 + $1.total.nonfiniteAngles }
      if nonfinite > 0 { caption += "\(name): \(nonfinite) angles are not finite and in no figure. " }
    }
    return caption + "Other positions: 'ropedrift angles --positions 0-1048575'."
  }

  private static func layers(_ rows: [JSONObject], _ names: [String], positions: Int) -> [JSONValue] {
    let values = rows.compactMap { row -> Double? in
      if case .number(let value)? = row["max_error"] { value } else { nil }
    }
    let ticks: [JSONValue] = [0x800, 0x2000, 0x8000, 0x2_0000].filter { $0 <= positions + 1 }.map(
      JSONValue.integer)
    let labels = "{'2048':'2k','8192':'8k','32768':'32k','131072':'128k'}[datum.value]"
    let scale: JSONValue = [
      "type": "log", "base": 2, "nice": false,
      "domain": [positions < 2048 ? 1 : 2048, .integer(max(2, positions + 1))],
    ]
    let axis: JSONValue = ["title": "positions below", "values": .array(ticks), "labelExpr": .string(labels)]
    let shapes = names.indices.map { JSONValue.string(SeriesStyle($0).shape) }
    let places: [(String, JSONValue)] = [
      ("x", VegaLite.field("position_plus_1", "quantitative", [("scale", scale), ("axis", axis)])),
      (
        "y",
        VegaLite.field(
          "max_error", "quantitative", LogarithmicAxis(holding: values).encoding(title: "rad", ticks: 5))
      ),
    ]
    let looks = VegaLite.looks(of: names)
    let shape = ("shape", VegaLite.field("series", "nominal", VegaLite.scale(names, shapes)))
    return [
      ["mark": ["type": "line", "strokeWidth": 2], "encoding": .object(JSONObject(places + looks))],
      [
        "mark": ["type": "point", "filled": true, "size": 22, "opacity": 1],
        "encoding": .object(JSONObject(places + [looks[0], shape])),
      ],
    ]
  }

  /// The panels, and below them the names of the lines.
  private static func body(
    _ rows: [JSONObject], _ panels: [String], _ names: [String], positions: Int
  ) -> [(String, JSONValue)] {
    let shown = panels.filter { panel in rows.contains { $0["panel"] == .string(panel) } }
    let grid = FacetGrid(panels: shown.count).body(
      rows: rows, panels: shown, layers: layers(rows, names, positions: positions))
    let key: JSONValue = [
      "width": 360, "height": .integer(SeriesPanel.lineHeight * names.count), "view": ["stroke": .null],
      "layer": .array(
        names.enumerated().flatMap { index, name in
          SeriesPanel.label(
            name, SeriesStyle(index), x: 0, y: SeriesPanel.lineHeight * index + SeriesPanel.lineHeight / 2,
            limit: 340)
        }),
    ]
    return [("vconcat", [.object(JSONObject(grid)), key]), ("spacing", 8)]
  }

  private static func table(_ data: ReportPageData, _ pairs: [Int], _ names: [String]) -> PageTable {
    PageTable(
      header: ["angles of", "positions"] + pairs.map { "pair \($0)" } + [
        "all pairs", "at position", "not finite",
      ],
      rows: zip(data.measurements.angles, names).flatMap { group, name in
        group.results.ranges.map { range -> [Cell] in
          let total = range.total
          return [.string(name), .string(PageText.range(range.positions))]
            + pairs.map { Cell(range.pairs[$0].angle?.magnitude) }
            + [Cell(total.angle?.magnitude), Cell(total.angle?.position), .integer(total.nonfiniteAngles)]
        }
      }, source: "angles.csv")
  }
}
