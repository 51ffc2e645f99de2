// `ropedrift score`. The reference values were computed with mpmath, the bits with NumPy and ml_dtypes, by programs that
// share nothing with this package.

import Foundation
import RoPEDrift
import RoPEDriftCommands
import Testing

@Suite struct ScoreTests {
  private let sample = ["score", "--layer", "7", "--head", "0", "--query", "511", "--key", "0"]

  @Test func printsTheExactScoreOfTheSample() {
    let result = ropedrift(sample)
    #expect(result.exit == .done)
    #expect(
      result.output == """
        shipped-sample, layer 7, head 0 (key head 0): query row 511 at position 511, key row 0 at position 0
        exact score  6.27598367881609475400472640212
        rounded to  bits                value
        fp64        0x40191a9b772afac6  6.275983678816095
        fp32        0x40c8d4dc          6.275983810424805
        bf16        0x40c9              6.28125
        fp16        0x4647              6.27734375

        """)
  }

  @Test func storedFrequenciesAreTakenAsExact() {
    let result = ropedrift(sample + ["--stored-frequencies", "--digits", "50"])
    #expect(
      result.output.contains(
        "exact score at frequencies stored (fp32)  6.2759833116575874101561954963945059536948704707972\n"))
  }

  @Test func shiftsMoveBothPositionsAndNotTheExactScore() {
    let shifted = ropedrift(sample + ["--shift", "1048576"])
    #expect(shifted.output.contains("at position 1049087, key row 0 at position 1048576\n"))
    #expect(shifted.output.contains("exact score  6.27598367881609475400472640212\n"))
    let negative = ropedrift(sample + ["--query-position", "-5", "--key-position", "-516", "--shift", "0"])
    #expect(negative.output.contains("query row 511 at position -5, key row 0 at position -516\n"))
  }

  /// Half-split on the first pair of hf-bf16 at position 0: nothing rotates, so input bits are rotated bits.
  @Test func recipesShowEveryStage() throws {
    let result = ropedrift(sample + ["--recipe", "hf-bf16", "--recipe", "fp32", "--json"])
    #expect(result.exit == .done)
    let json = try #require(JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    let recipes = try #require(json["recipes"] as? [[String: Any]])
    #expect(recipes.map { $0["recipe"] as? String } == ["hf-bf16", "fp32"])
    func bits(_ object: Any?) -> String? { (object as? [String: Any])?["bits"] as? String }
    #expect(bits(recipes[0]["accumulator"]) == "0x42490c2e")
    #expect(bits(recipes[0]["logit"]) == "0x40c9")
    #expect(bits(recipes[1]["accumulator"]) == "0x4248d4db")
    #expect(bits(recipes[1]["logit"]) == "0x40c8d4db")
    let channels = try #require(recipes[0]["channels"] as? [[String: Any]])
    #expect(channels.count == 64)
    #expect(channels.prefix(4).map { bits($0["query_rotated"]) } == ["0xbd35", "0x3f40", "0xbf46", "0x3f70"])
    for channel in channels { #expect(bits(channel["key_input"]) == bits(channel["key_rotated"])) }
    #expect((recipes[0]["pairs"] as? [Any])?.count == 32)
    // 6.28125 − 6.27598367881609475…, in units of 2^-5.
    let error = try #require(recipes[0]["error_ulp"] as? Double)
    #expect(abs(error - (6.28125 - 6.275983678816094754) * 32) < 1e-12)
  }

  @Test func peopleSeeTheFirstChannelsUnlessTheyAskForAll() {
    let short = ropedrift(sample + ["--recipe", "hf-bf16"]).output
    #expect(short.contains("… 28 more pairs; --full shows all\n"))
    #expect(short.contains("\nlogit         6.28125            0x40c9      bf16\n"))
    #expect(short.contains(" ulp of bf16\n"))
    let full = ropedrift(sample + ["--recipe", "hf-bf16", "--full"]).output
    #expect(!full.contains("more pairs"))
    #expect(full.split(separator: "\n").count > 32 + 32 + 64)
  }

  /// A recipe that rounds nothing gives the exact score; the two expressions cannot be told apart, which is said.
  @Test func anExactRecipeHasNoError() throws {
    var recipe = try RecipeRegistry.named("fp32")
    recipe.name = "nothing-rounded"
    recipe.inverseFrequency.rounding = .exact
    recipe.position = .exact
    recipe.angle.rounding = .exact
    recipe.trig.rounding = .exact
    recipe.table = .exact
    recipe.input = .exact
    recipe.rotation.rounding = .exact
    recipe.rotated = .exact
    recipe.dot = Recipe.Dot(order: .exact, rounding: .exact)
    recipe.logit = Recipe.Logit(storedScore: .exact, scaleFactor: .exact, rounding: .exact)
    let folder = try ScratchFolder()
    let path = try folder.file("mine.json", Array(JSONText.text(of: recipe.jsonValue).utf8))
    let result = ropedrift(sample + ["--recipe", path])
    #expect(result.exit == .done)
    let logit = result.output.split(separator: "\n").first { $0.hasPrefix("logit") }
    #expect(logit?.contains("6.27598367881609475400472640212") == true)
    #expect(logit?.hasSuffix("exact") == true)
    #expect(result.output.contains("error         not told from zero"))
  }

  @Test(arguments: [
    (["--layer", "8"], "shipped-sample has no layer 8; it has 7, 22"),
    (["--head", "9"], "layer 7 of shipped-sample has no query head 9; it has 0-8"),
    (["--query", "512"], "has no query row 512; it has 0-511"),
    (["--key", "-1"], "--key"),
    (["--key-position", "9007199254740993"], "expected an integer within ±2^53"),
    (["--key-position", "1.5"], "expected an integer within ±2^53"),
    (["--shift", "9007199254740992"], "outside ±2^53"),
    (["--recipe", "fp23"], "unknown recipe 'fp23' (did you mean 'fp32'?)"),
  ])
  func wrongUsage(_ flags: [String], _ message: String) {
    var arguments = sample
    if let place = arguments.firstIndex(of: flags[0]) { arguments.removeSubrange(place...place + 1) }
    let result = ropedrift(arguments + flags)
    #expect(result.exit == .wrongUsage)
    #expect(result.output.isEmpty)
    #expect(result.talk.contains(message), "\(result.talk)")
  }
}
