// --mask, --documents and --positions as typed: what they measure is recorded, what cannot be meant is refused with its place.

import Foundation
import Testing

@testable import RoPEDriftCommands

@Suite struct PatternOptionTests {
  private let folder: ScratchFolder
  private let input: String

  init() throws {
    folder = try ScratchFolder()
    input = "synthetic:sink,heads=2,kv_heads=1,head_dim=8,layers=1,tokens=20"
  }

  private func report(_ arguments: String...) -> CommandResult {
    ropedrift(
      ["report", input, "--recipe", "hf-bf16", "--force", "-o", folder.path + "/out"] + arguments)
  }

  private func run() throws -> [String: Any] {
    let bytes = try Data(contentsOf: URL(fileURLWithPath: folder.path + "/out/run.json"))
    return try #require(try JSONSerialization.jsonObject(with: bytes) as? [String: Any])
  }

  @Test func aPatternIsRecordedAndMadeAgainByItsCommand() throws {
    let documents = try folder.file(
      "documents.jsonl", Array("{\"length\": 5, \"domain\": \"web\"}\n{\"length\": 9}\n".utf8))
    #expect(
      report(
        "--mask", "anchor", "--positions", "reset", "--documents", documents, "--interleave", "3",
        "--tag-tokens", "3"
      )
      .exit == .done)
    let record = try run()
    let measured = try #require(record["measured"] as? [String: Any])
    #expect(measured["mask"] as? String == "anchor" && measured["positions"] as? String == "reset")
    let pattern = try #require(measured["pattern"] as? [String: Any])
    #expect(pattern["document_lengths"] as? [Int] == [8, 12] && pattern["tag_tokens"] as? Int == 3)
    #expect((pattern["chunks"] as? [[Int]])?.first == [0, 3])
    #expect((pattern["domains"] as? [Any])?.first as? String == "web")
    let words = try #require(record["command"] as? String)
    for flag in ["--mask anchor", "--positions reset", "--interleave 3", "--tag-tokens 3"] {
      #expect(words.contains(flag))
    }
    let first = try String(contentsOfFile: folder.path + "/out/tokens.csv", encoding: .utf8)
    let again = ropedrift(
      words.split(separator: " ").dropFirst().map(String.init) + ["--force", "-o", folder.path + "/out"])
    #expect(again.exit == .done)
    #expect(try first == String(contentsOfFile: folder.path + "/out/tokens.csv", encoding: .utf8))
  }

  @Test func listedPositionsAreReadFromTextOrJSON() throws {
    let text = try folder.file(
      "positions.txt", Array((0..<20).map { "\($0 * 2)" }.joined(separator: "\r\n").utf8))
    #expect(report("--positions", text).exit == .done)
    let one = try String(contentsOfFile: folder.path + "/out/distances.csv", encoding: .utf8)
    let json = try folder.file(
      "positions.json", Array("[\((0..<20).map { "\($0 * 2)" }.joined(separator: ", "))]\n".utf8))
    #expect(report("--positions", json).exit == .done)
    #expect(try one == String(contentsOfFile: folder.path + "/out/distances.csv", encoding: .utf8))
    let reversed = try folder.file("reversed.json", Array("\((0..<20).reversed().map { $0 })".utf8))
    let refused = report("--positions", reversed)
    #expect(
      refused.exit == .wrongUsage && refused.talk.contains("token 1 has position 18"), "\(refused.talk)")
    let broken = try folder.file("broken.txt", Array("0 1 two".utf8))
    let failed = report("--positions", broken)
    #expect(failed.exit == .failed && failed.talk.contains("position 2 is \"two\""), "\(failed.talk)")
  }

  @Test(arguments: [
    (["--mask", "intra", "--documents", "12,9"], "have 21 tokens together, but the window has 20"),
    (["--mask", "intra", "--documents", "12,0,8"], "document 1 has 0 tokens"),
    (["--mask", "intra", "--documents", "twelve"], "there is no file 'twelve'"),
    (["--mask", "intra", "--documents", "log-norml"], "did you mean 'log-normal'?"),
    (["--mask", "anchr"], "did you mean 'anchor'?"), (["--mask", "window:0"], "write it as window:1024"),
    (["--positions", "anchor"], "need a mask with an anchor"),
    (["--positions", "reset", "--documents", "12,8"], "take intra or anchor"),
    (["--interleave", "4"], "name them with --documents"),
    (["--mask", "intra", "--documents", "12,8", "--interleave", "0"], "a chunk has one at least"),
    (["--mask", "intra", "--documents", "12,8", "--tag-tokens=-1"], "-1 tag tokens"),
    (["--mask", "intra", "--documents", "up-sampled:times=0"], "times=0 is not a number"),
  ])
  func whatCannotBeMeantIsWrongUsage(_ arguments: [String], _ message: String) {
    let result = ropedrift(
      ["report", input, "--recipe", "fp32", "--force", "-o", folder.path + "/refused"] + arguments)
    #expect(result.exit == .wrongUsage && result.talk.contains(message), "\(result.talk)")
    #expect(!FileManager.default.fileExists(atPath: folder.path + "/refused"))
  }

  @Test func filesThatCannotBeMeantAreNamedWithTheirPlace() throws {
    for (name, text, message) in [
      ("overlap", "[[0, 12], [11, 20]]", "document 1 begins at token 11, before document 0 ends at token 12"),
      ("hole", "[[0, 12], [13, 20]]", "tokens 12..<13 are in no document"),
      ("head", "[[1, 20]]", "there is no token 0 to be the anchor"),
      ("key", "[{\"tokens\": 20}]", "document 0 has a key 'tokens'"), ("cut", "[12, 8", "no JSON value"),
    ] {
      let file = try folder.file("\(name).json", Array(text.utf8))
      let result = report("--mask", "anchor", "--documents", file)
      #expect(
        result.exit == .failed && result.talk.contains(message) && result.talk.contains(file),
        "\(result.talk)")
    }
  }

  @Test func oneDocumentIsSaid() {
    #expect(report("--mask", "anchor").talk.contains("the window is one document"))
    #expect(report("--documents", "12,8").talk.contains("lets queries see other documents"))
  }
}
