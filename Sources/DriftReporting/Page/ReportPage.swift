// The page and its pictures as files of a staged report.

import DriftAnalysis
import FloatingPointFormats

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
    let data = PageData(record, measurements)
    return FigureKind.all.flatMap { $0.make(data) }
  }

  /// Writes specifications, pictures and the page.
  ///
  /// A renderer that fails costs the pictures: the page then holds the tables and says so.
  ///
  /// - Returns: the files written, as paths inside the folder, and what the renderer failed with.
  /// - Throws: ``OutputError``.
  func write(
    _ record: RunRecord, into folder: StagedFolder
  ) throws(OutputError) -> (files: [String], failure: FigureRendererError?) {
    let data = PageData(record, measurements)
    let figures = FigureKind.all.flatMap { $0.make(data) }
    try folder.makeFolder(PageFigure.folder)
    for figure in figures {
      try JSONText.write(figure.specification, creating: folder.path(of: figure.specificationFile), .compact)
    }
    var failure: FigureRendererError?
    var pictures: [String]?
    if let renderer {
      do throws(FigureRendererError) {
        pictures = try renderer.render(figures.map { folder.path(of: $0.specificationFile) })
      } catch {
        failure = error
        for figure in figures { try folder.remove(figure.pictureFile) }
      }
    }
    let document = PageDocument(
      data, figures: figures, pictures: pictures, pictureNote: pictures == nil ? note(failure) : nil)
    var file = try BufferedFile(creating: folder.path(of: Self.fileName))
    try file.write(document.html)
    try file.finish()
    return (
      [Self.fileName] + figures.map(\.specificationFile)
        + (pictures == nil ? [] : figures.map(\.pictureFile)), failure
    )
  }

  /// What the page says where it has no pictures. It holds no words of the renderer, which may name places.
  private func note(_ failure: FigureRendererError?) -> String {
    failure == nil
      ? "This page has no pictures, because none were asked for: --figure-renderer PYTHON makes them, with a Python that has "
        + "\(FigureRenderer.package); 'make report' sets one up. The figures stand in the tables."
      : "This page has no pictures, because the figure renderer failed. The figures stand in the tables."
  }
}
