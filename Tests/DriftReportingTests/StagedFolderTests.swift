import Foundation
import Testing

@testable import DriftReporting

@Suite struct StagedFolderTests {
  private struct Failure: Error {}

  /// Fills a staging folder with the least that makes a report.
  private func fill(_ staged: StagedFolder, _ content: String) throws {
    try JSONText.write(["content": .string(content)], creating: staged.path(of: "run.json"), .compact)
    try DataPackage(name: "report", title: "Report", summary: "A report.", tables: [exampleTable])
      .write(into: staged.stagingPath)
    try CSVWriter.write(try Table(exampleTable, rows: []), creating: staged.path(of: "example.csv"))
  }

  private func makeReport(_ folder: TemporaryFolder, _ content: String, replacing: Bool = false) throws {
    let staged = try StagedFolder(at: folder.path("report"), replacing: replacing)
    try fill(staged, content)
    #expect(try staged.commit() == nil)
  }

  @Test func appearsWholeAtTheCommit() throws {
    let folder = try TemporaryFolder()
    let staged = try StagedFolder(at: folder.path("report/"), replacing: false)
    #expect(try folder.entries() == [".report.partial-\(getpid())"])
    try fill(staged, "new")
    #expect(try folder.entries() == [".report.partial-\(getpid())"])
    try staged.commit()
    #expect(try folder.entries() == ["report"])
    #expect(try folder.entries("report") == ["datapackage.json", "example.csv", "run.json"])
    staged.discard()
    #expect(try folder.text("report/run.json") == "{\"content\":\"new\"}\n")
  }

  @Test func aFailureMidWayLeavesNothing() throws {
    let folder = try TemporaryFolder()
    #expect(throws: Failure.self) {
      let staged = try StagedFolder(at: folder.path("report"), replacing: false)
      try fill(staged, "new")
      throw Failure()
    }
    #expect(try folder.entries() == [])
  }

  @Test func aFailureMidWayKeepsTheOldReport() throws {
    let folder = try TemporaryFolder()
    try makeReport(folder, "old")
    #expect(throws: Failure.self) {
      let staged = try StagedFolder(at: folder.path("report"), replacing: true)
      try fill(staged, "new")
      throw Failure()
    }
    #expect(try folder.entries() == ["report"])
    #expect(try folder.text("report/run.json").contains("old"))
  }

  @Test func existingOutputIsRefusedUnlessItIsToBeReplaced() throws {
    let folder = try TemporaryFolder()
    try makeReport(folder, "old")
    let path = folder.path("report")
    #expect(throws: OutputError.alreadyExists(path)) { try OutputLocation(checking: path, replacing: false) }
    #expect(OutputError.alreadyExists(path).isWrongUsage)
    try makeReport(folder, "new", replacing: true)
    #expect(try folder.entries() == ["report"])
    #expect(try folder.text("report/run.json").contains("new"))
  }

  @Test func anEmptyFolderIsReplacedOnlyOnRequest() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("report")
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    #expect(throws: OutputError.alreadyExists(path)) { try OutputLocation(checking: path, replacing: false) }
    try makeReport(folder, "new", replacing: true)
    #expect(try folder.entries("report").count == 3)
  }

  @Test(
    arguments: [
      (["notes.txt"], "it holds no run.json"),
      (["run.json"], "it holds no datapackage.json"),
      (["run.json", "datapackage.json", "notes.txt"], "it holds 'notes.txt', which no report wrote"),
      (["run.json", "datapackage.json", "report.html/a"], "'report.html' in it is not a plain file"),
    ])
  func foreignFoldersAreNeverReplaced(files: [String], finding: String) throws {
    let folder = try TemporaryFolder()
    for file in files { try folder.put("{}", "report/" + file) }
    let path = folder.path("report")
    #expect(throws: OutputError.notAReport(path: path, finding: finding)) {
      try OutputLocation(checking: path, replacing: true)
    }
    #expect(try folder.entries("report").count == files.count)
  }

  @Test func whatCameDuringTheRunIsNotReplaced() throws {
    let folder = try TemporaryFolder()
    try makeReport(folder, "old")
    let staged = try StagedFolder(at: folder.path("report"), replacing: true)
    try fill(staged, "new")
    try folder.put("precious", "report/notes.txt")
    #expect(throws: OutputError.self) { try staged.commit() }
    #expect(try folder.entries() == ["report"])
    #expect(try folder.text("report/notes.txt") == "precious")

    let other = try StagedFolder(at: folder.path("other"), replacing: false)
    try folder.put("precious", "other/notes.txt")
    #expect(throws: OutputError.alreadyExists(folder.path("other"))) { try other.commit() }
    #expect(try folder.entries() == ["other", "report"])
  }

  @Test(arguments: ["/", "//", ".", "..", "", "a/..", "./"])
  func namesThatAreNoFolderAreRefused(path: String) {
    #expect(throws: OutputError.notAFolderName(path)) { try OutputLocation(checking: path, replacing: true) }
  }

  @Test func wrongPlacesAreRefusedBeforeAnyWork() throws {
    let folder = try TemporaryFolder()
    try folder.put("text", "file")
    let (missing, below, file) = (folder.path("none/report"), folder.path("file/report"), folder.path("file"))
    #expect(throws: OutputError.parentMissing(path: missing, parent: folder.path("none"))) {
      try OutputLocation(checking: missing, replacing: false)
    }
    #expect(throws: OutputError.parentNotAFolder(path: below, parent: file)) {
      try OutputLocation(checking: below, replacing: false)
    }
    #expect(throws: OutputError.notAFolder(file)) { try OutputLocation(checking: file, replacing: true) }
    #expect(try folder.entries() == ["file"])
  }

  // The superuser may write anywhere.
  @Test(.enabled(if: geteuid() != 0)) func aParentThatCannotBeWrittenToIsRefused() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("locked/report")
    try FileManager.default.createDirectory(
      atPath: folder.path("locked"), withIntermediateDirectories: false,
      attributes: [.posixPermissions: 0o500])
    #expect {
      try OutputLocation(checking: path, replacing: false)
    } throws: {
      if case OutputError.notWritable = $0 { true } else { false }
    }
  }

  @Test func aSymbolicLinkIsKeptAndItsFolderReplaced() throws {
    let folder = try TemporaryFolder()
    try makeReport(folder, "old")
    try FileManager.default.createSymbolicLink(
      atPath: folder.path("link"), withDestinationPath: folder.path("report"))
    let staged = try StagedFolder(at: folder.path("link"), replacing: true)
    try fill(staged, "new")
    try staged.commit()
    #expect(try folder.entries() == ["link", "report"])
    #expect(try folder.text("report/run.json").contains("new"))
    try FileManager.default.createSymbolicLink(
      atPath: folder.path("broken"), withDestinationPath: folder.path("none"))
    #expect(throws: OutputError.notAFolder(folder.path("broken"))) {
      try OutputLocation(checking: folder.path("broken"), replacing: true)
    }
  }

  @Test func leftoversOfAKilledRunAreNotTouched() throws {
    let folder = try TemporaryFolder()
    let leftover = ".report.partial-\(getpid())"
    try folder.put("old", leftover + "/run.json")
    try makeReport(folder, "new")
    #expect(try folder.entries() == [leftover, "report"])
    #expect(try folder.text(leftover + "/run.json") == "old")
  }

  @Test func aDiscardedFolderCannotBeCommitted() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("report")
    let staged = try StagedFolder(at: path, replacing: false)
    try fill(staged, "new")
    staged.discard()
    #expect(throws: OutputError.discarded(path: path)) { try staged.commit() }
    #expect(try folder.entries() == [])
  }
}

@Suite(.serialized) struct InterruptionGuardTests {
  /// Sends the process a signal while this thread computes without a pause; the cleanup must run all the same.
  /// Not the signals of a command: those end the commands that other tests run beside this one.
  @Test(arguments: [SIGUSR1, SIGUSR2]) func aSignalRemovesTheStagingFolder(number: Int32) throws {
    let folder = try TemporaryFolder()
    let staged = try StagedFolder(at: folder.path("report"), replacing: false)
    let (reader, exitCode) = (SharedInteger(), SharedInteger())
    let active = InterruptionGuard(
      signals: [number],
      exit: {
        exitCode.value = Int($0)
        reader.value = 1
      }, cleanup: { staged.discard() })
    kill(getpid(), number)
    let deadline = Date().addingTimeInterval(20)
    while reader.value == 0, Date() < deadline {}
    #expect(exitCode.value == 130)
    #expect(try folder.entries() == [])
    active.release()
  }

  @Test func aReleasedGuardCleansNothing() throws {
    let (cleanups, exits) = (SharedInteger(), SharedInteger())
    let first = InterruptionGuard(signals: [SIGUSR1], exit: { _ in }, cleanup: { cleanups.value += 1 })
    let second = InterruptionGuard(
      signals: [SIGUSR1], exit: { _ in exits.value += 1 }, cleanup: { cleanups.value += 10 })
    first.release()
    kill(getpid(), SIGUSR1)
    let deadline = Date().addingTimeInterval(20)
    while exits.value == 0, Date() < deadline {}
    #expect(cleanups.value == 10)
    second.release()
  }

  @Test func theResultOfTheBodyComesBack() {
    #expect(InterruptionGuard.protecting(cleanup: {}) { 7 } == 7)
  }
}
