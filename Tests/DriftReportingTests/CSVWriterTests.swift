import Foundation
import Testing

@testable import DriftReporting

@Suite struct CSVWriterTests {
  @Test func writesHeaderRowsAndLineFeeds() throws {
    let folder = try TemporaryFolder()
    let table = try Table(
      exampleTable,
      rows: [
        ["fp32", 0, -0.0, true, "plain"], ["fp32", 1, .number(.nan), false, "a,b \"c\"\r\nd"],
        ["hf-bf16", 0, .number(-.infinity), true, .missing], ["hf-bf16", 1, .missing, true, ""],
      ])
    try CSVWriter.write(table, creating: folder.path("example.csv"))
    let expected = """
      recipe,key,mean_logit,is_sink,note
      fp32,0,-0.0,true,plain
      fp32,1,NaN,false,"a,b ""c""\r\nd"
      hf-bf16,0,-INF,true,
      hf-bf16,1,,true,""

      """
    #expect(try folder.text("example.csv").utf8.elementsEqual(expected.utf8))
  }

  @Test(
    arguments: [
      ("a", "a"), ("", "\"\""), (" a ", " a "), ("a,b", "\"a,b\""), ("\"", "\"\"\"\""), ("a\nb", "\"a\nb\""),
      ("a\rb", "\"a\rb\""), ("\r\n", "\"\r\n\""), ("é🙂", "é🙂"), ("\"\u{301}", "\"\"\"\u{301}\""),
      ("'a'", "'a'"),
    ])
  func quotesOnlyWhereNeeded(text: String, field: String) {
    #expect(CSVWriter.field(text).utf8.elementsEqual(field.utf8))
  }

  @Test func aLoneMissingCellIsNoEmptyLine() throws {
    let folder = try TemporaryFolder()
    let alone = TableDescription(
      name: "alone", title: "Alone", summary: "One column.",
      schema: TableSchema(
        columns: [ColumnDescription("a", .number, meaning: "A.", emptyWhere: "a is not there")],
        primaryKey: []))
    try CSVWriter.write(try Table(alone, rows: [[.missing], [1.0]]), creating: folder.path("a.csv"))
    #expect(try folder.text("a.csv") == "a\n\"\"\n1.0\n")
  }

  @Test func aRowThatDoesNotFitLeavesNoTrace() throws {
    let folder = try TemporaryFolder()
    var writer = try CSVWriter(exampleTable, creating: folder.path("example.csv"))
    try writer.append(["fp32", 0, 0.5, true, .missing])
    // The macro cannot capture a value that is not copyable.
    do {
      try writer.append(["fp32", 1.0, 0.5, true, .missing])
      Issue.record("a number was taken for an integer")
    } catch let error as TableError {
      let objection = "is of type number, not integer"
      #expect(error == .unfitCell(table: "example", row: 1, column: "key", objection: objection))
    }
    try writer.finish()
    #expect(try folder.text("example.csv").hasSuffix("\nfp32,0,0.5,true,\n"))
  }

  @Test func rowsBeyondTheBufferArriveInOrder() throws {
    let folder = try TemporaryFolder()
    var writer = try CSVWriter(exampleTable, creating: folder.path("example.csv"))
    let count = 5000
    for key in 0..<count { try writer.append(["fp32", .integer(key), 0.1, true, "note"]) }
    try writer.finish()
    let lines = try folder.text("example.csv").split(separator: "\n")
    #expect(lines.count == count + 1)
    #expect(lines.dropFirst().enumerated().allSatisfy { $0.element == "fp32,\($0.offset),0.1,true,note" })
    #expect(count * 24 > BufferedFile.capacity)
  }

  @Test(.enabled(if: FileManager.default.fileExists(atPath: "/dev/full")))
  func aFullDiskIsSaidToBeOne() throws {
    #expect(throws: OutputError.diskFull(path: "/dev/full")) {
      var writer = try CSVWriter(exampleTable, creating: "/dev/full")
      for key in 0..<5000 { try writer.append(["fp32", .integer(key), 0.1, true, "note"]) }
      try writer.finish()
    }
    #expect(throws: OutputError.diskFull(path: "/dev/full")) {
      try JSONText.write(["a": 1], creating: "/dev/full")
    }
  }

  @Test(.enabled(if: FileManager.default.fileExists(atPath: "/dev/full")))
  func aFailedFileStaysFailed() throws {
    var file = try BufferedFile(creating: "/dev/full")
    try file.write("a")
    for _ in 0..<2 {
      do {
        try file.finish()
        Issue.record("finished on a full disk")
      } catch {
        #expect(error == .diskFull(path: "/dev/full"))
      }
    }
  }

  @Test func aFileThatCannotBeMadeIsNamed() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("missing/a.csv")
    #expect {
      _ = try BufferedFile(creating: path)
    } throws: {
      ($0 as? OutputError)?.description.contains(path) == true
    }
  }
}

@Suite struct DecimalTextTests {
  @Test(
    arguments: [
      (0.0, "0.0"), (-0.0, "-0.0"), (1, "1.0"), (0.1, "0.1"), (1e-5, "1e-05"), (1e16, "1e+16"),
      (1.5e300, "1.5e+300"),
      (0x1p-1074, "5e-324"), (.greatestFiniteMagnitude, "1.7976931348623157e+308"), (1e22, "1e+22"),
      (123456789, "123456789.0"),
      (.nan, "NaN"), (-.nan, "NaN"), (.infinity, "INF"), (-.infinity, "-INF"),
    ] as [(Double, String)])
  func spells(value: Double, text: String) {
    #expect(DecimalText.shortest(value) == text)
  }

  @Test func randomBitPatternsReadBackTheSame() throws {
    var generator = SeededGenerator(state: 20)
    let form = /-?[0-9]+(\.[0-9]+)?(e[+-][0-9]+)?/
    for index in 0..<20_000 {
      let value = Double(bitPattern: generator.next())
      guard value.isFinite else { continue }
      let text = DecimalText.shortest(value)
      // strtod, which shares no code with the printing.
      #expect(strtod(text, nil).bitPattern == value.bitPattern, "seed 20, draw \(index): \(text)")
      if index % 20 == 0 { #expect(text.wholeMatch(of: form) != nil, "seed 20, draw \(index): \(text)") }
    }
  }
}
