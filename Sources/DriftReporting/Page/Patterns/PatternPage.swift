// The page of a pattern experiment.

import DriftAnalysis

/// Writes `patterns.html` and `figures/`.
public struct PatternPage: Sendable {
  /// The name of the page inside the folder.
  public static let fileName = "patterns.html"

  /// The pictures' part of the tables of tokens, of every pattern.
  public let shares: PatternTokenShares
  /// What makes the pictures; nil for a page of tables.
  public let renderer: FigureRenderer?

  /// A page.
  public init(_ shares: PatternTokenShares, renderer: FigureRenderer?) {
    (self.shares, self.renderer) = (shares, renderer)
  }

  /// The pictures of a run, in the order of the page. A new kind is a file in Figures/ and a line here.
  static func figures(_ data: PatternPageData) throws -> [PageFigure] {
    try visibility(data) + bars(data) + cost(data) + tokens(data) + documents(data)
  }

  /// Writes specifications, pictures and the page.
  ///
  /// - Returns: the files written, as paths inside the folder, and what the renderer failed with, which costs the pictures only.
  /// - Throws: ``OutputError``.
  func write(
    _ report: PatternReport, into folder: StagedFolder
  ) throws -> (files: [String], failure: FigureRendererError?) {
    let data = PatternPageData(report, shares)
    return try PageFiles(fileName: Self.fileName, renderer: renderer)
      .write(PageContent(of: data), try Self.figures(data), into: folder)
  }
}

extension PageContent {
  /// The words of a page about patterns.
  init(of data: PatternPageData) {
    let experiment = data.experiment
    let run =
      experiment.pageRows(inputIdentity: data.report.run.inputIdentity) + [
        ("Patterns", data.patternNames.joined(separator: ", ")), experiment.pattern.documents.pageRow,
      ]
    self.init(
      subject: "Patterns of rotary attention", input: experiment.input.spelling,
      introduction: """
        For each pattern and recipe attention is emulated bit by bit at two shifts of all positions, to the end, and compared with itself \
        (<b>drift</b>) and with the certified reference (<b>error</b>). The same q, k and v under every pattern (isolated mode): what a mask \
        does to a model that is trained or run with it is not shown, nor is any hardware measured.
        """,
      run: run, commandLine: data.report.run.commandLine,
      recipes: zip(data.recipeNames, experiment.emulations).map { ($0, $1.recipe.summary) },
      findings: PatternVerdict.findings(data),
      findingsNote:
        "δs: difference of a logit between the two shifts. δA: of a probability. \(experiment.scopeInWords). Drift at shifts \(data.shifts), "
        + "error at shift \(experiment.comparisons[0].first).",
      sections: PageSection.ofPatterns, comparisons: [data.shifts], comparisonsLeft: 0,
      tables: PatternReport.package.tables)
  }
}
