// Numbers, tables and the document, against text written by hand.

import Foundation
import Testing

@testable import BenchmarkHarness

@Suite struct TableTests {
  @Test(arguments: [
    (4.6789, "4.68"), (9.994, "9.99"), (9.996, "10.0"), (31.24, "31.2"), (99.96, "100"), (512.4, "512"),
    (123456, "123456"), (0.9996, "1.00"), (0.0213, "0.0213"), (0.5, "0.500"), (0, "0"), (-2.5, "-2.50"),
    (1_000_000, "1.00e6"), (0.00001234, "1.23e-5"), (0.00012346, "0.000123"),
  ])
  func threeSignificantDigits(value: Double, text: String) {
    #expect(FigureText.number(value) == text)
  }

  @Test func unitsFit() {
    #expect(FigureText.seconds(1.5) == "1.50 s")
    #expect(FigureText.seconds(0.0312) == "31.2 ms")
    #expect(FigureText.seconds(0.0000159) == "15.9 µs")
    #expect(FigureText.seconds(0.000000031) == "31.0 ns")
    #expect(FigureText.rate(61.5e9) == "61.5 G")
    #expect(FigureText.rate(300e6) == "300 M")
    #expect(FigureText.rate(12) == "12.0")
    #expect(FigureText.megabytes(400e6) == "400 MB")
  }

  @Test func targetsAreMetAtTheirBound() {
    #expect(Target.atMost(5).isMet(by: 5))
    #expect(!Target.atMost(5).isMet(by: 5.001))
    #expect(Target.atLeast(0.9).isMet(by: 0.9))
    #expect(!Target.atLeast(0.9).isMet(by: 0.899))
  }

  private func row(_ name: String, _ value: Double, _ target: Target?) throws -> MeasuredRow {
    MeasuredRow(
      name, "what \(name) does", quantity: "× the time of x", value: try Spread([value]), target: target,
      sides: [TimedSide(name: "kernel", work: 1000, unit: "score", seconds: try Spread([0.002]))],
      notes: ["a note"])
  }

  @Test func markdownOfRows() throws {
    let text = TableText.markdown([try row("a|b", 4.5, .atMost(5)), try row("c", 2, nil)])
    #expect(
      text == """
        | what | target | median | quartiles, extremes | runs | target met |
        | --- | --- | --- | --- | --- | --- |
        | what a\\|b does | ≤ 5 | 4.50 × the time of x | 4.50–4.50, 4.50–4.50 | 1 | met |
        | what c does | – | 2.00 × the time of x | 2.00–2.00, 2.00–2.00 | 1 | – |

        """)
  }

  @Test func columnsLineUp() throws {
    let lines = TableText.columns([try row("a", 0.25, .atLeast(0.5))]).split(separator: "\n")
    #expect(
      lines[0] == "what         target  median                 quartiles, extremes       runs  target met")
    #expect(lines[1] == "what a does  ≥ 0.5   0.250 × the time of x  0.250–0.250, 0.250–0.250  1     missed")
    #expect(lines[2] == "    kernel: 2.00 ms a run, 2.00 µs a score, 500 k scores a second")
    #expect(lines[3] == "    a note")
  }

  private func record(_ rows: [MeasuredRow], command: String) -> BenchmarkRecord {
    var machine = MachineDescription(software: ["compiler: one"])
    machine.processor = "a processor"
    return BenchmarkRecord(
      machine: machine, command: command, commit: "abc", loadBefore: 0.5, loadAfter: 1, rows: rows, growth: []
    )
  }

  @Test func recordsSurviveTheirFile() throws {
    var record = record([try row("a", 1, .atMost(2))], command: "benchmarks run")
    record.growth = [
      try GrowthRecord(
        title: "t", command: "c",
        points: [
          .init(tokens: 512, seconds: 1, processorSeconds: 1, peakBytes: 1e6),
          .init(tokens: 1024, seconds: 3, processorSeconds: 3, peakBytes: 1.5e6),
        ], leftOut: [2048], projections: { _, _ in ["p"] })
    ]
    let path = FileManager.default.temporaryDirectory.appendingPathComponent(
      "\(UUID().uuidString)/record.json"
    ).path
    defer { try? FileManager.default.removeItem(atPath: (path as NSString).deletingLastPathComponent) }
    try BenchmarkRecord.write(try record.json(), to: path)
    #expect(try BenchmarkRecord(path: path) == record)
  }

  @Test func filesThatAreNoRecordsAreErrors() throws {
    #expect(throws: HarnessError.self) { try BenchmarkRecord(path: "/nowhere/no-such-file") }
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).json").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Data("{}".utf8).write(to: URL(fileURLWithPath: path))
    #expect(throws: HarnessError.self) { try BenchmarkRecord(path: path) }
    var later = record([], command: "benchmarks run")
    later.schema = 2
    try later.json().write(to: URL(fileURLWithPath: path))
    #expect(throws: HarnessError.self) { try BenchmarkRecord(path: path) }
  }

  @Test func aLaterRunReplacesRowsInTheirPlace() throws {
    let document = PerformanceDocument([
      record([try row("a", 1, nil), try row("b", 2, nil)], command: "first"),
      record([try row("a", 3, nil), try row("c", 4, nil)], command: "second"),
    ]) { _ in nil }
    #expect(document.rows.map(\.row.identifier) == ["a", "b", "c"])
    #expect(document.rows.map(\.row.value.median) == [3, 2, 4])
    #expect(document.rows.map(\.run) == [1, 0, 1])
    #expect(document.markdown().contains("- command: `first`"))
  }

  @Test func missedTargetsAreExplainedOrAskForAnExplanation() throws {
    let rows = [
      try row("slow", 9, .atMost(5)), try row("odd", 9, .atMost(5)), try row("fine", 1, .atMost(5)),
    ]
    let text = PerformanceDocument([record(rows, command: "one")]) { $0 == "slow" ? "Because.\n\n" : nil }
      .markdown()
    #expect(text.contains("### what slow does\n\nBecause.\n\n### what odd does"))
    #expect(text.contains("Benchmarks/Explanations/odd.md"))
    #expect(!text.contains("### what fine does"))
    #expect(text.hasSuffix("\n") && !text.hasSuffix("\n\n"))
    let met = PerformanceDocument([record([rows[2]], command: "one")]) { _ in nil }.markdown()
    #expect(!met.contains("missed\n"))
  }

  @Test func growthIsATableWithItsFits() throws {
    let growth = try GrowthRecord(
      title: "a report", command: "ropedrift report T",
      points: [
        .init(tokens: 512, seconds: 2, processorSeconds: 1, peakBytes: 2e7),
        .init(tokens: 1024, seconds: 5, processorSeconds: 3, peakBytes: 3e7),
      ], leftOut: [2048],
      projections: { time, memory in
        [
          "projected: \(FigureText.seconds(time.value(at: 2048))), \(FigureText.megabytes(memory.value(at: 2048)))"
        ]
      })
    #expect(
      PerformanceDocument.section(growth) == """
        ## Growth: a report

        Each size in a child process of its own: `ropedrift report T`.

        | tokens | wall time | processor time | peak memory |
        | --- | --- | --- | --- |
        | 512 | 2.00 s | 1.00 s | 20.0 MB |
        | 1024 | 5.00 s | 3.00 s | 30.0 MB |

        Left out by the time budget: 2048.

        - time grows as T^1.58 (T from 512 to 1024, points within 0.100 % of the fit)
        - peak memory grows as T^0.585 (T from 512 to 1024, points within 0.100 % of the fit)
        - models for the projections, by least squares of relative errors over the same sizes: time 977 µs·T + 1.91 µs·T², points within 0.100 %; memory 10.0 MB + 19531 bytes·T, points within 0.100 %
        - projected: 10.0 s, 50.0 MB


        """)
  }

  @Test func theFirstProcessorOfAListIsDescribed() {
    let text =
      "processor\t: 0\nmodel name\t: Model A\nflags\t\t: fma avx2\n\nprocessor\t: 1\nmodel name\t: Model B\n"
    let fields = MachineDescription.fields(ofProcessorText: text)
    #expect(fields["model name"] == "Model A")
    #expect(fields["flags"] == "fma avx2")
    #expect(MachineDescription.fields(ofProcessorText: "") == [:])
  }
}
