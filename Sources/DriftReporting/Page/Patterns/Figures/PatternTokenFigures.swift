// Share of drift per key, a panel a pattern; a picture for each recipe and space.

import DriftAnalysis

extension PatternPage {
  static func tokens(_ data: PatternPageData) -> [PageFigure] {
    data.recipeNames.enumerated().flatMap { recipe, name in
      ValueSpace.allCases.enumerated().compactMap { index, space in
        let panels = zip(data.patternNames, data.shares.panels).map { pattern, recipes in
          let panel = recipes[recipe][index]
          return TokenSharePanel(name: pattern, bins: panel.bins, bound: panel.bound)
        }
        return TokenSharePicture(panels, in: space, tokens: data.experiment.shape.keyTokens)?.figure(
          name: PageFigure.name("tokens-\(space.rawValue)", recipe), section: .patternTokens, comparison: nil,
          title: "Share of \(space.drift) per key, \(name)",
          scope: "\(name); shifts \(data.shifts)", panelName: "pattern", grid: FacetGrid.init(patterns:),
          source: "pattern_tokens.csv")
      }
    }
  }
}
