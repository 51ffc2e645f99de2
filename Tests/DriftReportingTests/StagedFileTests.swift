import DriftReporting
import Foundation
import Testing

@Suite struct StagedFileTests {
  private let scratch: TemporaryFolder
  private var folder: String { scratch.path }

  init() throws { scratch = try TemporaryFolder() }

  private func entries() throws -> [String] { try scratch.entries() }

  private func fill(_ staged: StagedFile, _ bytes: [UInt8]) throws {
    var file = try BufferedFile(creating: staged.stagingPath)
    try file.write(bytes: bytes)
    try file.finish()
  }

  @Test func aFileAppearsWholeAtItsPlace() throws {
    let path = folder + "/out.bin"
    let staged = try StagedFile(at: FileLocation(checking: path, replacing: false) { _ in nil })
    // More than the buffer holds, so that bytes are handed on in pieces.
    let bytes = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    try fill(staged, bytes)
    #expect(!FileManager.default.fileExists(atPath: path))
    try staged.commit()
    #expect(FileManager.default.contents(atPath: path) == Data(bytes))
    #expect(try entries() == ["out.bin"])
    #expect(throws: OutputError.discarded(path: path)) { try staged.commit() }
  }

  @Test func withoutACommitNothingIsLeft() throws {
    do {
      let staged = try StagedFile(
        at: FileLocation(checking: folder + "/out.bin", replacing: false) { _ in nil })
      try fill(staged, [1])
      #expect(try entries().count == 1)
    }
    #expect(try entries().isEmpty)
  }

  @Test func aFileIsReplacedOnlyWhereThatWasAskedForAndNobodyObjects() throws {
    let path = folder + "/out.bin"
    try Data([1, 2]).write(to: URL(fileURLWithPath: path))
    #expect(throws: OutputError.alreadyExists(path)) {
      try FileLocation(checking: path, replacing: false) { _ in nil }
    }
    let objection = OutputError.foreignFile(path: path, finding: "it is dear to somebody")
    #expect(objection.isWrongUsage)
    #expect(throws: objection) {
      try FileLocation(checking: path, replacing: true) { _ in "it is dear to somebody" }
    }
    let staged = try StagedFile(at: FileLocation(checking: path, replacing: true) { _ in nil })
    try fill(staged, [3])
    try staged.commit()
    #expect(FileManager.default.contents(atPath: path) == Data([3]))
  }

  @Test func whatAppearedDuringTheRunIsNotReplaced() throws {
    let path = folder + "/out.bin"
    let staged = try StagedFile(at: FileLocation(checking: path, replacing: false) { _ in nil })
    try fill(staged, [3])
    try Data([1, 2]).write(to: URL(fileURLWithPath: path))
    #expect(throws: OutputError.alreadyExists(path)) { try staged.commit() }
    #expect(FileManager.default.contents(atPath: path) == Data([1, 2]))
    #expect(try entries() == ["out.bin"])
  }

  @Test func placesThatCanHoldNoFile() throws {
    func check(_ typed: String) -> OutputError? {
      do throws(OutputError) {
        _ = try FileLocation(checking: typed, replacing: true) { _ in nil }
        return nil
      } catch {
        return error
      }
    }
    #expect(check("") == .notAFileName(""))
    #expect(check(folder + "/") == .notAFileName(folder + "/"))
    #expect(check("..") == .notAFileName(".."))
    #expect(check(folder) == .notAFile(folder))
    #expect(check("/dev/null") == .notAFile("/dev/null"))
    #expect(
      check(folder + "/no/out.bin") == .parentMissing(path: folder + "/no/out.bin", parent: folder + "/no"))
    let link = folder + "/link"
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: folder + "/nothing")
    #expect(check(link) == .notAFile(link))
  }
}
