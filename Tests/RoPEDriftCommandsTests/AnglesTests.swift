// `ropedrift angles`: text, JSON, the folder, and what can be wrong with its flags.

import Foundation
import RoPEDrift
import RoPEDriftCommands
import Testing

@Suite struct AnglesTests {
  private let scratch: ScratchFolder

  init() throws { scratch = try ScratchFolder() }

  private let small = ["angles", "--base", "10000", "--rotary-size", "4", "--recipe", "table-bf16"]

  /// bf16 stores 0.01 as 0.010009765625 and 257, 259 as 256, 260.
  @Test func printsTheTables() {
    let result = ropedrift(small + ["--ranges", "256-259", "--stages"])
    #expect(result.exit == .done, "\(result.talk)")
    let lines = result.output.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    #expect(lines[0].hasPrefix("recipe      positions  max |Δangle| rad  pair  position"))
    #expect(lines[1].hasPrefix("table-bf16  256-259"))
    #expect(lines[1].contains("position") && lines[1].contains("0.3333"))
    #expect(result.output.contains("angle (rad)") && result.output.contains("all but"))
  }

  @Test func jsonHoldsTheRunAndTheRows() throws {
    let result = ropedrift(small + ["--positions", "0-300", "--json", "--per-pair", "--threads", "1"])
    #expect(result.exit == .done)
    #expect(result.output == ropedrift(small + ["--positions", "0-300", "--json", "--per-pair"]).output)
    let json = try #require(
      JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    let run = try #require(json["run"] as? [String: Any])
    #expect(
      run["command"] as? String
        == "ropedrift angles --base 10000 --rotary-size 4 --recipe table-bf16 --positions 0-300")
    let rows = try #require(json["ranges"] as? [[String: Any]])
    #expect(rows.count == 1)
    #expect(rows[0]["max_abs_angle_error"] as? Double == 1)
    #expect(rows[0]["max_abs_angle_error_position"] as? Int == 257 && rows[0]["entries"] as? Int == 602)
    #expect((json["pairs"] as? [[String: Any]])?.count == 2)
  }

  @Test func writesTheFolderWholeOrNotAtAll() throws {
    let path = scratch.path + "/angles"
    let arguments = small + ["--recipe", "fp32", "--positions", "0-99,131000-131010", "-o", path]
    let result = ropedrift(arguments)
    #expect(result.exit == .done, "\(result.talk)")
    #expect(result.output.hasSuffix("written to \(path)\n"))
    let files = try FileManager.default.contentsOfDirectory(atPath: path).sorted()
    #expect(files == ["angle_ranges.csv", "angles.csv", "datapackage.json", "run.json"])
    func lines(_ name: String) throws -> [Substring] {
      try String(contentsOfFile: path + "/" + name, encoding: .utf8).split(separator: "\n")
    }
    #expect(try lines("angles.csv").count == 1 + 2 * 2 * 2)
    #expect(try lines("angle_ranges.csv").count == 1 + 2 * 2)
    #expect(ropedrift(arguments).exit == .wrongUsage)
    #expect(ropedrift(arguments + ["--force"]).exit == .done)
  }

  /// A recipe that only the plain tier knows is measured all the same, and says that it is slow.
  @Test func saysWhenItIsSlow() throws {
    let text = try #require(RecipeRegistry.json(ofRecipe: "table-bf16"))
      .replacing("\"table-bf16\"", with: "\"mine\"")
      .replacing(
        "\"position\": { \"format\": \"bf16\" }",
        with: "\"position\": { \"format\": \"bf16\", \"rounding\": \"down\" }")
    let file = try scratch.file("mine.json", Array(text.utf8))
    let result = ropedrift(
      "angles", "--base", "10000", "--rotary-size", "2", "--recipe", file, "--ranges", "256-259")
    #expect(result.exit == .done, "\(result.talk)")
    #expect(result.talk.contains("mine rounds in a way"))
    // 257 and 259 become 256 and 258.
    #expect(result.output.contains("mine    256-259"))
  }

  @Test(
    arguments: [
      ([], "no recipe is named"),
      (["--recipe", "fp32", "--positions", "5-3"], "neither a position nor an ascending range"),
      (["--recipe", "fp32", "--positions=-3"], "neither a position nor an ascending range"),
      (["--recipe", "fp32", "--ranges", "9007199254740993"], "neither a position nor an ascending range"),
      (["--recipe", "fp32", "--positions", "1", "--ranges", "1"], "leave one of them out"),
      (["--recipe", "fp32", "--ranges", "1,1"], "named twice"),
      (["--recipe", "fp32", "--force"], "--force has no effect"),
      (["--recipe", "fp32", "-o", "-"], "holds no folder"),
      (["--recipe", "fp23"], "did you mean 'fp32'?"),
      (["--recipe", "fp32", "--positions", "0-9007199254740992"], "at most 2^32"),
      (["--recipe", "fp32", "--rotary-size", "9223372036854775806"], "at most 65536"),
      (["--recipe", "fp32", "--head-size", "65537"], "at most 65536"),
    ] as [([String], String)])
  func wrongUsage(_ arguments: [String], _ message: String) {
    let result = ropedrift(["angles", "--base", "10000", "--rotary-size", "8"] + arguments)
    #expect(result.exit == .wrongUsage)
    #expect(result.talk.contains(message), "\(result.talk)")
  }
}
