// The kinds of pictures of a report's page. A new one is a file in Figures/ with a value of FigureKind and a line in `all`.

import DriftAnalysis

/// A kind of picture: makes its pictures of a run, none where there is nothing to show.
struct FigureKind: Sendable {
  let make: @Sendable (ReportPageData) -> [PageFigure]

  /// Every kind, in the order of the page.
  static let all: [FigureKind] = [
    .ladder, .tokens, .shifts, .lengths, .distances, .heads, .stages, .angles,
  ]
}
