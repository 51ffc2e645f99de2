import Foundation
import Synchronization
import Testing

@testable import DriftReporting

@Suite struct AlignedTextTableTests {
  @Test func alignsTextLeftAndNumbersRight() {
    var table = AlignedTextTable(header: ["recipe", "drift", "key", "note"])
    table.append(["hf-bf16", 0.123456, 0, .missing])
    table.append(["fp32", 1.5e-7, 511, "a\u{1B}[31m\n"])
    table.append(["x", .number(.nan), .missing, "b"])
    #expect(
      table.text == """
        recipe     drift  key  note
        hf-bf16   0.1235    0  -
        fp32     1.5e-07  511  a\\u{1B}[31m\\u{A}
        x            NaN    -  b

        """)
  }

  @Test func aTableWithoutRowsIsItsHeader() {
    #expect(AlignedTextTable(header: ["a", "bc"]).text == "a  bc\n")
  }

  @Test func aNarrowTerminalGetsTheColumnsBelowEachOther() {
    var table = AlignedTextTable(header: ["key", "shifts", "first", "second", "third"], keyColumns: 2)
    table.append([0, "0,16", 1, 2, 3])
    TerminalAppearance.$current.withValue(TerminalAppearance(width: 26)) {
      #expect(
        table.text == """
          key  shifts  first  second
            0  0,16        1       2

          key  shifts  third
            0  0,16        3

          """)
    }
    TerminalAppearance.$current.withValue(TerminalAppearance(width: 1)) {
      #expect(table.text.split(separator: "\n").map(\.count).max() == "key  shifts  second".count)
    }
    TerminalAppearance.$current.withValue(TerminalAppearance(width: 33)) {
      #expect(table.text.split(separator: "\n").count == 2)
    }
  }

  @Test func colourIsForHeadingsWhereItIsUsed() {
    var table = AlignedTextTable(header: ["a", "b"])
    table.append([1, 2])
    TerminalAppearance.$current.withValue(TerminalAppearance(usesColor: true)) {
      #expect(table.text == "\u{1B}[1ma  b\u{1B}[0m\n1  2\n")
    }
    #expect(TerminalAppearance.plain.emphasized("FAIL", .bad) == "FAIL")
    #expect(TerminalAppearance(usesColor: true).emphasized("FAIL", .bad) == "\u{1B}[1;31mFAIL\u{1B}[0m")
  }

  @Test(
    arguments: [
      (0.5, "0.5"), (12345, "1.234e+04"), (1234.5, "1234"), (-0.0, "-0"), (.infinity, "INF"),
      (-.infinity, "-INF"),
    ] as [(Double, String)])
  func fourSignificantDigits(value: Double, text: String) {
    #expect(AlignedTextTable.text(value) == text)
  }
}

@Suite struct ProgressMeterTests {
  /// A clock set by hand and what was written.
  private final class Stage: Sendable {
    let now = Mutex(0.0)
    let written = Mutex("")
    var text: String { written.withLock { $0 } }
    func meter(_ total: Int, _ display: ProgressMeter.Display) -> ProgressMeter {
      ProgressMeter(
        "comparing", total: total, display: display, seconds: { [self] in now.withLock { $0 } },
        write: { [self] text in written.withLock { $0 += text } })
    }
    func wait(_ seconds: Double) { now.withLock { $0 += seconds } }
  }

  @Test func showsCoarseLinesWithAnEstimate() {
    let stage = Stage()
    let meter = stage.meter(1000, .lines(everySeconds: 10))
    for _ in 0..<5 {
      stage.wait(5)
      meter.advance(by: 100)
    }
    stage.wait(1)
    meter.finish()
    meter.finish()
    meter.advance()
    #expect(
      stage.text == """
        comparing: 20 % (200 of 1000), 20 a second, about 40 s left
        comparing: 40 % (400 of 1000), 20 a second, about 30 s left
        comparing: done in 26 s

        """)
  }

  @Test func wipesTheLineOnATerminal() {
    let stage = Stage()
    let meter = stage.meter(4, .terminal(width: nil))
    stage.wait(100)
    meter.advance()
    stage.wait(0.05)
    meter.advance()
    meter.finish()
    #expect(
      stage.text == "\r\u{1B}[Kcomparing: 25 % (1 of 4), 0.01 a second, about 5 min 00 s left\r\u{1B}[K")
  }

  @Test func aNarrowTerminalGetsALineThatDoesNotWrap() {
    let stage = Stage()
    let meter = stage.meter(4, .terminal(width: 16))
    stage.wait(100)
    meter.advance()
    #expect(stage.text == "\r\u{1B}[Kcomparing: 25 %")
  }

  @Test(
    arguments: [
      (0.25, "0.25 a second"), (999.4, "999 a second"), (999.6, "1 thousand a second"),
      (1_240_000, "1.24 million a second"), (2.5e9, "2.5 thousand million a second"),
      (.infinity, "very many a second"),
    ] as [(Double, String)])
  func spellsRates(perSecond: Double, text: String) {
    #expect(ProgressMeter.rate(perSecond) == text)
  }

  @Test(arguments: [.silent, .lines(everySeconds: 10), .terminal(width: 80)] as [ProgressMeter.Display])
  func shortWorkAndNoWorkAreSilent(display: ProgressMeter.Display) {
    let stage = Stage()
    for total in [0, 10] {
      let meter = stage.meter(total, display)
      for _ in 0..<10 { meter.advance() }
      meter.finish()
    }
    #expect(stage.text == "")
  }

  @Test func countsTheStepsOfEveryThread() {
    let stage = Stage()
    let meter = stage.meter(4000, .lines(everySeconds: 1))
    DispatchQueue.concurrentPerform(iterations: 4) { _ in for _ in 0..<999 { meter.advance() } }
    stage.wait(2)
    meter.advance(by: 3)
    #expect(stage.text == "comparing: 99 % (3999 of 4000), 2 thousand a second, about 1 s left\n")
  }

  @Test(
    arguments: [
      (0.2, "1 s"), (59, "59 s"), (200, "3 min 20 s"), (7500, "2 h 05 min"), (.infinity, "very long"),
    ] as [(Double, String)])
  func spellsDurations(seconds: Double, text: String) {
    #expect(ProgressMeter.duration(seconds) == text)
  }
}
