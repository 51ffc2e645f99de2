// Recipes composed on the command line, and caps of logits.

import Foundation
import RoPEDrift
import RoPEDriftCommands
import Testing

@Suite struct ComposedRecipeTests {
  private let sample = ["score", "--layer", "7", "--head", "0", "--query", "511", "--key", "0", "--json"]

  private func logits(_ arguments: [String]) throws -> [String] {
    let result = ropedrift(sample + arguments)
    try #require(result.exit == .done, "\(result.talk)")
    let json = try #require(JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    return try #require(json["recipes"] as? [[String: Any]]).map {
      "\($0["recipe"] as? String ?? "") \(($0["logit"] as? [String: Any])?["bits"] as? String ?? "")"
    }
  }

  @Test func flagsSpellingAndShortNameAreOneRecipe() throws {
    #expect(
      try logits(["--recipe", "hf-bf16", "--rotary", "hf-llama", "--type", "bf16"])
        == ["hf-bf16 0x40c9", "hf-llama/hf-eager/bf16 0x40c9"])
    #expect(try logits(["--recipe", "hf-llama/hf-eager/bf16"]) == ["hf-llama/hf-eager/bf16 0x40c9"])
    #expect(try logits(["--recipe", "hf-llama-bf16"]) == ["hf-llama-bf16 0x40c9"])
  }

  @Test(arguments: [
    (["--type", "bf16"], CommandExit.wrongUsage, "with --rotary"),
    (["--rotary", "vllm"], .wrongUsage, "--rotary needs --type"),
    (["--rotary", "flashinfer", "--type", "bf16"], .wrongUsage, "no bound is documented"),
    (["--rotary", "vlm", "--type", "bf16"], .wrongUsage, "did you mean 'vllm'"),
    (["--softcap", "0"], .wrongUsage, "softcap '0'"),
    (["--softcap", "50", "--recipe", "vllm-bf16"], .wrongUsage, "how a softcap is computed"),
    (
      ["--recipe", "ggml-cpu-fp32", "--scaling", "llama3:factor=8,low=1,high=4,original=8192"], .wrongUsage,
      "one step"
    ),
  ])
  func whatCannotBeComposedIsWrongUsage(arguments: [String], exit: CommandExit, message: String) {
    let result = ropedrift(sample + arguments)
    #expect(result.exit == exit)
    #expect(result.talk.contains(message), "\(result.talk)")
    #expect(result.output.isEmpty)
  }

  /// 3·tanh(x/3) of the exact score 6.2759836788160947540…, computed with mpmath.
  @Test func softcapBoundsTheExactScore() throws {
    let result = ropedrift([
      "score", "--layer", "7", "--head", "0", "--query", "511", "--key", "0", "--softcap", "3",
    ])
    #expect(result.output.contains("exact score  2.90994658865462899872496689648\n"), "\(result.output)")
  }

  @Test func halvesAreShownTypeByType() {
    let half = ropedrift("recipes", "vllm-fp32-cache")
    #expect(half.exit == .done)
    #expect(half.output.contains("\ntable             fp32                           fp32 "))
    #expect(ropedrift("recipes", "flashinfer").output.contains("\nnot emulated: "))
    let all = ropedrift("recipes", "--json")
    #expect(all.output.contains("\"refused\""))
  }

  @Test func aHalfAsARecipesFileIsCalledOne() throws {
    let folder = try ScratchFolder()
    let half = try folder.file(
      "half.json", Array(#"{"name": "mine", "summary": "s", "source": "s", "types": ["bf16"]}"#.utf8))
    let found = ropedrift("report", "-o", folder.path + "/out", "--recipe", half)
    #expect(found.exit == .failed && found.talk.contains("makes it a half of a recipe"), "\(found.talk)")
  }
}
