// Share of drift per key token, a panel a recipe, logits and probabilities apart.

import DriftAnalysis

extension FigureKind {
  static let tokens = FigureKind { data in
    data.picturedComparisons.flatMap { comparison in
      ValueSpace.allCases.compactMap { tokens(data, comparison, $0) }
    }
  }

  private static func tokens(_ data: ReportPageData, _ comparison: Int, _ space: ValueSpace) -> PageFigure? {
    let panels = data.recipes.map { name, recipe in
      TokenSharePanel(
        name: name, bins: KeyBin.bins(of: recipe.comparisons[comparison].keys, in: space),
        bound: space == .probability ? recipe.shareBound.value : nil)
    }
    return TokenSharePicture(panels, in: space, tokens: data.results.experiment.shape.keyTokens)?.figure(
      name: PageFigure.name("tokens-\(space.rawValue)", comparison), section: .tokens, comparison: comparison,
      title: "Share of \(space.drift) per key, \(space.plural)", scope: "Shifts \(data.shifts(comparison))",
      panelName: "recipe", grid: FacetGrid.init(panels:), source: "tokens.csv")
  }
}
