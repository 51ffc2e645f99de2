// A page and its pictures as files of a staged folder.

import FloatingPointFormats

/// Writes a page, `figures/` with a specification of each picture, and the pictures where a renderer makes them.
struct PageFiles {
  /// The page's own file inside the folder.
  let fileName: String
  /// What makes the pictures; nil for a page of tables.
  let renderer: FigureRenderer?

  /// Writes specifications, pictures and the page.
  ///
  /// A renderer that fails costs the pictures: the page then holds the tables and says so.
  ///
  /// - Returns: the files written, as paths inside the folder, and what the renderer failed with.
  /// - Throws: ``OutputError``.
  func write(
    _ content: PageContent, _ figures: [PageFigure], into folder: StagedFolder
  ) throws(OutputError) -> (files: [String], failure: FigureRendererError?) {
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
      content, figures: figures, pictures: pictures, pictureNote: pictures == nil ? note(failure) : nil)
    var file = try BufferedFile(creating: folder.path(of: fileName))
    try file.write(document.html)
    try file.finish()
    return (
      [fileName] + figures.map(\.specificationFile)
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
