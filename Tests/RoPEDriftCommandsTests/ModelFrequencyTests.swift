// `--model` where frequencies are all that matters: layers that differ, lengths that choose, what is open.

import Foundation
import RoPEDrift
import RoPEDriftCommands
import Testing

@Suite struct ModelFrequencyTests {
  private func frequencies(_ arguments: String...) throws -> [Double] {
    let object = try ModelFixture.json(ropedrift(["frequencies", "--json"] + arguments))
    return try #require(object["pairs"] as? [[String: Any]]).map { Double($0["frequency"] as! String)! }
  }

  /// Llama 3.1: pairs 0 … 28 as without a scaling, 35 … 63 divided by 8, those between in between.
  @Test func aNamedModelNeedsNoInput() throws {
    let plain = try frequencies("--base", "500000", "--rotary-size", "128")
    let scaled = try frequencies("--model", "llama-3.1-8b")
    let ratios = zip(plain, scaled).map { $0 / $1 }
    #expect(ratios.count == 64)
    #expect(ratios[...28].allSatisfy { $0 == 1 })
    #expect(ratios[29...34].allSatisfy { $0 > 1.001 && $0 < 7.999 })
    #expect(ratios[35...].allSatisfy { abs($0 - 8) < 1e-12 })
  }

  /// gpt-neox-20b rotates 24 of 96 channels: pair 6 has ω = 10000^(−12/24) = 1/100.
  @Test func onlyTheRotaryChannelsHaveFrequencies() throws {
    let values = try frequencies("--model", "gpt-neox-20b")
    #expect(values.count == 12 && values[0] == 1 && values[6] == 0.01)
    #expect(try frequencies("--model", "gpt-j-6b").count == 32)
  }

  @Test func theModelsOptionsAreTheFlagsThatItStandsFor() throws {
    let folder = try ScratchFolder()
    let path = try folder.file(
      "config.json",
      ModelFixture.llama(
        #", "rope_scaling": {"rope_type": "yarn", "factor": 4, "original_max_position_embeddings": 128}"#))
    let spelled = [
      "frequencies", "--base", "10000", "--rotary-size", "16", "--scaling", "yarn:factor=4,original=128",
    ]
    #expect(ropedrift("frequencies", "--model", path).output == ropedrift(spelled).output)
    let flags = ropedrift(
      "frequencies", "--model", path, "--base", "100", "--rotary-size", "8", "--scaling", "linear:factor=2")
    #expect(
      flags.output
        == ropedrift("frequencies", "--base", "100", "--rotary-size", "8", "--scaling", "linear:factor=2")
        .output)
  }

  @Test func layersThatDifferHaveToBeChosen() throws {
    // ω_64 of d = 256: 1e6^(−1/2)/8 = 1/8000 for full attention, 1e4^(−1/2) = 1/100 in the window.
    #expect(try frequencies("--model", "gemma-3-4b", "--layer-type", "full")[64] == 1 / 8000)
    #expect(try frequencies("--model", "gemma-3-4b", "--layer-type", "sliding_attention")[64] == 0.01)
    let open = ropedrift("frequencies", "--model", "gemma-3-4b")
    #expect(open.exit == .wrongUsage)
    #expect(open.talk.contains("choose with --layer-type one of full_attention, sliding_attention"))
    let unknown = ropedrift("frequencies", "--model", "gemma-3-4b", "--layer-type", "slidding")
    #expect(unknown.exit == .wrongUsage && unknown.talk.contains("has no layers of type 'slidding'"))
    let alike = ropedrift("frequencies", "--model", "llama-2-7b", "--layer-type", "full")
    #expect(alike.exit == .wrongUsage && alike.talk.contains("are all alike; leave out --layer-type"))
    // Gemma 2's kinds differ in their window, not in their frequencies.
    #expect(try frequencies("--model", "gemma-2-9b").count == 128)
  }

  /// phi-4-mini: the short list is all ones; the last pair's long factor is 47.77.
  @Test func lengthsChooseAmongLists() throws {
    let plain = try frequencies("--base", "10000", "--rotary-size", "96")
    #expect(try frequencies("--model", "phi-4-mini", "--sequence-length", "4096") == plain)
    let long = try frequencies("--model", "phi-4-mini", "--sequence-length", "4097")
    #expect(abs(plain[47] / long[47] - 47.77) < 1e-12 && long[0] == 1)
    let open = ropedrift("frequencies", "--model", "phi-4-mini")
    #expect(open.exit == .wrongUsage && open.talk.contains("say it with --sequence-length"))
    for arguments in [
      ["--model", "llama-3-8b", "--sequence-length", "8"],
      ["--model", "phi-4-mini", "--sequence-length", "8", "--scaling", "none"],
      ["--base", "1e4", "--rotary-size", "8", "--sequence-length", "8"], ["--layer-type", "full"],
    ] {
      #expect(ropedrift(["frequencies"] + arguments).exit == .wrongUsage, "\(arguments)")
    }
    #expect(
      ropedrift("frequencies", "--model", "phi-4-mini", "--sequence-length", "0").talk.contains(
        "a sequence length of 0 cannot be"))
  }

  @Test func whatIsUnverifiedIsSaid() {
    let result = ropedrift("frequencies", "--model", "qwen-1.5-1.8b")
    #expect(
      result.exit == .done && result.talk.contains("note: model qwen-1.5-1.8b: base 1000000 is unverified"))
  }

  @Test func whatIsOpenHasToBeTyped() throws {
    let folder = try ScratchFolder()
    let path = try folder.file(
      "config.json", Array(#"{"model_type": "cohere", "hidden_size": 64, "num_attention_heads": 4}"#.utf8))
    let open = ropedrift("frequencies", "--model", path)
    #expect(open.exit == .wrongUsage)
    #expect(open.talk.contains("leaves base open: the file has no rope_theta; say it with --base"))
    #expect(ropedrift("frequencies", "--model", path, "--base", "8e6").exit == .done)
    let sizeless = try folder.file("b.json", Array(#"{"model_type": "llama", "rope_theta": 1e4}"#.utf8))
    let headless = ropedrift("frequencies", "--model", sizeless)
    #expect(headless.exit == .wrongUsage && headless.talk.contains("say it with --head-size"))
    #expect(ropedrift("frequencies", "--model", sizeless, "--head-size", "8").exit == .done)
  }
}
