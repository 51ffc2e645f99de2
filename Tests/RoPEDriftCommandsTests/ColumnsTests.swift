// `ropedrift columns`: text, JSON, and what it refuses.

import Foundation
import RoPEDriftCommands
import Testing

@Suite("columns") struct ColumnsTests {
  private static let input =
    "synthetic:sink,tokens=70,heads=2,kv_heads=1,layers=1,head_dim=8,rotary_size=8"

  @Test("a line a key, and the five-key fraction") func text() {
    let result = ropedrift(
      "columns", Self.input, "--keys", "0,1,2,8,64", "--recipe", "hf-bf16", "--shifts", "0,7")
    #expect(result.exit == .done)
    let lines = result.output.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    #expect(lines.count == 10 && lines[0].hasPrefix("recipe"))
    // Two heads; key 64 is seen by the last six queries.
    let cells = lines[1...5].map { $0.split(separator: " ").map(String.init) }
    #expect(cells.map { $0[2] } == ["0", "1", "2", "8", "64"])
    #expect(cells.map { $0[3] } == ["140", "138", "136", "124", "12"])
    #expect(lines[8].split(separator: " ").last != "-")
  }

  @Test("figures are those of the report's rows") func agreesWithReport() throws {
    let folder = try ScratchFolder()
    let report = ropedrift(
      "report", Self.input, "--recipe", "fa2-bf16", "--lengths", "70", "-o", folder.path + "/r")
    #expect(report.exit == .done)
    let rows = try String(contentsOfFile: folder.path + "/r/tokens.csv", encoding: .utf8).split(
      separator: "\n")
    let header = rows[0].split(separator: ",").map(String.init)
    let row = try #require(rows.first { $0.hasPrefix("fa2-bf16,0,16,logit,3,") })
      .split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    let result = ropedrift("columns", Self.input, "--keys", "3", "--recipe", "fa2-bf16", "--json")
    #expect(result.exit == .done)
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    let columns = try #require(object["columns"] as? [[String: Any]])
    #expect(columns.map { $0["head"] as? Int } == [0, 1])
    let totals = try #require((object["totals"] as? [[String: Any]])?.first)
    let total = try #require((totals["keys"] as? [[String: Any]])?.first)
    #expect(total["key"] as? Int == 3)
    for name in ["sum_abs", "mean_abs", "max_abs", "rms", "signed_mean", "error_mean_abs", "error_max_abs"] {
      let index = try #require(header.firstIndex(of: name))
      // The text of the number: JSONSerialization does not read every one back to the last bit.
      #expect(result.output.contains("\"\(name)\": \(row[index])"), "\(name)")
    }
    #expect(totals["d_logit"] is NSNull && totals["five_key_fraction_logit"] is NSNull)
  }

  @Test("wrong usage names what is wrong") func refusals() {
    for (arguments, part) in [
      (["--keys", "70"], "has no key 70"), (["--keys", "x"], "'x' is neither an index"),
      (["--shifts", "0"], "--shifts takes two shifts"),
      (["--shifts", "0,16", "--shifts", "0,16"], "named twice"), (["--heads", "2"], "no head 2"),
      (["--drift-only", "--stored-frequencies"], "--drift-only leaves out"),
      (["--recipe", "hf-bf61"], "hf-bf61"),
    ] {
      let result = ropedrift(["columns", Self.input] + arguments)
      #expect(result.exit == .wrongUsage, "\(arguments): \(result.exit)")
      #expect(result.talk.contains(part) && result.output.isEmpty, "\(arguments): \(result.talk)")
    }
  }

  @Test("without the reference there is no error") func driftOnly() throws {
    let result = ropedrift("columns", Self.input, "--recipe", "hf-bf16", "--drift-only", "--json")
    #expect(result.exit == .done)
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    let totals = try #require((object["totals"] as? [[String: Any]])?.first)
    let total = try #require((totals["keys"] as? [[String: Any]])?.first)
    #expect(total["error_mean_abs"] is NSNull && total["mean_abs"] is NSNumber)
    // Two heads with equally many queries.
    let mean = try #require(total["mean_abs"] as? NSNumber).doubleValue
    let dLogit = try #require(totals["d_logit"] as? NSNumber).doubleValue
    #expect(mean > 0 && abs(dLogit - 2 * mean) <= 1e-14 * dLogit)
  }
}
