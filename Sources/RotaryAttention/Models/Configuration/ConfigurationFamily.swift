// What a configuration does not say and transformers' code for its model type does: the pairing of channels, which key holds the
// scale, which layers have a window. Every row was read in transformers 5.23.0; values that stand in for missing keys are given
// only where 5.23.0 and 4.57.1 agree.

/// One `model_type` of Hugging Face transformers, as its modeling and configuration files have it.
struct ConfigurationFamily: Sendable {
  /// Which keys say how many channels rotate.
  enum Rotation: Sendable {
    /// All channels. `partial_rotary_factor` is read with a scaling and not without one.
    case wholeHead
    /// ⌊head_dim·factor⌋, with the key of the factor.
    case fraction(key: String)
    /// A number of channels.
    case count(key: String)
  }

  /// Which layers `sliding_window` is for.
  enum Window: Sendable {
    /// None.
    case unused
    /// All, where it is not null.
    case everyLayer
    /// Those that `layer_types` names so; else all but every n-th.
    case byLayerType(every: Int)
    /// None unless `use_sliding_window`; then all, or those from `max_window_layers` on.
    case switched(fromMaxWindowLayers: Bool)
  }

  /// Where the scale comes from.
  enum Scale: Sendable {
    /// 1/√head_dim.
    case headSize
    /// s^(−1/2) of `query_pre_attn_scalar`.
    case queryPreAttentionScalar
    /// A key's value itself.
    case key(String)
  }

  /// The pairing, or the key that chooses it.
  var layout: RotaryLayout
  var rotation = Rotation.wholeHead
  var window = Window.unused
  var scale = Scale.headSize
  /// The key of the base outside the rope dictionary; nil where the code has 10000 and no key.
  var baseKey: String? = "rope_theta"
  /// Whether there are as many key heads as query heads where no key says otherwise.
  var hasEqualHeads = false
  /// What transformers takes for keys that are missing, as JSON.
  var defaults: [String: String] = [:]
  /// The other names of keys: of GPT-J and CodeGen.
  var keyNames: [String: String] = [:]

  /// Model types that no problem here can state, with the reason.
  static let refused: [String: String] = {
    let partial = "some of its layers have no rotary embedding"
    return [
      "cohere2": partial, "cohere2_moe": partial, "exaone4": partial, "smollm3": partial, "llama4": partial,
      "llama4_text": partial,
      "gpt_oss": "the softmax of each of its heads has one more learned logit (a sink)",
      "phimoe": "its longrope has attention factors of its own (short_mscale, long_mscale)",
    ]
  }()

  /// The families by `model_type`. A family is added by a line here, after its modeling file was read.
  static let all: [String: ConfigurationFamily] = {
    let theta = ["rope_theta": "10000.0"]
    func plain(
      _ layout: RotaryLayout = .halfSplit, _ defaults: [String: String] = theta, equal: Bool = false
    ) -> ConfigurationFamily {
      ConfigurationFamily(layout: layout, hasEqualHeads: equal, defaults: defaults)
    }
    func adding(_ more: [String: String]) -> [String: String] { theta.merging(more) { $1 } }
    let gptj = ConfigurationFamily(
      layout: .interleaved, rotation: .count(key: "rotary_dim"), baseKey: nil, hasEqualHeads: true,
      keyNames: [
        "num_attention_heads": "n_head", "hidden_size": "n_embd", "max_position_embeddings": "n_positions",
        "num_hidden_layers": "n_layer",
      ])
    let gemma3 = ConfigurationFamily(
      layout: .halfSplit, window: .byLayerType(every: 6), scale: .queryPreAttentionScalar,
      defaults: [
        "rope_theta": "1000000.0", "rope_local_base_freq": "10000.0", "num_attention_heads": "8",
        "num_key_value_heads": "4", "head_dim": "256", "query_pre_attn_scalar": "256",
        "sliding_window": "4096", "max_position_embeddings": "131072",
      ])
    let granite = ConfigurationFamily(
      layout: .halfSplit, scale: .key("attention_multiplier"), hasEqualHeads: true,
      defaults: adding(["attention_multiplier": "1.0"]))
    return [
      "llama": plain(equal: true), "olmo": plain(equal: true), "olmo2": plain(equal: true),
      "olmoe": plain(equal: true), "arcee": plain(equal: true),
      "mistral": ConfigurationFamily(
        layout: .halfSplit, window: .everyLayer, defaults: adding(["sliding_window": "4096"])),
      "mixtral": ConfigurationFamily(
        layout: .halfSplit, window: .everyLayer, defaults: ["rope_theta": "1000000.0"]),
      "starcoder2": ConfigurationFamily(layout: .halfSplit, window: .everyLayer, defaults: theta),
      "qwen2": ConfigurationFamily(
        layout: .halfSplit, window: .switched(fromMaxWindowLayers: true), defaults: theta),
      "qwen3": ConfigurationFamily(
        layout: .halfSplit, window: .switched(fromMaxWindowLayers: true),
        defaults: adding(["head_dim": "128"])),
      "qwen3_moe": ConfigurationFamily(
        layout: .halfSplit, window: .switched(fromMaxWindowLayers: false), defaults: theta),
      "gemma": plain(.halfSplit, adding(["head_dim": "256"])),
      "gemma2": ConfigurationFamily(
        layout: .halfSplit, window: .byLayerType(every: 2), scale: .queryPreAttentionScalar,
        defaults: adding([
          "head_dim": "256", "query_pre_attn_scalar": "256", "sliding_window": "4096",
          "attn_logit_softcapping": "50.0",
        ])),
      "gemma3_text": gemma3, "gemma3": gemma3,
      "phi": ConfigurationFamily(
        layout: .halfSplit, rotation: .fraction(key: "partial_rotary_factor"), hasEqualHeads: true,
        defaults: adding(["partial_rotary_factor": "0.5"])),
      "phi3": ConfigurationFamily(
        layout: .halfSplit, rotation: .fraction(key: "partial_rotary_factor"), window: .everyLayer,
        hasEqualHeads: true, defaults: adding(["partial_rotary_factor": "1.0"])),
      "stablelm": ConfigurationFamily(
        layout: .halfSplit, rotation: .fraction(key: "partial_rotary_factor"),
        defaults: adding(["partial_rotary_factor": "0.25"])),
      "nemotron": ConfigurationFamily(
        layout: .halfSplit, rotation: .fraction(key: "partial_rotary_factor"),
        defaults: adding(["partial_rotary_factor": "0.5"])),
      "glm4_moe": ConfigurationFamily(
        layout: .halfSplit, rotation: .fraction(key: "partial_rotary_factor"),
        defaults: adding(["partial_rotary_factor": "0.5"])),
      "persimmon": ConfigurationFamily(
        layout: .halfSplit, rotation: .fraction(key: "partial_rotary_factor"), hasEqualHeads: true,
        defaults: ["partial_rotary_factor": "0.5"]),
      "gpt_neox": ConfigurationFamily(
        layout: .halfSplit, rotation: .fraction(key: "rotary_pct"), baseKey: "rotary_emb_base",
        hasEqualHeads: true, defaults: ["rotary_pct": "0.25", "rotary_emb_base": "10000"]),
      "granite": granite, "granitemoe": granite, "seed_oss": plain(.halfSplit, adding(["head_dim": "128"])),
      "bitnet": plain(.halfSplit, ["rope_theta": "500000.0"]),
      "gptj": gptj, "codegen": gptj,
      "cohere": plain(.interleaved, [:], equal: true),
      "glm": ConfigurationFamily(
        layout: .interleaved, rotation: .fraction(key: "partial_rotary_factor"),
        defaults: adding(["partial_rotary_factor": "0.5", "head_dim": "128"])),
      "glm4": ConfigurationFamily(
        layout: .interleaved, rotation: .fraction(key: "partial_rotary_factor"),
        defaults: adding(["partial_rotary_factor": "0.5", "head_dim": "128"])),
      "ernie4_5": plain(.interleaved, ["rope_theta": "500000.0", "head_dim": "128"]),
      "helium": plain(.interleaved, ["rope_theta": "100000.0", "head_dim": "128"]),
      "deepseek_v2": plain(.interleaved), "deepseek_v3": plain(.interleaved),
    ]
  }()
}
