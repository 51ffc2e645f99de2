// `report`: the folder that it leaves, and everything that can be wrong before and while it is made.

import Foundation
import RoPEDrift
import RoPEDriftCommands
import Testing

@Suite struct ReportTests {
  private let scratch: ScratchFolder
  private let small = "synthetic:normal,heads=2,kv_heads=1,tokens=9,head_dim=4,layers=1"

  init() throws { scratch = try ScratchFolder() }

  private var entries: [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: scratch.path).sorted()) ?? []
  }

  private func report(_ arguments: String...) -> CommandResult {
    ropedrift(["report"] + arguments + ["-o", scratch.path + "/out"])
  }

  @Test func theFolderHoldsWhatTheContractNames() throws {
    let result = report(
      small, "--recipe", "hf-bf16", "--sweep", "0,3", "--against-shift", "5", "--lengths", "4,9")
    #expect(result.exit == .done, "\(result.talk)")
    let files = try FileManager.default.contentsOfDirectory(atPath: scratch.path + "/out").sorted()
    #expect(
      files == [
        "datapackage.json", "distances.csv", "frequencies.csv", "lengths.csv", "run.json", "shifts.csv",
        "summary.csv", "tokens.csv",
      ])
    #expect(entries == ["out"])
    func lines(_ name: String) throws -> [Substring] {
      try String(contentsOfFile: scratch.path + "/out/" + name, encoding: .utf8).split(separator: "\n")
    }
    // Header and rows: one in all, one layer, two heads; two spaces of nine; three pairs of shifts; two lengths; two pairs.
    #expect(try lines("summary.csv").count == 1 + 4)
    #expect(try lines("tokens.csv").count == 1 + 18)
    #expect(try lines("distances.csv").count == 1 + 18)
    #expect(try lines("shifts.csv").count == 1 + 3)
    #expect(try lines("lengths.csv").count == 1 + 2)
    #expect(try lines("frequencies.csv").count == 1 + 2)
    #expect(result.output.contains("hf-bf16") && result.output.contains("uniform"))
  }

  @Test func theRecordHoldsTheRecipesInFull() throws {
    #expect(report(small, "--recipe", "table-fp16", "--threads", "1").exit == .done)
    let data = try #require(FileManager.default.contents(atPath: scratch.path + "/out/run.json"))
    let record = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    #expect(
      Set(record.keys).isSuperset(of: ["command", "versions", "input", "recipes", "seed", "measured"]))
    #expect(record["command"] as? String == "ropedrift report \(small) --recipe table-fp16")
    let recipe = try #require((record["recipes"] as? [Any])?.first)
    let read = try Recipe(json: JSONSerialization.data(withJSONObject: recipe), origin: "run.json")
    #expect(try read == RecipeRegistry.named("table-fp16"))
  }

  @Test func theSameCommandGivesTheSameBytesForAnyNumberOfThreads() throws {
    var contents: [[String: Data]] = []
    for threads in ["1", "3"] {
      #expect(report(small, "--recipe", "fp32", "--threads", threads, "--force").exit == .done)
      let folder = scratch.path + "/out/"
      contents.append(
        Dictionary(
          uniqueKeysWithValues: try FileManager.default.contentsOfDirectory(atPath: folder).map {
            ($0, FileManager.default.contents(atPath: folder + $0) ?? Data())
          }))
    }
    #expect(contents[0] == contents[1] && contents[0].count == 8)
  }

  @Test func aRecipeOfTheUsersOwnIsMeasured() throws {
    let text = try #require(RecipeRegistry.json(ofRecipe: "fp32"))
      .replacingOccurrences(of: "\"fp32\",\n  \"summary\"", with: "\"mine\",\n  \"summary\"")
      .replacingOccurrences(of: "\"order\": \"sequential\"", with: "\"order\": \"pairwise\"")
    let path = try scratch.file("mine.json", Array(text.utf8))
    let result = report(small, "--recipe", path)
    #expect(result.exit == .done && result.output.contains("mine"), "\(result.talk)")
  }

  @Test func existingOutputNeedsForceAndForeignFoldersAreKept() throws {
    #expect(report(small, "--recipe", "fp32").exit == .done)
    let second = report(small, "--recipe", "fp32")
    #expect(second.exit == .wrongUsage && second.talk.contains("--force"))
    #expect(report(small, "--recipe", "fp32", "--force").exit == .done)
    _ = try scratch.file("out/notes.txt", [1])
    let foreign = report(small, "--recipe", "fp32", "--force")
    #expect(foreign.exit == .wrongUsage && foreign.talk.contains("notes.txt"))
    #expect(entries == ["out"])
  }

  @Test(
    arguments: [
      (["--recipe", "hf-bf61"], CommandExit.wrongUsage, "did you mean 'hf-bf16'"),
      (["--shifts", "0"], .wrongUsage, "two shifts"), (["--shifts", "0,x"], .wrongUsage, "'x'"),
      (["--shifts", "0,9007199254740992"], .wrongUsage, "smaller shift"),
      (["--against-shift", "3"], .wrongUsage, "--sweep"), (["--layers", "4"], .wrongUsage, "layer 4"),
      (["--heads", "2"], .wrongUsage, "head 2"), (["--lengths", "10"], .wrongUsage, "length 10"),
      (["--rotary-size", "3"], .wrongUsage, "even"), (["--rotary-size", "6"], .wrongUsage, "head size"),
      (["--layout", "half"], .wrongUsage, "half-split"), (["--base", "0"], .wrongUsage, "above zero"),
      (["--scale", "-1"], .wrongUsage, "above zero"), (["--scaling", "yarn:factor=4"], .wrongUsage, "yarn"),
      (["--threads", "0"], .wrongUsage, "--threads"),
      (["--recipe", "missing.json"], .failed, "missing.json"),
    ] as [([String], CommandExit, String)])
  func wrongUsageLeavesNothingBehind(arguments: [String], exit: CommandExit, message: String) {
    let result = ropedrift(["report", small] + arguments + ["-o", scratch.path + "/out"])
    #expect(result.exit == exit, "\(result.talk)")
    #expect(result.talk.contains(message) && result.talk.contains("ropedrift: error: "), "\(result.talk)")
    #expect(entries.isEmpty)
  }

  @Test func inputThatSaysTooLittleIsAskedForTheRest() throws {
    func file(_ name: String, _ metadata: [String: String]) throws -> String {
      var writer = SafetensorsWriter(metadata: metadata)
      for tensor in ["q", "k"] {
        try writer.add("layers.0.\(tensor)", .f32, shape: [1, 2, 4], values: Array(repeating: 1, count: 8))
      }
      return try scratch.file(name, writer.bytes())
    }
    let layout = report(try file("a.safetensors", ["rope.base": "100"]))
    #expect(layout.exit == .failed && layout.talk.contains("--layout"), "\(layout.talk)")
    let base = report(try file("b.safetensors", ["rope.layout": "half-split"]))
    #expect(base.exit == .failed && base.talk.contains("--base"), "\(base.talk)")
    let odd = report(
      try file("c.safetensors", ["rope.layout": "half-split", "rope.base": "100", "rope.rotary_size": "3"]))
    #expect(odd.exit == .failed && odd.talk.contains("even"), "\(odd.talk)")
    let unknown = report(try file("d.safetensors", ["rope.layout": "zigzag", "rope.base": "100"]))
    #expect(unknown.exit == .failed && unknown.talk.contains("zigzag"), "\(unknown.talk)")
    let missing = report(scratch.path + "/nothing.safetensors")
    #expect(missing.exit == .failed && missing.talk.contains("nothing.safetensors"))
    #expect(!entries.contains("out"))
  }
}
