// The page of a report.

import DriftAnalysis

/// Writes `report.html` and `figures/`.
public struct ReportPage: Sendable {
  /// The name of the page inside the folder.
  public static let fileName = "report.html"

  /// What the page shows beyond the report.
  public let measurements: PageMeasurements
  /// What makes the pictures; nil for a page of tables.
  public let renderer: FigureRenderer?

  /// A page.
  public init(_ measurements: PageMeasurements, renderer: FigureRenderer?) {
    self.measurements = measurements
    self.renderer = renderer
  }

  /// The pictures of a run, in the order of the page.
  public static func figures(_ record: RunRecord, _ measurements: PageMeasurements) -> [PageFigure] {
    figures(ReportPageData(record, measurements))
  }

  private static func figures(_ data: ReportPageData) -> [PageFigure] {
    FigureKind.all.flatMap { $0.make(data) }
  }

  /// Writes specifications, pictures and the page.
  ///
  /// - Returns: the files written, as paths inside the folder, and what the renderer failed with, which costs the pictures only.
  /// - Throws: ``OutputError``.
  func write(
    _ record: RunRecord, into folder: StagedFolder
  ) throws(OutputError) -> (files: [String], failure: FigureRendererError?) {
    let data = ReportPageData(record, measurements)
    return try PageFiles(fileName: Self.fileName, renderer: renderer)
      .write(PageContent(of: data), Self.figures(data), into: folder)
  }
}

extension PageContent {
  /// The words of a report's page.
  init(of data: ReportPageData) {
    let experiment = data.results.experiment
    var run = experiment.pageRows(inputIdentity: data.record.inputIdentity)
    if !experiment.pattern.isCausal {
      run.append(("Mask", "\(experiment.pattern.mask.spelling), positions \(experiment.pattern.policy.name)"))
      run.append(experiment.pattern.documents.pageRow)
    }
    for second in Set(experiment.sweep.map(\.second)).sorted() {
      let firsts = experiment.sweep.filter { $0.second == second }.map { String($0.first) }
      run.append(("Sweep", "\(PageText.list(firsts, atMost: 40)) against \(second)"))
    }
    let shifts =
      experiment.comparisons.isEmpty ? "" : " About shifts \(data.shifts(0)) where nothing else is said."
    self.init(
      subject: "Drift of rotary attention", input: experiment.input.spelling,
      introduction: """
        For each recipe the attention of a model is emulated bit by bit at two shifts of all positions. Exact arithmetic would give the \
        same logits twice; what differs is <b>drift</b>. The same q and k at both shifts (isolated mode): what a whole model makes of it is \
        not shown, nor is any hardware measured.
        """,
      run: run, commandLine: data.record.commandLine,
      recipes: data.recipes.map { ($0.name, $0.results.emulation.recipe.summary) },
      findings: Verdict.findings(data),
      findingsNote:
        "δs: difference of a logit between the two shifts. δA: of a probability. \(data.scopeInWords).\(shifts)",
      sections: PageSection.ofReport, comparisons: data.picturedComparisons.map(data.shifts),
      comparisonsLeft: experiment.comparisons.count - data.picturedComparisons.count,
      tables: DriftReport.package(withPage: data.measurements).tables)
  }
}
