// `--model` in commands with an input: model, metadata and flags together, sizes, scales, caps, windows.

import Foundation
import RoPEDrift
import RoPEDriftCommands
import Testing

@Suite struct ModelProblemTests {
  private func score(
    model: [UInt8], heads: Int = 4, kvHeads: Int = 2, size: Int = 16, tokens: Int = 2,
    metadata: [String: String] = [:], _ flags: String...
  ) throws -> CommandResult {
    let folder = try ScratchFolder()
    let input = try folder.file(
      "capture.safetensors",
      ModelFixture.capture(heads: heads, kvHeads: kvHeads, size: size, tokens: tokens, metadata: metadata))
    let path = try folder.file("config.json", model)
    return ropedrift(["score", input] + ModelFixture.pair + ["--model", path] + flags)
  }

  @Test func aModelSaysWhatMetadataLeavesOut() throws {
    let result = try score(model: ModelFixture.llama())
    #expect(result.exit == .done && result.talk.isEmpty)
    let folder = try ScratchFolder()
    let input = try folder.file("capture.safetensors", ModelFixture.capture(heads: 4, kvHeads: 2, size: 16))
    let typed = ropedrift(
      ["score", input] + ModelFixture.pair + ["--base", "10000", "--layout", "half-split"])
    #expect(value(result.output) == value(typed.output) && value(typed.output) != nil)
  }

  /// The line with the exact score.
  private func value(_ output: String) -> Substring? {
    output.split(separator: "\n").first { $0.hasPrefix("exact score") }
  }

  @Test func flagsWinOverTheModelAndTheModelOverMetadata() throws {
    let metadata = ["rope.base": "500000", "rope.layout": "interleaved", "rope.rotary_size": "8"]
    let model = try score(model: ModelFixture.llama(), metadata: metadata)
    #expect(model.exit == .done)
    for words in [
      "layout half-split, overrides rope.layout 'interleaved'", "base 10000.0, overrides rope.base '500000'",
      "rotary_size 16, overrides rope.rotary_size '8'",
    ] {
      #expect(model.talk.contains(words), "\(model.talk)")
    }
    let typed = try score(
      model: ModelFixture.llama(), metadata: metadata, "--base", "77", "--rotary-size", "4", "--json")
    #expect(typed.talk.contains("--base 77 overrides rope.base '500000'"))
    let object = try ModelFixture.json(typed)
    #expect(object["base"] as? String == "77" && object["rotary_size"] as? Int == 4)
    #expect(object["layout"] as? String == "half-split")
    let same = try score(
      model: ModelFixture.llama(),
      metadata: ["rope.base": "1e4", "rope.layout": "half-split", "rope.scaling": "none"])
    #expect(same.exit == .done && same.talk.isEmpty, "\(same.talk)")
    let scaled = try score(model: ModelFixture.llama(), metadata: ["rope.scaling": "linear:factor=2"])
    #expect(scaled.talk.contains("scaling default, overrides rope.scaling 'linear:factor=2'"))
  }

  @Test func metadataSaysWhatTheModelLeavesOpen() throws {
    let cohere = Array(#"{"model_type": "cohere", "hidden_size": 64, "num_attention_heads": 4}"#.utf8)
    let result = try score(model: cohere, kvHeads: 4, metadata: ["rope.base": "8e6"], "--json")
    #expect(result.exit == .done && result.talk.isEmpty)
    let object = try ModelFixture.json(result)
    #expect(object["base"] as? String == "8e6" && object["layout"] as? String == "interleaved")
    let unknown = Array(#"{"model_type": "neverheard", "rope_theta": 1e4}"#.utf8)
    let open = try score(model: unknown)
    #expect(open.exit == .wrongUsage)
    #expect(
      open.talk.contains("leaves layout open: model type 'neverheard' is not known; say it with --layout"))
    let typed = try score(model: unknown, "--layout", "interleaved")
    #expect(typed.exit == .done && typed.talk.contains("model type 'neverheard' is not known"))
  }

  @Test(arguments: [
    (8, 2, 16, "8 query heads", "4"), (4, 4, 16, "4 key heads", "2"), (4, 2, 32, "32 channels a head", "16"),
  ])
  func inputsOfAnotherModelAreRefused(heads: Int, kvHeads: Int, size: Int, found: String, expected: String)
    throws
  {
    let result = try score(model: ModelFixture.llama(), heads: heads, kvHeads: kvHeads, size: size)
    #expect(result.exit == .wrongUsage)
    #expect(
      result.talk.contains("capture.safetensors has \(found), model ")
        && result.talk.contains("config.json has \(expected); name the model"), "\(result.talk)")
  }

  /// query_pre_attn_scalar 64 = 8²: the scale is 1/8, whatever the head size; 63 has to be typed.
  @Test func scalesComeFromTheModel() throws {
    func gemma(_ scalar: Int) -> [UInt8] {
      Array(
        #"{"model_type": "gemma2", "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "rope_theta": 1e4, "query_pre_attn_scalar": \#(scalar), "attn_logit_softcapping": null, "sliding_window": null, "layer_types": ["full_attention"]}"#
          .utf8)
    }
    #expect(try ModelFixture.json(score(model: gemma(64), "--json"))["scale"] as? String == "1/8")
    #expect(
      try ModelFixture.json(score(model: gemma(16), "--json"))["scale"] as? String == "1/sqrt(head size)")
    let open = try score(model: gemma(63))
    #expect(
      open.exit == .wrongUsage
        && open.talk.contains("leaves scale open: it is query_pre_attn_scalar^(-1/2) = 63^(-1/2)"))
    #expect(
      try ModelFixture.json(score(model: gemma(63), "--scale", "0.126", "--json"))["scale"] as? String
        == "0.126")
  }

  /// Gemma 2 caps logits at 50: 50·tanh(x/50), x the score without the cap.
  @Test func softcapsComeFromTheModel() throws {
    let command =
      ["score", "synthetic:normal,heads=16,kv_heads=8,head_dim=256,tokens=4,layers=1", "--json"]
      + ModelFixture.pair
    func exact(_ flags: [String]) throws -> Double {
      let object = try ModelFixture.json(ropedrift(command + flags))
      let exact = try #require(object["exact"] as? [String: Any])
      return try #require(Double(exact["value"] as! String))
    }
    let model = ["--model", "gemma-2-9b", "--layer-type", "sliding"]
    let capped = try exact(model)
    let plain = try exact([])
    #expect(abs(capped - 50 * tanh(plain / 50)) < 1e-12 && capped != plain)
    #expect(try capped == exact(["--softcap", "50"]))
    let typed = try exact(model + ["--softcap", "2"])
    #expect(abs(typed - 2 * tanh(plain / 2)) < 1e-12)
  }

  @Test func windowsAreTheMaskOfAReportAndRefusedElsewhere() throws {
    let folder = try ScratchFolder()
    let model = try folder.file(
      "config.json",
      Array(
        #"{"model_type": "mistral", "hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2, "rope_theta": 1e4, "sliding_window": 8}"#
          .utf8))
    func report(_ tokens: Int) throws -> CommandResult {
      let input = try folder.file(
        "capture\(tokens).safetensors", ModelFixture.capture(heads: 4, kvHeads: 2, size: 16, tokens: tokens))
      return ropedrift(
        "report", input, "--model", model, "--recipe", "fp32", "--force", "-o", folder.path + "/out")
    }
    #expect(try report(8).exit == .done)
    let run = try String(contentsOfFile: folder.path + "/out/run.json", encoding: .utf8)
    #expect(run.contains("--model ") && run.contains("config.json"))
    let long = try report(9)
    #expect(long.exit == .done && long.talk.contains("the mask is window:8"), "\(long.talk)")
    let masked = try String(contentsOfFile: folder.path + "/out/run.json", encoding: .utf8)
    #expect(masked.contains(#""mask": "window:8""#))
    let emulated = ropedrift(
      "emulate", folder.path + "/capture9.safetensors", "--model", model, "--recipe", "fp32", "--tensors",
      "logits", "-o",
      folder.path + "/emulated.safetensors")
    #expect(emulated.exit == .wrongUsage)
    #expect(emulated.talk.contains("has a window of 8 keys, and a query here sees 9"), "\(emulated.talk)")
    // One score is what it is; that the model masks it is said.
    let input = folder.path + "/capture9.safetensors"
    let score = ropedrift(
      "score", input, "--layer", "0", "--head", "0", "--query", "8", "--key", "0", "--model", model)
    #expect(
      score.exit == .done && score.talk.contains("this query does not see this key: its window is 8 keys"))
    let near = ropedrift(
      "score", input, "--layer", "0", "--head", "0", "--query", "8", "--key", "1", "--model", model)
    #expect(near.exit == .done && near.talk.isEmpty)
  }

  @Test func layersAreOfTheChosenKind() throws {
    let folder = try ScratchFolder()
    let input = try folder.file(
      "capture.safetensors", ModelFixture.capture(heads: 8, kvHeads: 4, size: 256, layers: [4, 5]))
    func score(_ layer: String, _ type: String) -> CommandResult {
      ropedrift(
        "score", input, "--layer", layer, "--head", "0", "--query", "1", "--key", "0", "--model",
        "gemma-3-4b",
        "--layer-type", type)
    }
    #expect(score("4", "sliding").exit == .done && score("5", "full").exit == .done)
    let wrong = score("5", "sliding")
    #expect(wrong.exit == .wrongUsage)
    #expect(
      wrong.talk.contains(
        "layer 5 of \(input) is of type full_attention in model gemma-3-4b, not sliding_attention"))
    // Both kinds at once.
    let report = ropedrift(
      "report", input, "--model", "gemma-3-4b", "--layer-type", "full", "-o", folder.path + "/out")
    #expect(report.exit == .wrongUsage && report.talk.contains("layer 4 of "))
  }

  @Test func latentAttentionAsksForItsScale() throws {
    let input = "synthetic:normal,heads=128,kv_heads=1,head_dim=64,tokens=4,layers=1,layout=interleaved"
    let open = ropedrift(["score", input] + ModelFixture.pair + ["--model", "deepseek-v3"])
    #expect(open.exit == .wrongUsage && open.talk.contains("leaves scale open: it is 192^(-1/2)"))
    let typed = ropedrift(
      ["score", input] + ModelFixture.pair + ["--model", "deepseek-v3", "--scale", "0.13523377886"])
    #expect(typed.exit == .done, "\(typed.talk)")
  }
}
