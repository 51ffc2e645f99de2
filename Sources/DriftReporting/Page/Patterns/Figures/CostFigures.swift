// What patterns cost and how far their positions reach; no recipe takes part.

import DriftAnalysis

extension PatternPage {
  static func cost(_ data: PatternPageData) -> [PageFigure] {
    let size = data.report.results[0].blocks.size
    let pairs = BarPanels(
      panels: [
        (
          "one head",
          data.patterns.map { name, results in
            PlotBar(
              name: name, value: results.visiblePart,
              tick: Double(results.blockPairs) / Double(results.fullPairs))
          }
        )
      ], field: "part_of_full_pairs", title: "of the pairs of the full mask",
      tickField: "part_of_full_pairs_in_visited_blocks")
    let positions = BarPanels(
      panels: [
        (
          "without a shift",
          data.patterns.map { name, results in
            PlotBar(
              name: name, value: results.extent.all.meanRange,
              tick: Double(results.extent.all.greatestRange))
          }
        )
      ], field: "position_range_mean", title: "positions", tickField: "position_range_max")
    return [
      figure(
        pairs, name: "cost-pairs", section: .cost, title: "Pairs that are computed",
        caption:
          "Of one head, as parts of the pairs of the full causal mask. A kernel computes whole blocks of \(size) × \(size), so that "
          + "pairs of partial blocks count in full.",
        subtitle: ["bar: visible pairs", "tick: all pairs of the blocks that a kernel visits"],
        panelName: "scope"
      ),
      figure(
        positions, name: "cost-positions", section: .cost, title: "Query position minus key position",
        caption: "Of the first key that a query sees, the farthest.",
        subtitle: ["bar: mean over queries of their greatest", "tick: greatest of all"], panelName: "scope"),
    ].compactMap { $0 }
  }
}
