// `ropedrift baseline`: record, compare, accept; exit codes; nothing torn.

import Foundation
import RoPEDriftCommands
import Testing

@Suite struct BaselineCommandTests {
  static let input = "synthetic:sink,tokens=24,heads=2,kv_heads=1,layers=1,head_dim=8"
  let folder: ScratchFolder
  var file: String { folder.path + "/base.json" }

  init() throws { folder = try ScratchFolder() }

  private func baseline(_ verb: String, _ more: String...) -> CommandResult {
    ropedrift(["baseline", verb, "--baseline", file] + more)
  }

  private func changed(_ pattern: String, _ replacement: String) throws {
    let text = try String(contentsOfFile: file, encoding: .utf8)
    try text.replacing(try Regex(pattern), with: replacement)
      .write(toFile: file, atomically: true, encoding: .utf8)
  }

  @Test func theSameSetUpIsAsItWasWithAnyNumberOfThreads() throws {
    #expect(baseline("record", Self.input, "--recipe", "hf-bf16", "--threads", "1").exit == .done)
    let found = baseline("diff", "--threads", "3")
    #expect(found.exit == .done && found.output.hasPrefix("PASS ") && found.talk.isEmpty)
  }

  /// The set-up is the recorded one, as recorded, with the input named again, and typed in full.
  @Test func aChangeIsSaidAllowedAndAccepted() throws {
    #expect(baseline("record", Self.input, "--recipe", "hf-bf16").exit == .done)
    try changed(#""d_unweighted": [0-9.e-]+"#, #""d_unweighted": 0.001"#)
    let found = baseline("diff")
    #expect(found.exit == .budgetExceeded && found.output.hasPrefix("FAIL ") && found.talk.isEmpty)
    #expect(found.output.contains("recipe hf-bf16, shifts 0,16, layer all, head all  d_unweighted  0.001"))
    let json = baseline("diff", Self.input, "--recipe", "hf-bf16", "--json")
    #expect(json.exit == .budgetExceeded && json.output.contains(#""within_allowances": false"#))
    #expect(baseline("diff", Self.input, "--allow", "d_unweighted=100").exit == .done)
    #expect(baseline("diff", "--allow", "d_unwieghted=100").exit == .wrongUsage)
    #expect(baseline("accept", "--reason", " ").exit == .wrongUsage)
    #expect(baseline("accept", "--reason", "new order").exit == .done)
    #expect(baseline("diff").output.hasPrefix("PASS "))
    #expect(try String(contentsOfFile: file, encoding: .utf8).contains(#""reason": "new order""#))
    let before = try String(contentsOfFile: file, encoding: .utf8)
    #expect(baseline("accept", "--reason", "again").output.hasPrefix("nothing changed"))
    #expect(try String(contentsOfFile: file, encoding: .utf8) == before)
  }

  @Test func anotherSetUpIsIncompatible() throws {
    #expect(baseline("record", Self.input, "--recipe", "hf-bf16").exit == .done)
    for (arguments, said) in [
      ([Self.input + ",seed=2"], ["input_sha256: was "]),
      ([Self.input, "--recipe", "fp32"], ["recipes.hf-bf16: was "]),
      (
        [Self.input, "--recipe", "hf-bf16", "--shifts", "0,32", "--base", "500"],
        ["measured.shifts[0][1]: was 16, is 32", #"problem.base: was "10000", is "500""#]
      ),
    ] {
      let found = ropedrift(["baseline", "diff", "--baseline", file] + arguments)
      #expect(
        found.exit == .comparisonMissing && said.allSatisfy(found.talk.contains), "\(found.talk)")
      #expect(found.output.isEmpty)
    }
    try changed(#""ropedrift": "[^"]+""#, #""ropedrift": "0.0.1""#)
    let found = baseline("diff")
    #expect(found.exit == .comparisonMissing && found.talk.contains(#"ropedrift: was "0.0.1", is "#))
    #expect(baseline("accept", "--reason", "x").exit == .comparisonMissing)
  }

  @Test func aBaselineIsReplacedOnlyOnDemandAndNothingElseIs() throws {
    #expect(baseline("diff").exit == .comparisonMissing)
    #expect(baseline("record", Self.input, "--recipe", "fp32").exit == .done)
    #expect(baseline("record", Self.input, "--recipe", "fp32").exit == .wrongUsage)
    #expect(baseline("record", Self.input, "--recipe", "fp32", "--force").exit == .done)
    try "{}".write(toFile: file, atomically: true, encoding: .utf8)
    #expect(baseline("diff").exit == .comparisonMissing)
    let refused = baseline("record", Self.input, "--recipe", "fp32", "--force")
    #expect(refused.exit == .wrongUsage && refused.talk.contains("not a baseline"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["base.json"])
  }

  @Test func misspeltVerbsSuggestTheNearest() {
    let found = ropedrift("baseline", "dif", "--baseline", "x")
    #expect(found.exit == .wrongUsage && found.talk.contains("unknown command 'dif' (did you mean 'diff'?)"))
  }
}
