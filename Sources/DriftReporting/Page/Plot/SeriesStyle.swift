// How series are told apart: never by colour alone. Colours are those that colour-blind readers can tell apart, dashes and shapes
// run beside them with another period, and lines carry their names.

/// The look of one of several series.
struct SeriesStyle: Sendable, Hashable {
  /// `#rrggbb`, dark enough for white paper. The page gives each a lighter partner in its dark mode.
  let color: String
  /// Lengths of strokes and gaps; 1, 0 for a solid line.
  let dash: [Int]
  /// A shape of Vega's.
  let shape: String

  /// The look of the series at an index.
  init(_ index: Int) {
    color = Self.colors[index % Self.colors.count]
    dash = Self.dashes[index % Self.dashes.count]
    shape = Self.shapes[index % Self.shapes.count]
  }

  /// Ink of text, of secondary text, of grid lines, and paper.
  static let ink = "#1f2328"
  static let muted = "#57606a"
  static let pale = "#d8dee4"
  static let paper = "#ffffff"

  // After Okabe and Ito, darkened where they would be faint on white.
  static let colors = [
    "#0072b2", "#d55e00", "#00875f", "#a5478a", "#8c6d00", "#332288", "#882255", "#5f5f5f",
    "#24292f",
  ]
  private static let dashes = [[1, 0], [7, 3], [2, 2], [9, 3, 2, 3], [4, 2]]
  private static let shapes = ["circle", "square", "triangle-up", "diamond", "cross", "triangle-down"]
}
