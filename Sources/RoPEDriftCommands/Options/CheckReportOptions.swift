// `--junit FILE`: the verdict as a file for continuous integration.

import ArgumentParser
import Foundation
import RoPEDrift

/// `--junit`, `--force`.
public struct CheckReportOptions: ParsableArguments {
  /// As typed.
  @Option(
    help: ArgumentHelp(
      "Write test cases as JUnit XML; the file must not exist without --force.", valueName: "file"))
  public var junit: String?
  /// Whether a file that is there is replaced.
  @Flag(help: "Replace a JUnit file that is there.")
  public var force = false

  /// For the parser.
  public init() {}

  /// For the parser.
  public func validate() throws {
    if force, junit == nil { throw ValidationError("--force replaces a file; name it with --junit") }
    if junit == "-" {
      throw ValidationError("--junit - would be standard output, which shows the verdict; name a file")
    }
  }

  /// The checked place of the file; nil where none is asked for.
  ///
  /// - Throws: ``OutputError``.
  func location() throws -> FileLocation? {
    try junit.map { try FileLocation(checking: $0, replacing: force, objection: Self.objection) }
  }

  /// Writes the file whole or not at all.
  ///
  /// - Throws: ``OutputError``.
  func write(_ report: JUnitReport, to location: FileLocation) throws {
    let staged = try StagedFile(at: location)
    try InterruptionGuard.protecting(cleanup: { staged.discard() }) {
      var file = try BufferedFile(creating: staged.stagingPath)
      try file.write(bytes: Array(report.xml.utf8))
      try file.finish()
      try staged.commit()
    }
  }

  /// Why a file must not be replaced.
  private static func objection(_ path: String) -> String? {
    guard let handle = fopen(path, "r") else { return "what is there cannot be read" }
    defer { fclose(handle) }
    var start = [UInt8](repeating: 0, count: 5)
    let count = fread(&start, 1, 5, handle)
    return count == 0 || start.elementsEqual("<?xml".utf8) ? nil : "what is there is no XML"
  }
}
