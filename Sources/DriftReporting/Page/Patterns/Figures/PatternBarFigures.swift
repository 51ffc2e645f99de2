// One figure of the table after another, the patterns as bars.

import DriftAnalysis

extension PatternPage {
  /// A figure of patterns and recipes.
  private struct Quantity: Sendable {
    let name: String
    let title: String
    /// The title of the axis.
    let axis: String
    let subtitle: [String]
    let caption: String
    /// Columns of patterns.csv, or what is made of them.
    let fields: (bar: String, tick: String?)
    /// Length and tick.
    let values: @Sendable (PatternResults, Int) -> (bar: Double?, tick: Double?)
  }

  private static let quantities: [Quantity] =
    ValueSpace.allCases.reversed().map { space in
      Quantity(
        name: "patterns-drift-\(space.rawValue)",
        title: "\(FigureKind.D.name(space)) by pattern, \(space.plural)",
        axis: FigureKind.D.name(space), subtitle: [FigureKind.D.inWords(space)],
        caption: "\(FigureKind.D.inWords(space)), over the pairs that each pattern has.",
        fields: (FigureKind.D.field(space), nil),
        values: { (FigureKind.D.value(PatternPageData.totals($0, $1), space), nil) })
    }
    + ValueSpace.allCases.map { space in
      Quantity(
        name: "patterns-first-token-\(space.rawValue)",
        title: "First token's part of \(space.drift), \(space.plural)", axis: "share",
        subtitle: ["bar: token 0's part of all \(space.drift), unweighted", "tick: its part of all pairs"],
        caption: "Token 0 of the window. Unweighted, absolute.",
        fields: ("first_key_\(space.rawValue)_share", "first_key_uniform_share"),
        values: {
          let view = PatternPageData.totals($0, $1).concentration(in: space)
          return (view?.share, view?.uniformShare)
        })
    } + [
      Quantity(
        name: "patterns-error-logit", title: "Error of logits by pattern", axis: "mean |s − exact|",
        subtitle: ["mean magnitude over all pairs of the pattern"],
        caption:
          "Emulated logits at the first shift against the certified ones. Error is another question than drift.",
        fields: ("logit_error_mean_abs", nil),
        values: { ($0.drift.recipes[$1].comparisons[0].error.logit.absolute.mean, nil) }),
      Quantity(
        name: "patterns-error-output", title: "Error of outputs by pattern", axis: "root mean square",
        subtitle: ["emulated output minus certified output,", "root mean square over all channels"],
        caption: "Outputs at the first shift, Σ P·v, against certified ones.",
        fields: ("output_error_rms", nil),
        values: { ($0.rows[$1].total.outputError.absolute.rootMeanSquare, nil) }),
      Quantity(
        name: "patterns-mass", title: "Attention on token 0 by pattern", axis: "mean probability of token 0",
        subtitle: ["bar: exact; tick: emulated at the first shift"],
        caption: "Mean over the queries that see token 0 and are not it.",
        fields: ("anchor_mass_reference", "anchor_mass_emulated"),
        values: { ($0.rows[$1].total.anchorMass.reference, $0.rows[$1].total.anchorMass.emulated) }),
      Quantity(
        name: "patterns-flips", title: "Queries that lose their top key", axis: "part of queries",
        subtitle: ["bar: not the exact one", "tick: differs between the two shifts"],
        caption:
          "Queries that see two keys or more. The top key is the first with the query's greatest logit.",
        fields: ("part_flipped_from_reference", "part_flipped_between_shifts"),
        values: { results, recipe in
          let top = results.rows[recipe].total.topKeys
          guard top.queries > 0 else { return (nil, nil) }
          return (
            Double(top.flipsFromReference) / Double(top.queries),
            Double(top.flipsBetweenShifts) / Double(top.queries)
          )
        }),
    ]

  static func bars(_ data: PatternPageData) -> [PageFigure] {
    quantities.compactMap { quantity in
      let panels = data.recipeNames.enumerated().map { recipe, name in
        (
          name: name,
          bars: data.patterns.map { pattern, results in
            let (bar, tick) = quantity.values(results, recipe)
            return PlotBar(name: pattern, value: bar, tick: tick)
          }
        )
      }
      return figure(
        BarPanels(
          panels: panels, field: quantity.fields.bar, title: quantity.axis, tickField: quantity.fields.tick),
        name: quantity.name, section: .patterns, title: quantity.title, caption: quantity.caption,
        subtitle: quantity.subtitle, panelName: "recipe")
    }
  }

  /// A picture of bars with its table; nil where there is nothing to draw.
  static func figure(
    _ bars: BarPanels?, name: String, section: PageSection, title: String, caption: String,
    subtitle: [String],
    panelName: String
  ) -> PageFigure? {
    guard let bars else { return nil }
    let missing = bars.panels.contains { $0.bars.contains { $0.value == nil } }
    return PageFigure(
      name: name, section: section, comparison: nil, title: title,
      caption: caption
        + (missing ? " A pattern without a bar has no such figure, or none that is finite." : "")
        + (bars.left.isEmpty
          ? "" : " Nothing above zero, so no panel: \(bars.left.joined(separator: ", "))."),
      subtitle: subtitle,
      description: "\(title): bars from zero, a panel for each \(panelName) with a scale of its own.",
      body: bars.body,
      table: PageTable(
        header: [panelName, "pattern", bars.field] + (bars.tickField.map { [$0] } ?? []),
        rows: bars.panels.flatMap { panel in
          panel.bars.map { bar in
            [.string(panel.name), .string(bar.name), Cell(bar.value)]
              + (bars.tickField == nil ? [] : [Cell(bar.tick)])
          }
        }, source: "patterns.csv"))
  }
}
