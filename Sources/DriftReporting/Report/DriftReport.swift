// A drift report on disk: all tables, their description, the record of the run; whole or not at all.

import DriftAnalysis

/// Writes the folder of a drift report.
public enum DriftReport {
  /// Writes every file of a report into a staged folder. Nothing stands at the destination until the folder is committed.
  ///
  /// - Throws: ``OutputError``; ``UndecidedRounding`` where a frequency's error cannot be decided.
  public static func write(_ record: RunRecord, into folder: StagedFolder) throws {
    for table in ReportTable.all {
      var writer = try CSVWriter(table.description, creating: folder.path(of: table.description.fileName))
      try table.forEachRow(record.results) { try writer.append($0) }
      try writer.finish()
    }
    try JSONText.write(record.json, creating: folder.path(of: RunRecord.fileName))
    try package.write(into: folder.stagingPath)
  }

  /// The description of the folder.
  public static let package = DataPackage(
    name: "ropedrift-report", title: "RoPEDrift report",
    summary:
      "Drift of attention scores under shifted positions in emulated low-precision arithmetic, and error against the "
      + "exact reference. Drift and error are different questions and stand in different columns. run.json says what was "
      + "run; NaN, INF and -INF are written as such, and an empty cell is a figure that no pair defines.",
    tables: ReportTable.all.map(\.description))
}
