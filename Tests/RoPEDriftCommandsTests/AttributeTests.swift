// `attribute`: what it prints, the folder that it leaves, verdicts and wrong usage.

import Foundation
import RoPEDrift
import RoPEDriftCommands
import Testing

@Suite struct AttributeTests {
  private let scratch: ScratchFolder
  private let small = "synthetic:normal,heads=2,kv_heads=1,tokens=9,head_dim=4,layers=1"

  init() throws { scratch = try ScratchFolder() }

  private func attribute(_ arguments: String...) -> CommandResult {
    ropedrift(["attribute", small] + arguments)
  }

  @Test func theTablesNameEveryStageTheFloorAndTheTheorem() {
    let result = attribute()
    #expect(result.exit == .done, "\(result.talk)")
    for word in [
      "hf-bf16, shifts 0,16", "rotation", "logit.storedScore", "floor", "by theorem", "need not add up",
    ] {
      #expect(result.output.contains(word), "\(word)")
    }
    let exact = attribute("--exact", "--recipe", "fp32")
    #expect(exact.exit == .done && !exact.output.contains("by theorem"))
  }

  @Test func aRecipeWithoutASoftcapIsNamedItself() {
    let result = attribute("--recipe", "vllm-bf16", "--softcap", "5")
    #expect(result.exit == .wrongUsage)
    #expect(result.talk.contains("the recipe vllm-bf16 does not say"), "\(result.talk)")
  }

  @Test func theFolderHoldsBothTablesAndKeepsItsBytes() throws {
    var contents: [[String: Data]] = []
    for threads in ["1", "2"] {
      let result = attribute(
        "--recipe", "fa2-bf16", "--mends", "-o", scratch.path + "/out", "--threads", threads, "--force")
      #expect(result.exit == .done && result.output.contains("written to"), "\(result.talk)")
      let files = try FileManager.default.contentsOfDirectory(atPath: scratch.path + "/out")
      contents.append(
        Dictionary(
          uniqueKeysWithValues: files.map {
            ($0, FileManager.default.contents(atPath: scratch.path + "/out/" + $0) ?? Data())
          }))
    }
    #expect(contents[0] == contents[1])
    #expect(Set(contents[0].keys) == ["attribution.csv", "mends.csv", "run.json", "datapackage.json"])
    let rows = String(decoding: contents[0]["attribution.csv"]!, as: UTF8.self).split(separator: "\n")
    var recipe = try RecipeRegistry.named("fa2-bf16")
    // The sample has no cap.
    recipe.logit.softcap = nil
    let stages = try StageVariants(recipe, carrier: .binary64).stages.count
    // Header; all, layer, two heads and the first key; floor, recipe and three variants a stage.
    #expect(rows.count == 1 + 5 * (2 + 3 * stages))
    let record = try #require(
      try JSONSerialization.jsonObject(with: contents[0]["run.json"]!) as? [String: Any])
    #expect(record["command"] as? String == "ropedrift attribute \(small) --recipe fa2-bf16 --mends")
    #expect((record["recipes"] as? [Any])?.count == 1)
  }

  @Test func jsonHoldsTheRowsOfBothTables() throws {
    let result = attribute("--recipe", "fp32", "--mends", "--json")
    let value = try #require(
      try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    let rows = try #require(value["attribution"] as? [[String: Any]])
    let whole = try #require(rows.first { $0["variant"] as? String == "recipe" })
    #expect(whole["stage"] as? String == "all" && whole["layer"] as? String == "all")
    #expect((value["mends"] as? [[String: Any]])?.first?["stages"] as? String == "none")
  }

  @Test func verdicts() {
    let within = attribute("--budget", "d_logit=1e3")
    #expect(within.exit == .done && within.output.contains("as it is"), "\(within.talk)")
    let mended = attribute("--recipe", "fa2-bf16", "--budget", "logit_drift_max_abs=1/1000")
    #expect(mended.exit == .done && mended.output.contains("(chosen)"), "\(mended.output)")
    let hopeless = attribute("--recipe", "fa2-bf16", "--budget", "logit_drift_max_abs=0")
    #expect(hopeless.exit == .budgetExceeded && hopeless.output.contains("the best is"), "\(hopeless.talk)")
  }

  @Test(
    arguments: [
      (["--budget", "d_logits=1"], CommandExit.wrongUsage, "did you mean 'd_logit'"),
      (["--budget", "d_logit"], .wrongUsage, "metric=value"),
      (["--budget", "d_logit=much"], .wrongUsage, "'much'"),
      (["--budget", "d_logit=-1"], .wrongUsage, "not negative"),
      (["--budget", "d_logit=nan"], .wrongUsage, "not negative"),
      (["--budget", "d_logit=1", "--budget", "d_logit=2"], .wrongUsage, "2 times"),
      (["--seed", "2"], .wrongUsage, "--mends"), (["--force"], .wrongUsage, "-o"),
      (["-o", "-"], .wrongUsage, "standard output"), (["--shifts", "0"], .wrongUsage, "two shifts"),
      (["--recipe", "hf-bf61"], .wrongUsage, "hf-bf16"), (["--heads", "7"], .wrongUsage, "head 7"),
      (["--recipe", "hf-llama/hf-eager-a100/bf16"], .wrongUsage, "matrix"),
    ] as [([String], CommandExit, String)])
  func wrongUsageIsAnswered(arguments: [String], exit: CommandExit, message: String) {
    let result = ropedrift(["attribute", small] + arguments)
    #expect(result.exit == exit && result.talk.contains(message), "\(result.talk)")
    #expect(result.output.isEmpty)
  }

  @Test func aRecipeThatRoundsNothingIsRefused() throws {
    var text = try #require(RecipeRegistry.json(ofRecipe: "fp32"))
      .replacingOccurrences(of: "\"name\": \"fp32\"", with: "\"name\": \"nothing\"")
    for (old, new) in [
      ("\"format\": \"fp32\"", "\"format\": \"exact\""), ("\"sequential\"", "\"exact\""),
      ("[\"fp64\", \"fp32\"]", "\"exact\""), ("\"accumulator\": \"fp32\"", "\"accumulator\": \"exact\""),
    ] { text = text.replacingOccurrences(of: old, with: new) }
    let result = attribute("--recipe", try scratch.file("nothing.json", Array(text.utf8)))
    #expect(result.exit == .wrongUsage && result.talk.contains("rounds nothing"), "\(result.talk)")
  }
}
