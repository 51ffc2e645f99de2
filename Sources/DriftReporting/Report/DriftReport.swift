// A drift report on disk: all tables, their description, the record of the run, the page where one is wanted; whole or not at all.

import DriftAnalysis

/// Writes the folder of a drift report.
public enum DriftReport {
  /// Writes every file of a report into a staged folder. Nothing stands at the destination until the folder is committed.
  ///
  /// - Parameter page: the page to write beside the tables; nil for none.
  /// - Returns: what the page's renderer failed with; everything but the pictures is written all the same.
  /// - Throws: ``OutputError``; ``UndecidedRounding`` where a frequency's error cannot be decided.
  @discardableResult public static func write(
    _ record: RunRecord, page: ReportPage? = nil, into folder: StagedFolder
  ) throws -> FigureRendererError? {
    for table in ReportTable.all {
      var writer = try CSVWriter(table.description, creating: folder.path(of: table.description.fileName))
      try table.forEachRow(record.results) { try writer.append($0) }
      try writer.finish()
    }
    guard let page else {
      try JSONText.write(record.json, creating: folder.path(of: RunRecord.fileName))
      try package.write(into: folder.stagingPath)
      return nil
    }
    for table in page.measurements.tables {
      var writer = try CSVWriter(table.description, creating: folder.path(of: table.description.fileName))
      try table.forEachRow { try writer.append($0) }
      try writer.finish()
    }
    let (files, failure) = try page.write(record, into: folder)
    try JSONText.write(
      page.measurements.recorded(in: record.json), creating: folder.path(of: RunRecord.fileName))
    var package = package(withPage: page.measurements)
    package.otherFiles = files
    try package.write(into: folder.stagingPath)
    return failure
  }

  /// The description of the folder.
  public static let package = DataPackage(
    name: "ropedrift-report", title: "RoPEDrift report",
    summary:
      "Drift of attention scores under shifted positions in emulated low-precision arithmetic, and error against the "
      + "exact reference. Drift and error are different questions and stand in different columns. run.json says what was "
      + "run; NaN, INF and -INF are written as such, and an empty cell is a figure that no pair defines.",
    tables: ReportTable.all.map(\.description))

  /// The description of a folder with a page: its tables beside the report's.
  static func package(withPage measurements: PageMeasurements) -> DataPackage {
    DataPackage(
      name: package.name, title: package.title, summary: package.summary,
      tables: package.tables + measurements.tables.map(\.description))
  }
}
