// A folder that a command writes beside what it prints, where one is named.

import ArgumentParser
import RoPEDrift

/// `-o` and `--force`.
public struct FolderOptions: ParsableArguments {
  /// The folder, as typed.
  @Option(
    name: [.customShort("o"), .customLong("output")],
    help: ArgumentHelp("Also write CSV tables into this folder.", valueName: "dir"))
  public var folder: String?
  /// Whether an earlier report is replaced.
  @Flag(help: "Replace an earlier report at the output path.")
  public var force = false

  /// For the parser.
  public init() {}

  /// Where the folder will stand, checked before any work starts; nil where none is named.
  ///
  /// - Throws: ``CommandFailure`` (wrong usage), ``OutputError``.
  func location() throws -> OutputLocation? {
    guard folder != "-" else {
      throw CommandFailure(.wrongUsage, "-o - would be standard output, which holds no folder; name a folder")
    }
    guard folder != nil || !force else {
      throw CommandFailure(.wrongUsage, "--force has no effect without -o; leave it out")
    }
    return try folder.map { try OutputLocation(checking: $0, replacing: force) }
  }
}
