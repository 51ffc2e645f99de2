// Configurations that cannot be meant, or that this project does not support: each is an error that names its place.

import Foundation
import RotaryAttention
import Testing

@Suite struct ConfigurationErrorTests {
  /// The message for a configuration of a Llama with a few keys more.
  private func message(_ keys: String, type: String = "llama") -> String {
    let start =
      #""model_type": "\#(type)", "hidden_size": 64, "num_attention_heads": 4, "max_position_embeddings": 2048"#
    return message(text: "{\(start), \(keys)}")
  }

  private func message(text: String) -> String {
    do {
      return "no error: " + summary(try configuration(text: text))
    } catch {
      return "\(error)"
    }
  }

  @Test(arguments: [
    ("[]", "config.json: found an array of 0; a model's configuration is a JSON object"),
    ("", "config.json: not valid JSON: expected a value at byte 0"),
    (#"{"a": 1, "a": 2}"#, "config.json: 'a' is given twice; keep one of them"),
    (#"{"rope_theta": NaN}"#, "config.json: not valid JSON: expected a value at byte 15"),
    (
      #"{"text_config": 3}"#, "config.json: 'text_config' is the number 3; expected an object"
    ),
  ])
  func textThatIsNoConfiguration(_ text: String, _ expected: String) {
    #expect(message(text: text) == expected)
  }

  @Test func filesThatCannotBeRead() throws {
    #expect(throws: ModelError.unreadable(file: "/nowhere/config.json")) {
      try ModelRegistry.model(nameOrPath: "/nowhere/config.json")
    }
    let folder = FileManager.default.temporaryDirectory.path
    #expect(throws: ModelError.unreadable(file: folder)) { try ModelRegistry.model(nameOrPath: folder) }
    #expect(throws: ModelError.malformed(file: "x", reason: "not UTF-8 text; name a config.json")) {
      try AttentionModel(configuration: Data([0xff, 0xfe]), file: "x")
    }
  }

  @Test(arguments: [
    (
      #""rope_theta": "10000""#,
      "'rope_theta' is the string '10000'; expected a number above zero, not in quotes"
    ),
    (#""rope_theta": -1"#, "'rope_theta' is the number -1; expected a number above zero"),
    (#""rope_theta": 0.0"#, "'rope_theta' is the number 0.0; expected a number above zero"),
    (#""rope_theta": 1e999999"#, "'rope_theta' is the number 1e999999; expected a number above zero"),
    (
      #""num_key_value_heads": 2.5"#,
      "'num_key_value_heads' is the number 2.5; expected a whole number above zero"
    ),
    (
      #""num_key_value_heads": "2""#,
      "'num_key_value_heads' is the string '2'; expected a whole number above zero"
    ),
    (#""num_key_value_heads": 3"#, "4 query heads do not divide among 3 key heads"),
    (#""head_dim": 0"#, "'head_dim' is the number 0; expected a whole number above zero"),
    (#""head_dim": 15"#, "rotary size 15 with head size 15: it must be even"),
    (#""layer_types": [1]"#, "'layer_types' is a list with the number 1 in it; expected a list of strings"),
    (
      #""layer_types": ["linear_attention"]"#,
      "layer_types has 'linear_attention', which is not supported; supported are full_attention and sliding_attention"
    ),
    (
      #""layer_types": ["full_attention", "sliding_attention"]"#,
      "there are sliding_attention layers, and sliding_window is missing or null; add it"
    ),
    (#""rope_scaling": "linear""#, "'rope_scaling' is the string 'linear'; expected an object"),
    (
      #""rope_scaling": {"type": "linear", "factor": 2}, "rope_parameters": {"rope_type": "linear", "factor": 4}"#,
      "rope_parameters and rope_scaling are both there and differ"
    ),
    (
      #""rope_scaling": {"type": "linear", "rope_type": "yarn", "factor": 2}"#,
      "rope_scaling.rope_type is 'yarn' and rope_scaling.type is 'linear'; keep the one that is meant"
    ),
    (
      #""rope_scaling": {"type": "linaer", "factor": 2}"#,
      "'rope_scaling.type' is 'linaer'; expected one of default, linear, dynamic, yarn, longrope, llama3, proportional (did you mean 'linear'?)"
    ),
    (
      #""rope_scaling": {"factor": 2}"#,
      "unknown key 'rope_scaling.factor'; rope type default has type, rope_type, rope_theta"
    ),
    (
      #""rope_scaling": {"type": "linear", "facter": 2}"#,
      "unknown key 'rope_scaling.facter' (did you mean 'factor'?); rope type linear has"
    ),
    (
      #""rope_scaling": {"type": "linear", "factor": 2, "low_freq_factor": 1}"#,
      "unknown key 'rope_scaling.low_freq_factor'"
    ),
    (
      #""rope_scaling": {"type": "linear"}"#,
      "'rope_scaling.factor' is missing; expected a number above zero for rope type linear"
    ),
    (
      #""rope_scaling": {"type": "linear", "factor": "2"}"#,
      "'rope_scaling.factor' is the string '2'; expected a number above zero, not in quotes"
    ),
    (
      #""rope_scaling": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 1}"#,
      "'rope_scaling.high_freq_factor' is missing"
    ),
    (
      #""rope_scaling": {"rope_type": "longrope", "long_factor": [1, 2]}"#,
      "'rope_scaling.short_factor' is missing; expected a list of numbers"
    ),
    (
      #""rope_scaling": {"rope_type": "longrope", "short_factor": [1, 1, 1, 1, 1, 1, 1, 1], "long_factor": [1, 2]}"#,
      "longrope: long has 2 factors for 8 pairs"
    ),
    (
      #""rope_scaling": {"rope_type": "longrope", "short_factor": [1, "1"], "long_factor": [1, 2]}"#,
      "'rope_scaling.short_factor' is the string '1'; expected a number above zero, not in quotes"
    ),
    (
      #""rope_scaling": {"type": "yarn", "factor": 4, "truncate": 0}"#,
      "'rope_scaling.truncate' is the number 0; expected true or false"
    ),
    (#""rope_scaling": {"type": "mrope", "mrope_section": [2, 3, 3]}"#, "M-RoPE (mrope_section)"),
    (#""rope_scaling": {"rope_type": "default", "type": "mrope"}"#, "M-RoPE (mrope_section)"),
    (
      #""rope_parameters": {"full_attention": {"rope_type": "default", "mrope_section": [2, 3, 3]}}"#,
      "M-RoPE (mrope_section)"
    ),
    (#""use_mrope": true"#, "M-RoPE (mrope_section)"),
    (#""alibi": true"#, "alibi is true: no rotary embedding"),
    (#""position_embedding_type": "absolute""#, "position_embedding_type is 'absolute': no rotary embedding"),
    (
      #""rope_theta": 1e6, "text_config": {"model_type": "llama"}"#,
      "rope_theta stands beside text_config, not in it"
    ),
    (
      #""layer_types": ["full_attention"], "rope_parameters": {"full_attention": null, "other": {"rope_theta": 1}}"#,
      "unknown key 'rope_parameters.other'"
    ),
    (
      #""layer_types": ["full_attention", "sliding_attention"], "sliding_window": 8, "rope_parameters": {"full_attention": null, "sliding_attention": {"rope_theta": 1}}"#,
      "rope_parameters.full_attention is missing or null: layers without rotary embedding are not supported"
    ),
  ])
  func valuesThatCannotBeMeant(_ keys: String, _ expected: String) {
    let message = message(keys)
    #expect(message.hasPrefix("config.json: ") && message.contains(expected), "\(message)")
  }

  @Test(arguments: [
    ("phi", #""partial_rotary_factor": 0.45"#, "rotary size 7 with head size 16: it must be even"),
    ("phi", #""partial_rotary_factor": 1.5"#, "partial rotary factor 1.5 is above 1"),
    ("phi", #""partial_rotary_factor": 0.01"#, "rotary size 0 with head size 16"),
    ("gptj", #""n_head": 4, "n_embd": 64, "rotary_dim": 32"#, "rotary size 32 with head size 16"),
    (
      "cohere", #""rope_scaling": {"rope_type": "proportional"}"#,
      "pairs channels i and i + d/2; use --layout half-split"
    ),
    (
      "gemma3_text", #""rope_parameters": {"rope_type": "linear", "factor": 8}"#,
      "rope_parameters of model type gemma3_text has an object for each layer type"
    ),
    (
      "smollm3", #""rope_theta": 2e6"#,
      "model type 'smollm3' is not supported: some of its layers have no rotary embedding"
    ),
    ("gpt_oss", #""rope_theta": 150000"#, "model type 'gpt_oss' is not supported"),
    (
      "qwen2", #""use_sliding_window": true, "sliding_window": 8"#,
      "use_sliding_window is true; num_hidden_layers, sliding_window and max_window_layers"
    ),
  ])
  func partsThatDoNotGoTogether(_ type: String, _ keys: String, _ expected: String) {
    let message = message(keys, type: type)
    #expect(message.hasPrefix("config.json: ") && message.contains(expected), "\(message)")
  }

  @Test func hiddenSizesThatAreNoMultipleOfTheHeads() {
    let text = #"{"model_type": "llama", "hidden_size": 66, "num_attention_heads": 4}"#
    #expect(
      message(text: text).contains("hidden_size 66 is no multiple of 4 heads and head_dim is not there"))
  }

  /// Every value of a configuration, replaced by values of the wrong kind and size: a typed error or a model, never a trap. All
  /// configurations with ROPEDRIFT_EXHAUSTIVE.
  @Test func wrongValuesAreTypedErrorsOrModels() throws {
    let odd: [Any] = [
      NSNull(), true, 0, -1, 2_000_000_000, 3.5, 1e300, "x", "", [] as [Any], ["full_attention"], [1],
      [:] as [String: Any], ["rope_theta": 5], ["full_attention": ["factor": 2]],
    ]
    let folder = URL(fileURLWithPath: configurationPath("x")).deletingLastPathComponent()
    var tried = 0
    var models = 0
    let isExhaustive = ProcessInfo.processInfo.environment["ROPEDRIFT_EXHAUSTIVE"] == "1"
    let files =
      try isExhaustive
      ? FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
      : ["phi-3-su.json", "qwen2-sliding.json"]
    for file in files {
      let data = try Data(contentsOf: folder.appendingPathComponent(file))
      let root = try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
      for key in root.keys.sorted() {
        for value in odd {
          var changed = root
          changed[key] = value
          var all = [changed]
          if let inner = root[key] as? [String: Any] {
            for innerKey in inner.keys.sorted() {
              var changedInner = inner
              changedInner[innerKey] = value
              changed[key] = changedInner
              all.append(changed)
            }
          }
          for variant in all {
            let json = try JSONSerialization.data(withJSONObject: variant)
            do {
              _ = summary(try AttentionModel(configuration: json, file: file))
              models += 1
            } catch is ModelError {
            } catch {
              Issue.record("\(file), \(key) = \(value): \(error)")
            }
            tried += 1
          }
        }
      }
    }
    #expect(tried > 200 && models > 50 && models < tried, "\(models) of \(tried)")
  }
}
