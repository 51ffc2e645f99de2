// JUnit XML: well-formed for a parser that is not ours, whatever stands in names and messages.

import Foundation
import Testing

#if canImport(FoundationXML)
  import FoundationXML
#endif

@testable import DriftChecks

@Suite struct JUnitTests {
  @Test func anythingIsEscaped() throws {
    let nasty = "<a b=\"c\"> & 'd' ]]> \u{1}\u{FFFE}\u{7}\ttab\nline é 𝒳 &amp;"
    let report = JUnitReport(
      suite: nasty, properties: [("input", nasty)],
      cases: [
        JUnitReport.Case(
          group: nasty, name: nasty, outcome: .failed(message: nasty, text: nasty + "\r\n" + nasty)),
        JUnitReport.Case(group: "g", name: "n", outcome: .passed),
        JUnitReport.Case(group: "g", name: "m", outcome: .skipped(message: nasty)),
      ])
    let seen = Seen()
    let parser = XMLParser(data: Data(report.xml.utf8))
    parser.delegate = seen
    #expect(parser.parse(), "\(String(describing: parser.parserError))")
    let kept = nasty.replacing("\u{1}", with: "\\u{1}").replacing("\u{FFFE}", with: "\\u{fffe}").replacing(
      "\u{7}", with: "\\u{7}")
    #expect(seen.attributes["testcase"]?[0]["name"] == kept)
    #expect(seen.attributes["failure"]?[0]["message"] == kept)
    #expect(seen.attributes["skipped"]?[0]["message"] == kept)
    #expect(seen.text.hasPrefix(kept))
    let suite = try #require(seen.attributes["testsuite"]?[0])
    #expect([suite["tests"], suite["failures"], suite["skipped"], suite["errors"]] == ["3", "1", "1", "0"])
  }

  private final class Seen: NSObject, XMLParserDelegate {
    var attributes: [String: [[String: String]]] = [:]
    var text = ""
    private var isInFailure = false

    func parser(
      _: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
      attributes found: [String: String]
    ) {
      attributes[name, default: []].append(found)
      isInFailure = name == "failure"
    }

    func parser(_: XMLParser, didEndElement: String, namespaceURI: String?, qualifiedName: String?) {
      isInFailure = false
    }

    func parser(_: XMLParser, foundCharacters characters: String) { if isInFailure { text += characters } }
  }

  @Test func aTensorAndRuleIsACase() throws {
    let input = try smallInput(tokens: 16)
    let embedding = try smallEmbedding()
    let theirs = try emulated("hf-bf16", on: input, embedding, tensors: [.cosine])
    let verdict = try check(theirs, on: input, embedding, "fp32", accuracy: [.ulp(0.25), .ulp(64)])
    let report = verdict.junit(replay: ReplayCommand(input: nil, flags: []))
    let cases = report.cases.filter { $0.group == "layers.1.cos" }
    #expect(cases.map(\.name) == ["accuracy ulp=0.25", "accuracy ulp=64.0", "parity bit-exact"])
    guard case .failed(_, let text) = cases[0].outcome, case .passed = cases[1].outcome,
      case .skipped(let message) = cases[2].outcome
    else {
      Issue.record("\(cases)")
      return
    }
    #expect(text.contains("would pass: ulp="))
    #expect(message.hasPrefix("does not decide: FAIL theirs.safetensors/fp32: parity"))
    #expect(report.cases.count == 2 * 3 + 12)
  }

  @Test func valuesAreShownWithEveryBit() {
    #expect(hexadecimalFloat(1.5) == "0x1.8p+0")
    #expect(hexadecimalFloat(-0x1.fp-9) == "-0x1.fp-9")
    #expect(hexadecimalFloat(0x1p-1074) == "0x1p-1074")
    #expect(hexadecimalFloat(0x1.0000000000001p0) == "0x1.0000000000001p+0")
    #expect(hexadecimalFloat(-0.0) == "-0x0p+0")
    #expect(hexadecimalFloat(-.infinity) == "-INF")
    #expect(hexadecimalFloat(.nan) == "NaN")
  }

  @Test func replayCommandsAreQuoted() {
    let replay = ReplayCommand(input: "it's a file.safetensors", flags: ["--scaling", "linear:factor=4"])
    #expect(
      replay.score(layer: 1, head: 2, query: 3, key: 4, queryPosition: -3, keyPosition: 4)
        == "ropedrift score 'it'\\''s a file.safetensors' --layer 1 --head 2 --query 3 --key 4 --query-position=-3 --key-position 4 --scaling linear:factor=4"
    )
  }
}
