// `ropedrift cases`: the table, the working, JSON, and what a verdict other than expected does.

import Foundation
import RoPEDrift
import RoPEDriftCommands
import Testing

@Suite struct CasesTests {
  @Test func oneNameShowsTheWorking() {
    let result = ropedrift("cases", "keras-hub-1494")
    #expect(result.exit == .done)
    #expect(
      result.output == """
        keras-hub-1494: Two positions become one in bf16
        source: keras-team/keras-hub, issue 1494, https://github.com/keras-team/keras-hub/issues/1494

        set-up
        positions  8190, 8191

        step       computes  value   bits    format
        stored[0]  round     8192.0  0x4600  bf16
        stored[1]  round     8192.0  0x4600  bf16

        claim                              published  computed  difference  verdict
        1 bf16 of positions 8190 and 8191  8192       8192.0    0           reproduced
                                           8192       8192.0    0
        1 rule: equal

        """)
  }

  @Test func namesShowTheirClaims() {
    let result = ropedrift("cases", "pie-536", "litgpt-1031")
    #expect(result.exit == .done)
    #expect(
      result.output == """
        case         claim                                             published  computed    verdict
        pie-536      step of bf16 that table errors are compared with  7.8e-03    0.00390625  refuted
                     table errors of the fast intrinsics               -          -           not computable
        litgpt-1031  sqrt(3072)                                        55.4256    55.425626   reproduced
                     in bf16                                           55.5       55.5        reproduced
        2 cases, 4 claims: 2 reproduced, 1 refuted, 1 not computable

        """)
  }

  @Test func everyWorkingCanBeShown() {
    let names = CaseRegistry.all.filter { !$0.isExperiment }.map(\.name)
    let all = ropedrift(["cases", "--json"] + names.filter { $0 != "modalities-462" && $0 != "mlx-lm-1076" })
    #expect(all.exit == .done && all.talk.isEmpty, "\(all.talk)")
    let one = ropedrift("cases", "tensorrt-llm-18774")
    #expect(one.exit == .done && one.output.contains("entry.cosineDifference[0]"), "\(one.talk)")
  }

  @Test func jsonHasTheWorkingToo() {
    let output = ropedrift("cases", "litgpt-1031", "--json").output
    for line in [
      #""value": "55.4256258422040733928782829282""#, #""bits": "0x425e""#,
      #""expected_verdict": "reproduced""#,
      #""as_expected": true"#,
    ] {
      #expect(output.contains(line), "\(line)")
    }
  }

  @Test func anotherVerdictThanTheFilesIsAFailure() throws {
    let folder = try ScratchFolder()
    let text = try #require(CaseRegistry.json(ofCase: "litgpt-1031"))
      .replacingOccurrences(of: "\"55.5\"", with: "\"55.4\"")
    let path = try folder.file("mine.json", Array(text.utf8))
    let result = ropedrift("cases", path, "keras-hub-1494")
    #expect(result.exit == .failed)
    #expect(result.output.contains("refuted, expected reproduced"))
    #expect(
      result.talk
        == "ropedrift: error: verdicts other than the files state: litgpt-1031; 'ropedrift cases NAME' shows the working\n"
    )
  }

  @Test func wrongNamesAndFiles() throws {
    let misspelt = ropedrift("cases", "candle-3250")
    #expect(misspelt.exit == .wrongUsage && misspelt.talk.contains("did you mean 'candle-3520'?"))
    let missing = ropedrift("cases", "nowhere.json")
    #expect(missing.exit == .failed && missing.talk.contains("cannot be read"))
    #expect(ropedrift("cases", "candle-3520", "--experiments").exit == .wrongUsage)
  }
}
