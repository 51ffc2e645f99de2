// How published figures are compared, at the edges.

import FloatingPointFormats
import Foundation
import PublishedCases
import Testing

@Suite struct ClaimRuleTests {
  /// The verdict of a claim about one literal.
  private func verdict(_ value: String, _ rule: String, _ figure: String?) throws -> CaseVerdict {
    let claim =
      #"[{"says": "x", "value": "x", "rule": "\#(rule)", "verdict": "reproduced""#
      + (figure.map { #", "published": "a figure", "figure": \#($0)"# } ?? "") + "}]"
    let step = #"{"name": "y", "compute": "round", "value": "1", "format": "exact"}"#
    let setup = #"{"numbers": {"x": \#(value)}}"#
    return try PublishedCase(json: caseText(setup: setup, steps: step, claims: claim), origin: "mine.json")
      .run().claims[0].verdict
  }

  @Test(arguments: [
    ("0.78185", "asPrinted", "0.7819", true), ("0.781849", "asPrinted", "0.7819", false),
    ("0.78195", "asPrinted", "0.7819", true), ("0.7819501", "asPrinted", "0.7819", false),
    ("514", "asPrinted", "5.1e2", true), ("516", "asPrinted", "5.1e2", false),
    ("0.4", "asPrinted", "0", true), ("0.04", "asPrinted", "0.0", true), ("0.06", "asPrinted", "0.0", false),
    ("45.2500001", "equal", "45.25", false), ("181/4", "equal", "45.25", true), ("nan", "equal", "nan", true),
    ("nan", "asPrinted", "1", false), ("inf", "equal", "inf", true), ("inf", "equal", "-inf", false),
    ("0.0015", "about", "0.001", true), ("0.00151", "about", "0.001", false),
    ("-0.001", "about", "0.001", false),
    ("3", "atLeast", "3", true), ("2.9", "atLeast", "3", false), ("3", "atMost", "3", true),
    ("3.1", "atMost", "3", false),
  ])
  func aFigureStandsForARange(_ value: String, _ rule: String, _ figure: String, _ holds: Bool) throws {
    #expect(try verdict("\"\(value)\"", rule, "\"\(figure)\"") == (holds ? .reproduced : .refuted))
  }

  @Test func listsAreComparedElementByElement() throws {
    #expect(try verdict(#"["1", "2"]"#, "equal", #"["1", "2"]"#) == .reproduced)
    #expect(try verdict(#"["1", "2"]"#, "equal", #"["1", "2", "3"]"#) == .refuted)
    #expect(try verdict(#"["1", "2"]"#, "equal", #""1""#) == .refuted)
    #expect(try verdict(#"["1", "1"]"#, "equal", #""1""#) == .reproduced)
    #expect(try verdict(#""2""#, "oneOf", #"["1", "2"]"#) == .reproduced)
    #expect(try verdict(#""3""#, "oneOf", #"["1", "2"]"#) == .refuted)
    #expect(try verdict(#"["0.05", "0.08"]"#, "between", #"["0.05", "0.08"]"#) == .reproduced)
    #expect(try verdict(#"["0.05", "0.081"]"#, "between", #"["0.05", "0.08"]"#) == .refuted)
    #expect(try verdict(#"["1", "2", "3"]"#, "increasing", nil) == .reproduced)
    #expect(try verdict(#"["1", "2", "2"]"#, "increasing", nil) == .refuted)
  }

  @Test func aFractionHasNoLastDigit() {
    #expect(throws: CaseError.self) { try verdict(#""1""#, "asPrinted", #""1/3""#) }
    #expect(throws: CaseError.self) { try verdict(#""1""#, "between", #""1""#) }
    #expect(throws: CaseError.self) { try verdict(#""1""#, "increasing", #""1""#) }
  }
}
