// Every shipped case: it reads, its verdicts are those that its file states, and its values are those computed elsewhere.

import ArbitraryPrecision
import EmulatedEngine
import FloatingPointFormats
import Foundation
import PublishedCases
import Testing

@Suite struct RegistryTests {
  static let runsLongOnes = ProcessInfo.processInfo.environment["ROPEDRIFT_EXHAUSTIVE"] == "1"
  static let chosen = CaseRegistry.all.filter { !$0.isExperiment || runsLongOnes }.map(\.name)

  @Test func everyCaseReadsAndHasItsName() {
    #expect(CaseRegistry.all.map(\.name) == CaseRegistry.names)
    #expect(Set(CaseRegistry.names).count == CaseRegistry.names.count)
    #expect(CaseRegistry.all.filter(\.isExperiment).count == 2)
  }

  /// The digits in the files were computed with mpmath and exact fractions, by nothing of this package.
  @Test(arguments: chosen) func verdictsAreTheFilesAndValuesThoseComputedIndependently(_ name: String) throws
  {
    for claim in try CaseRegistry.named(name).run(threads: 2).claims {
      #expect(claim.verdict == claim.claim.verdict, "\(name): \(claim.claim.says)")
      #expect((claim.computed == nil) == (claim.verdict == .notComputable))
      guard let computed = claim.computed, !claim.claim.expected.isEmpty else { continue }
      #expect(computed.numbers.count == claim.claim.expected.count)
      #expect(
        try ClaimRule.asPrinted.holds(computed, claim.claim.expected), "\(name): \(claim.claim.says)")
    }
  }

  @Test func threadsChangeNothing() throws {
    let one = try CaseRegistry.named("imp-1316").run(threads: 1)
    let two = try CaseRegistry.named("imp-1316").run(threads: 2)
    #expect(
      one.steps.flatMap { $0.values.map(\.value.doubles) }
        == two.steps.flatMap { $0.values.map(\.value.doubles) })
  }

  @Test func aMisspeltNameIsAnsweredWithTheNearest() {
    #expect(throws: CaseError.unknownName("litgpt-1013", suggestion: "litgpt-1031")) {
      try CaseRegistry.publishedCase(nameOrPath: "litgpt-1013")
    }
  }

  @Test(arguments: [
    ("\"title\"", "\"titel\"", "unknown key 'titel' (did you mean 'title'?)"),
    ("\"setup\"", "\"setup2\"", "unknown key 'setup2' (did you mean 'setup'?)"),
    ("\"width\"", "\"widht\"", "'steps[0].operands[0]' is 'width'"),
    ("\"3072\"", "\"3o72\"", "'setup.numbers.width' is '3o72'"),
    ("\"compute\": \"round\"", "\"compute\": \"rond\"", "did you mean 'round'?"),
    ("\"value\": \"root\", \"format\"", "\"value\": \"root\", \"fromat\"", "unknown key 'steps[1].fromat'"),
    ("\"value\": \"stored\"", "\"value\": \"stord\"", "did you mean 'stored'?"),
    ("\"name\": \"stored\"", "\"name\": \"root\"", "no earlier step has"),
    ("\"asPrinted\"", "\"printed\"", "'claims[0].rule' is the string 'printed'"),
    ("\"bf16\"", "\"bf61\"", "did you mean 'bf16'"),
    ("\"bf16\"", "\"bf16\", \"rounding\": \"stochastic\"", "'steps[1].rounding' is 'stochastic'"),
    ("\"squareRoot\"", "\"squareRoots\"", "did you mean 'squareRoot'?"),
    ("[\"width\"]", "[\"width\", \"2\"]", "an array of 1 for 'squareRoot'"),
    ("\"reproduced\"", "\"notComputable\"", "'claims[0].reason' is missing"),
    ("\"55.4256\"", "\"about 55\"", "'claims[0].published' is 'about 55'"),
    ("\"repository\"", "\"repo\"", "unknown key 'source.repo'"),
  ])
  func aBrokenFileIsRefusedWithItsPlace(found: String, replacement: String, message: String) throws {
    let text = try #require(CaseRegistry.json(ofCase: "litgpt-1031"))
    let range = try #require(text.range(of: found))
    let broken = text.replacingCharacters(in: range, with: replacement)
    let error = #expect(throws: CaseError.self) {
      try PublishedCase(json: Data(broken.utf8), origin: "mine.json")
    }
    let description = error?.description ?? ""
    #expect(description.contains(message) && description.contains("mine.json"), "\(description)")
  }

  @Test(arguments: [
    (#"{"name": "a"}"#, "'title' is missing"), ("[]", "found an array of 0"),
    ("{", "expected a key in quotes"),
    (#"{"name": "a", "name": "b"}"#, "'name' is given twice"),
  ])
  func whatIsNoCaseIsRefused(_ text: String, _ message: String) {
    let error = #expect(throws: CaseError.self) {
      try PublishedCase(json: Data(text.utf8), origin: "mine.json")
    }
    #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
  }

  @Test func aMissingSetUpIsRefused() throws {
    let text = try #require(CaseRegistry.json(ofCase: "sglang-jax-1473"))
    let start = try #require(text.range(of: "  \"setup\"")).lowerBound
    let end = try #require(text.range(of: "  \"claims\"")).lowerBound
    let broken = text.replacingCharacters(in: start..<end, with: "")
    #expect(throws: CaseError.missing(file: "mine.json", field: "setup")) {
      try PublishedCase(json: Data(broken.utf8), origin: "mine.json")
    }
  }
}
