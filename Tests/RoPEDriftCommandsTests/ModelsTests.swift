// `ropedrift models`, and `--model` in the commands that take it.

import Foundation
import RoPEDrift
import RoPEDriftCommands
import Testing

/// Layers of `heads` query heads, `kvHeads` key heads, two tokens and `size` channels.
private func capture(
  heads: Int, kvHeads: Int, size: Int, tokens: Int = 2, layers: [Int] = [0], metadata: [String: String] = [:]
) throws -> [UInt8] {
  var writer = SafetensorsWriter(metadata: metadata)
  for layer in layers {
    for (name, count) in [("q", heads), ("k", kvHeads)] {
      let values: [Double] = (0..<count * tokens * size).map { index in
        let residue: Int = (index * 7 + 3) % 11 - 5
        return Double(residue) / 4
      }
      try writer.add("layers.\(layer).\(name)", .f32, shape: [count, tokens, size], values: values)
    }
  }
  return writer.bytes()
}

private let pair = ["--layer", "0", "--head", "0", "--query", "1", "--key", "0"]

private func json(_ result: CommandResult) throws -> [String: Any] {
  try #require(JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
}

/// A configuration with 4/2 heads of 16 channels.
private func llama(_ more: String = "") -> [UInt8] {
  Array(
    #"{"model_type": "llama", "hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2, "rope_theta": 10000.0\#(more)}"#
      .utf8)
}

@Suite struct ModelsTests {
  @Test func listsEveryModel() throws {
    let result = ropedrift("models")
    #expect(result.exit == .done && result.talk.isEmpty)
    for name in ModelRegistry.names { #expect(result.output.contains("\n\(name) ")) }
    let array = try #require(
      JSONSerialization.jsonObject(with: Data(ropedrift("models", "--json").output.utf8)) as? [[String: Any]])
    #expect(array.compactMap { $0["name"] as? String } == ModelRegistry.names)
  }

  @Test(arguments: ModelRegistry.names)
  func showsOneModel(_ name: String) throws {
    let result = ropedrift("models", name)
    #expect(result.exit == .done && result.output.contains("source") && result.output.contains(name))
    let object = try json(ropedrift("models", name, "--json"))
    #expect(object["name"] as? String == name)
    #expect((object["source"] as? String)?.isEmpty == false)
  }

  @Test func showsWhatWasUnderstoodOfAConfiguration() throws {
    let folder = try ScratchFolder()
    let path = try folder.file(
      "config.json",
      llama(#", "rope_scaling": {"type": "dynamic", "factor": 2.0}, "max_position_embeddings": 64"#))
    let object = try json(ropedrift("models", path, "--json"))
    #expect(object["heads"] as? Int == 4 && object["kv_heads"] as? Int == 2)
    #expect(object["layout"] as? String == "half-split" && object["max_positions"] as? Int == 64)
    let layer = try #require((object["layer_types"] as? [[String: Any]])?.first)
    #expect(
      layer["base"] as? String == "10000.0" && layer["scaling"] as? String == "dynamic:factor=2.0,max=64")
    #expect(layer["needs_sequence_length"] as? Bool == true && layer["window"] is NSNull)
    #expect(ropedrift("models", path).output.contains("dynamic:factor=2.0,max=64 (and --sequence-length)"))
  }

  @Test func failuresNameTheFileOrTheName() throws {
    let folder = try ScratchFolder()
    let broken = ropedrift("models", try folder.file("config.json", Array("[]".utf8)))
    #expect(broken.exit == .failed && broken.talk.contains("config.json: found an array of 0"))
    let missing = ropedrift("models", folder.path + "/none.json")
    #expect(missing.exit == .failed && missing.talk.contains("none.json: the file cannot be read"))
    let unknown = ropedrift("models", "lama-2-7b")
    #expect(unknown.exit == .wrongUsage && unknown.talk.contains("did you mean 'llama-2-7b'?"))
  }
}

@Suite struct ModelFrequencyTests {
  private func frequencies(_ arguments: String...) throws -> [Double] {
    let object = try json(ropedrift(["frequencies", "--json"] + arguments))
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
      llama(
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

@Suite struct ModelProblemTests {
  private func score(
    model: [UInt8], heads: Int = 4, kvHeads: Int = 2, size: Int = 16, tokens: Int = 2,
    metadata: [String: String] = [:], _ flags: String...
  ) throws -> CommandResult {
    let folder = try ScratchFolder()
    let input = try folder.file(
      "capture.safetensors",
      capture(heads: heads, kvHeads: kvHeads, size: size, tokens: tokens, metadata: metadata))
    let path = try folder.file("config.json", model)
    return ropedrift(["score", input] + pair + ["--model", path] + flags)
  }

  @Test func aModelSaysWhatMetadataLeavesOut() throws {
    let result = try score(model: llama())
    #expect(result.exit == .done && result.talk.isEmpty)
    let folder = try ScratchFolder()
    let input = try folder.file("capture.safetensors", capture(heads: 4, kvHeads: 2, size: 16))
    let typed = ropedrift(["score", input] + pair + ["--base", "10000", "--layout", "half-split"])
    #expect(value(result.output) == value(typed.output) && value(typed.output) != nil)
  }

  /// The line with the exact score.
  private func value(_ output: String) -> Substring? {
    output.split(separator: "\n").first { $0.hasPrefix("exact score") }
  }

  @Test func flagsWinOverTheModelAndTheModelOverMetadata() throws {
    let metadata = ["rope.base": "500000", "rope.layout": "interleaved", "rope.rotary_size": "8"]
    let model = try score(model: llama(), metadata: metadata)
    #expect(model.exit == .done)
    for words in [
      "layout half-split, overrides rope.layout 'interleaved'", "base 10000.0, overrides rope.base '500000'",
      "rotary_size 16, overrides rope.rotary_size '8'",
    ] {
      #expect(model.talk.contains(words), "\(model.talk)")
    }
    let typed = try score(model: llama(), metadata: metadata, "--base", "77", "--rotary-size", "4", "--json")
    #expect(typed.talk.contains("--base 77 overrides rope.base '500000'"))
    let object = try json(typed)
    #expect(object["base"] as? String == "77" && object["rotary_size"] as? Int == 4)
    #expect(object["layout"] as? String == "half-split")
    let same = try score(
      model: llama(), metadata: ["rope.base": "1e4", "rope.layout": "half-split", "rope.scaling": "none"])
    #expect(same.exit == .done && same.talk.isEmpty, "\(same.talk)")
    let scaled = try score(model: llama(), metadata: ["rope.scaling": "linear:factor=2"])
    #expect(scaled.talk.contains("scaling default, overrides rope.scaling 'linear:factor=2'"))
  }

  @Test func metadataSaysWhatTheModelLeavesOpen() throws {
    let cohere = Array(#"{"model_type": "cohere", "hidden_size": 64, "num_attention_heads": 4}"#.utf8)
    let result = try score(model: cohere, kvHeads: 4, metadata: ["rope.base": "8e6"], "--json")
    #expect(result.exit == .done && result.talk.isEmpty)
    let object = try json(result)
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
    let result = try score(model: llama(), heads: heads, kvHeads: kvHeads, size: size)
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
    #expect(try json(score(model: gemma(64), "--json"))["scale"] as? String == "1/8")
    #expect(try json(score(model: gemma(16), "--json"))["scale"] as? String == "1/sqrt(head size)")
    let open = try score(model: gemma(63))
    #expect(
      open.exit == .wrongUsage
        && open.talk.contains("leaves scale open: it is query_pre_attn_scalar^(-1/2) = 63^(-1/2)"))
    #expect(try json(score(model: gemma(63), "--scale", "0.126", "--json"))["scale"] as? String == "0.126")
  }

  /// Gemma 2 caps logits at 50: 50·tanh(x/50), x the score without the cap.
  @Test func softcapsComeFromTheModel() throws {
    let command =
      ["score", "synthetic:normal,heads=16,kv_heads=8,head_dim=256,tokens=4,layers=1", "--json"] + pair
    func exact(_ flags: [String]) throws -> Double {
      let object = try json(ropedrift(command + flags))
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
        "capture\(tokens).safetensors", capture(heads: 4, kvHeads: 2, size: 16, tokens: tokens))
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
      "capture.safetensors", capture(heads: 8, kvHeads: 4, size: 256, layers: [4, 5]))
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
    let open = ropedrift(["score", input] + pair + ["--model", "deepseek-v3"])
    #expect(open.exit == .wrongUsage && open.talk.contains("leaves scale open: it is 192^(-1/2)"))
    let typed = ropedrift(["score", input] + pair + ["--model", "deepseek-v3", "--scale", "0.13523377886"])
    #expect(typed.exit == .done, "\(typed.talk)")
  }
}
