// Baselines: what counts as equal, what is allowed, what is something else, and that a file reads back.

import DriftReporting
import Foundation
import Testing

@testable import DriftChecks

@Suite struct BaselineTests {
  static let identity: JSONValue = [
    "ropedrift": "0.1.0", "input_sha256": "ab", "recipes": [["name": "fp32", "trig": ["format": "fp32"]]],
  ]

  static func baseline(
    _ d: Cell, nonfinite: Cell = 0, identity: JSONValue = identity, allowances: [String] = []
  ) throws -> Baseline {
    Baseline(
      identity: identity, command: ["ropedrift", "report"],
      rows: [
        .init(
          name: "recipe fp32, shifts 0,16, layer all, head all",
          figures: [
            .init("d_weighted", d), .init("logit_drift_nonfinite_count", nonfinite),
            .init("ulp_format", "fp32"),
          ])
      ], allowances: try allowances.map(Allowance.init(spelling:)))
  }

  @Test func equalFiguresAreNoChange() throws {
    for value in [0.5, .number(.nan), .missing, .number(.infinity)] as [Cell] {
      let difference = try BaselineDifference(from: Self.baseline(value), to: Self.baseline(value))
      #expect(difference.changes.isEmpty && difference.isWithinAllowances && difference.comparedFigures == 3)
    }
    // Zeros of both signs are the same number.
    #expect(try BaselineDifference(from: Self.baseline(0.0), to: Self.baseline(-0.0)).changes.isEmpty)
  }

  @Test func theLastBitIsAChangeUnlessAllowed() throws {
    let difference = try BaselineDifference(from: Self.baseline(1.0), to: Self.baseline(.number(1.0.nextUp)))
    #expect(difference.changedFigures == 1 && !difference.isWithinAllowances)
    #expect(difference.changes[0].allowed == 0 && difference.changes[0].was == 1.0)
    #expect(difference.text(of: "base.json").hasPrefix("FAIL base.json: 1 of 3 figures changed, 1 beyond"))
  }

  @Test(
    arguments: [
      // 8 moved to 8.5: 6.25 % of 8, 0.5 in its unit.
      ("d_weighted=0.5", true), ("d_weighted=0.4999", false), ("d_weighted=6.25%", true),
      ("d_weighted=6.2%", false), ("all=7%", true), ("all=0", false),
    ])
  func allowancesAreBoundsOnBothSides(_ spelling: String, _ isWithin: Bool) throws {
    for (was, now) in [(8.0, 8.5), (-8.0, -8.5), (8.0, 7.5)] {
      let difference = try BaselineDifference(
        from: Self.baseline(.number(was), allowances: [spelling]), to: Self.baseline(.number(now)))
      #expect(difference.isWithinAllowances == isWithin)
      #expect(difference.changedFigures == 1)
    }
  }

  @Test func theLastAllowanceOfAMetricCounts() throws {
    let strict = try BaselineDifference(
      from: Self.baseline(8.0, allowances: ["d_weighted=1", "all=0"]), to: Self.baseline(8.5))
    #expect(!strict.isWithinAllowances)
    let given = try BaselineDifference(
      from: Self.baseline(8.0), to: Self.baseline(8.5), allowances: [Allowance(spelling: "all=1")])
    #expect(given.isWithinAllowances)
  }

  @Test func nonFiniteFiguresAreCoveredByNoGeneralAllowance() throws {
    let more = try BaselineDifference(
      from: Self.baseline(1.0, allowances: ["all=1000"]), to: Self.baseline(1.0, nonfinite: 1))
    #expect(!more.isWithinAllowances)
    let named = try BaselineDifference(
      from: Self.baseline(1.0, allowances: ["logit_drift_nonfinite_count=1"]),
      to: Self.baseline(1.0, nonfinite: 1))
    #expect(named.isWithinAllowances)
    for now in [.number(.nan), .number(.infinity), .missing] as [Cell] {
      let difference = try BaselineDifference(
        from: Self.baseline(1.0, allowances: ["all=1000"]), to: Self.baseline(now))
      #expect(!difference.isWithinAllowances, "\(now)")
    }
  }

  @Test func anotherInputRecipeOrVersionIsIncompatible() throws {
    let others: [(JSONValue, String)] = [
      (
        [
          "ropedrift": "0.2.0", "input_sha256": "ab",
          "recipes": [["name": "fp32", "trig": ["format": "fp32"]]],
        ],
        #"ropedrift: was "0.1.0", is "0.2.0""#
      ),
      (
        [
          "ropedrift": "0.1.0", "input_sha256": "cd",
          "recipes": [["name": "fp32", "trig": ["format": "fp32"]]],
        ],
        #"input_sha256: was "ab", is "cd""#
      ),
      (
        [
          "ropedrift": "0.1.0", "input_sha256": "ab",
          "recipes": [["name": "fp32", "trig": ["format": "bf16"]]],
        ],
        #"recipes[0].trig.format: was "fp32", is "bf16""#
      ),
      (["ropedrift": "0.1.0", "input_sha256": "ab"], "recipes: was "),
    ]
    for (identity, reason) in others {
      do {
        _ = try BaselineDifference(from: Self.baseline(1.0), to: Self.baseline(2.0, identity: identity))
        Issue.record("\(reason) was compared")
      } catch BaselineError.incompatible(let reasons) {
        #expect(reasons.count == 1 && reasons[0].hasPrefix(reason), "\(reasons)")
      }
    }
  }

  @Test func unknownMetricsAndBadAllowancesAreErrors() throws {
    #expect(throws: BaselineError.unknownMetric("d_wieghted", suggestion: "d_weighted")) {
      try BaselineDifference(
        from: Self.baseline(1.0, allowances: ["d_wieghted=1"]), to: Self.baseline(1.0))
    }
    for spelling in ["", "d_weighted", "=1", "d=-1", "d=nan", "d=inf", "d=x%", "d="] {
      #expect(throws: BaselineError.self, "\(spelling)") { try Allowance(spelling: spelling) }
    }
  }

  @Test func acceptingKeepsTheReason() throws {
    let accepted = try Self.baseline(1.0).accepting(Self.baseline(2.0), reason: "new kernel")
    #expect(accepted.acceptances == [.init(reason: "new kernel", changedFigures: 1)])
    #expect(accepted.rows == (try Self.baseline(2.0).rows))
    #expect(try Self.baseline(1.0).accepting(Self.baseline(1.0), reason: "nothing").acceptances.isEmpty)
  }

  @Test func aFileReadsBack() throws {
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("baseline-\(UUID().uuidString).json").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    for value in [0.1, .number(5e-324), .number(.infinity), .missing, 7] as [Cell] {
      let baseline = try Self.baseline(value, allowances: ["all=1%"])
        .accepting(Self.baseline(value, nonfinite: 3), reason: "quote \" and \u{1}")
      try JSONText.text(of: baseline.json).write(toFile: path, atomically: true, encoding: .utf8)
      #expect(try Baseline(path: path) == baseline)
    }
  }

  @Test(
    arguments: [
      ("", "not JSON"), ("{}", "has no 'kind'"), ("[]", "expected an object"),
      (#"{"kind":"x"}"#, "has no 'file_version'"), ("\u{FF}", "not JSON"),
    ])
  func otherFilesAreRefused(_ text: String, _ reason: String) throws {
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("baseline-\(UUID().uuidString).json").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    do {
      _ = try Baseline(path: path)
      Issue.record("\(text) was read")
    } catch BaselineError.malformed(_, let found) {
      #expect(found.contains(reason), "\(found)")
    }
    #expect(throws: BaselineError.self) { try Baseline(path: path + ".no") }
  }

  @Test func aCutFileIsRefusedAtEveryByte() throws {
    let whole = Array(JSONText.text(of: try Self.baseline(0.5, allowances: ["all=1"]).json).utf8)
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("baseline-\(UUID().uuidString).json").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    for length in stride(from: 0, to: whole.count, by: 7) {
      try Data(whole.prefix(length)).write(to: URL(fileURLWithPath: path))
      #expect(throws: BaselineError.self) { try Baseline(path: path) }
    }
  }
}
