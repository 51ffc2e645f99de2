// The page of a report: whether, with which pictures, and which recipes are taken apart for it.

import ArgumentParser
import RoPEDrift

/// `--html`, `--figure-renderer`.
public struct PictureOptions: ParsableArguments {
  /// Whether a page is written.
  @Flag(
    help:
      "Also write a page to read, and figures/ with a Vega-Lite specification for each picture.")
  public var html = false
  /// The interpreter that makes pictures, as typed.
  @Option(
    help: ArgumentHelp(
      "A Python with vl-convert-python, which makes the pictures (figures/*.svg, and in the page).",
      valueName: "python"))
  public var figureRenderer: String?

  /// For the parser.
  public init() {}

  /// What makes the pictures, found before any work starts; nil for a page without.
  ///
  /// - Throws: ``CommandFailure`` (wrong usage) for a renderer without a page, ``FigureRendererError``.
  func renderer() throws -> FigureRenderer? {
    guard html || figureRenderer == nil else {
      throw CommandFailure(.wrongUsage, "--figure-renderer is about the page; add --html")
    }
    return try figureRenderer.map { try FigureRenderer(python: $0) }
  }
}

/// `--attribution`: what the page of a report has beside ``PictureOptions``.
public struct PageOptions: ParsableArguments {
  /// Recipes to take apart on the page, as typed.
  @Option(
    help: ArgumentHelp(
      "For the page, a recipe to take apart on its worst head, repeatable, or 'none' (default: the one with the greatest drift).",
      valueName: "recipe"))
  public var attribution: [String] = []

  /// For the parser.
  public init() {}

  /// What goes into the command that makes the same page again: not the renderer, whose path is this machine's business.
  func canonicalWords(_ pictures: PictureOptions) -> [String] {
    (pictures.html ? ["--html"] : [])
      + attribution.flatMap { $0.hasPrefix("-") ? ["--attribution=\($0)"] : ["--attribution", $0] }
  }

  /// What is wanted, checked before any work starts.
  ///
  /// - Parameters:
  ///   - pictures: whether a page is written, and what makes its pictures.
  ///   - recipes: those that are measured.
  /// - Returns: nil where no page is wanted.
  /// - Throws: ``CommandFailure`` (wrong usage), ``FigureRendererError``.
  func resolve(_ pictures: PictureOptions, recipes: [Recipe]) throws -> PageRequest? {
    guard pictures.html else {
      _ = try pictures.renderer()
      guard attribution.isEmpty else {
        throw CommandFailure(.wrongUsage, "--attribution is about the page; add --html")
      }
      return nil
    }
    return PageRequest(attribution: try choice(recipes), renderer: try pictures.renderer())
  }

  private func choice(_ recipes: [Recipe]) throws -> PageMeasurements.AttributionChoice {
    if attribution.isEmpty { return .greatestDrift }
    let known = recipes.map(\.name)
    // A recipe of the user's own may be called so.
    if attribution == ["none"], !known.contains("none") { return .none }
    for name in attribution where !known.contains(name) {
      throw CommandFailure(
        .wrongUsage,
        "--attribution '\(name)': no recipe of this name is measured\(didYouMean(nearestName(to: name, among: known))); measured are "
          + known.joined(separator: ", "))
    }
    return .recipes(attribution)
  }
}

/// A page that is wanted.
public struct PageRequest: Sendable {
  /// Which recipes are taken apart.
  let attribution: PageMeasurements.AttributionChoice
  /// What makes the pictures; nil for none.
  let renderer: FigureRenderer?

  /// Measures what the page shows beyond the report.
  ///
  /// - Throws: as ``PageMeasurements/init(of:attributing:threads:willMeasure:)``.
  func page(of results: DriftResults, threads: Int, note: (String) -> Void) throws -> ReportPage {
    ReportPage(
      try PageMeasurements(
        of: results, attributing: attribution, threads: threads,
        willMeasure: { note("measuring for the page: \($0)") }),
      renderer: renderer)
  }
}
