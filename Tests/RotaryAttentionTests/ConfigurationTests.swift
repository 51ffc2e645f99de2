// Configurations as models publish them, each read by hand beside transformers' code.

import FloatingPointFormats
import RotaryAttention
import Testing

@Suite struct ConfigurationTests {
  @Test(arguments: [
    // head_dim = 4096/32; numbers stay as the file writes them.
    (
      "llama-3.1-8b",
      "32/8 half-split scale 1/sqrt(d) cap - positions 131072 | all d 128 r 128 base 500000.0 llama3:factor=8.0,low=1.0,high=4.0,original=8192 window -"
    ),
    // No rope_theta: the default of the model type.
    (
      "llama-2-7b",
      "32/32 half-split scale 1/sqrt(d) cap - positions 4096 | all d 128 r 128 base 10000.0 default window -"
    ),
    (
      "deepseek-coder-6.7b",
      "32/32 half-split scale 1/sqrt(d) cap - positions 16384 | all d 128 r 128 base 100000 linear:factor=4.0 window -"
    ),
    // No num_key_value_heads: as many as query heads. The length is the user's.
    (
      "llama-dynamic",
      "16/16 half-split scale 1/sqrt(d) cap - positions 4096 | all d 128 r 128 base 10000.0 dynamic:factor=2.0,max=4096 window -"
    ),
    // use_sliding_window is false.
    (
      "qwen2.5-7b-instruct-yarn",
      "28/4 half-split scale 1/sqrt(d) cap - positions 32768 | all d 128 r 128 base 1000000.0 yarn:factor=4.0,original=32768 window -"
    ),
    (
      "qwen3-8b",
      "32/8 half-split scale 1/sqrt(d) cap - positions 40960 | full_attention d 128 r 128 base 1000000 default window -"
    ),
    (
      "gemma-2-9b",
      "16/8 half-split scale 1/sqrt(d) cap 50.0 positions 8192 | full_attention d 256 r 256 base 10000.0 default window - | sliding_attention d 256 r 256 base 10000.0 default window 4096"
    ),
    // 144^(−1/2) = 1/12, and 144 is not the head size.
    (
      "gemma-2-27b",
      "32/16 half-split scale 1/12 cap 50.0 positions 8192 | full_attention d 128 r 128 base 10000.0 default window - | sliding_attention d 128 r 128 base 10000.0 default window 4096"
    ),
    // Nested, and nearly all left to defaults: 8/4 heads of 256, bases 1e6 and 1e4; scaling for full attention only.
    (
      "gemma-3-4b-it",
      "8/4 half-split scale 1/sqrt(d) cap - positions 131072 | full_attention d 256 r 256 base 1000000.0 linear:factor=8.0 window - | sliding_attention d 256 r 256 base 10000.0 default window 1024"
    ),
    // A dictionary for each layer type; 168^(−1/2) is irrational.
    (
      "gemma-3-27b-it",
      "32/16 half-split scale ? cap - positions 131072 | full_attention d 128 r 128 base 1000000.0 linear:factor=8.0 window - | sliding_attention d 128 r 128 base 10000.0 default window 1024"
    ),
    // su is longrope; factor = 131072/4096 = 32.
    (
      "phi-3-su",
      "4/4 half-split scale 1/sqrt(d) cap - positions 131072 | all d 8 r 8 base 10000.0 longrope:original=4096,factor=32,short=1.0;1.0;1.05;2.0,long=1.0299999713897705;1.5;20.25;60.0 window 262144"
    ),
    // ⌊80·0.4⌋ = 32.
    (
      "phi-2",
      "32/32 half-split scale 1/sqrt(d) cap - positions 2048 | all d 80 r 32 base 10000.0 default window -"
    ),
    // 6144/64 = 96, a quarter of it 24.
    (
      "gpt-neox-20b",
      "64/64 half-split scale 1/sqrt(d) cap - positions 2048 | all d 96 r 24 base 10000 default window -"
    ),
    (
      "gpt-j-6b",
      "16/16 interleaved scale 1/sqrt(d) cap - positions 2048 | all d 256 r 64 base 10000 default window -"
    ),
    (
      "mistral-7b-v0.1",
      "32/8 half-split scale 1/sqrt(d) cap - positions 32768 | all d 128 r 128 base 10000.0 default window 4096"
    ),
    // The rotary part only.
    (
      "deepseek-v3",
      "128/? interleaved scale ? cap - positions 163840 | all d 64 r 64 base 10000 yarn:factor=40,original=4096,beta_fast=32,beta_slow=1,mscale=1.0,mscale_all_dim=1.0 window -"
    ),
    (
      "granite-3.1-8b",
      "32/8 half-split scale 0.0078125 cap - positions 131072 | all d 128 r 128 base 10000000.0 default window -"
    ),
    (
      "glm-4-9b",
      "32/2 interleaved scale 1/sqrt(d) cap - positions 131072 | all d 128 r 64 base 10000.0 default window -"
    ),
    (
      "c4ai-command-r-v01",
      "64/64 interleaved scale 1/sqrt(d) cap - positions 131072 | all d 128 r 128 base 8000000.0 default window -"
    ),
    (
      "qwen2-sliding",
      "4/2 half-split scale 1/sqrt(d) cap - positions 32768 | full_attention d 64 r 64 base 1000000.0 default window - | sliding_attention d 64 r 64 base 1000000.0 default window 4096"
    ),
  ])
  func readsAPublishedConfiguration(_ name: String, _ expected: String) throws {
    #expect(summary(try configuration(name)) == expected)
  }

  @Test func sayWhichLayersAreOfWhichKind() throws {
    // Gemma 2: even layers have the window. Gemma 3: every sixth layer has none.
    let gemma2 = try configuration("gemma-2-9b")
    #expect(gemma2.typeOfLayer.count == 42)
    #expect(gemma2.type(ofLayer: 0) == "sliding_attention" && gemma2.type(ofLayer: 41) == "full_attention")
    let gemma3 = try configuration("gemma-3-4b-it")
    let full = gemma3.typeOfLayer.indices.filter { gemma3.type(ofLayer: $0) == "full_attention" }
    #expect(full == [5, 11, 17, 23, 29])
    #expect(gemma3.type(ofLayer: 34) == nil)
    let qwen = try configuration("qwen2-sliding")
    #expect(
      qwen.typeOfLayer == ["full_attention", "full_attention", "sliding_attention", "sliding_attention"])
    #expect(gemma3.layerType(named: "full") == gemma3.layerType(named: "full_attention"))
    #expect(gemma3.layerType(named: "global") == nil)
  }

  @Test func defaultsThatStandInForMissingKeysAreSaid() throws {
    #expect(
      try configuration("llama-2-7b").cautions == [
        "not in the file, and taken as transformers takes them for model type llama: rope_theta 10000.0"
      ])
    #expect(
      try configuration("gemma-3-4b-it").cautions == [
        "not in the file, and taken as transformers takes them for model type gemma3_text: num_attention_heads 8, num_key_value_heads 4, head_dim 256, rope_theta 1000000.0, rope_local_base_freq 10000.0, query_pre_attn_scalar 256, max_position_embeddings 131072"
      ])
    #expect(try configuration("llama-3.1-8b").cautions.isEmpty)
  }

  @Test func whatIsOpenSaysWhyAndHowToMendIt() throws {
    let gemma = try configuration("gemma-3-27b-it")
    #expect(
      gemma.open.map(\.name) == [.scale] && gemma.reason(open: .scale)!.contains("168^(-1/2)"))
    #expect(try configuration("deepseek-v3").reason(open: .scale)!.contains("192^(-1/2)"))
    // Cohere's default base changed between versions of transformers, so there is none here.
    let cohere = try configuration(
      text: #"{"model_type": "cohere", "hidden_size": 64, "num_attention_heads": 4}"#)
    #expect(cohere.open.map(\.name) == [.base])
    #expect(cohere.layerTypes[0].base == nil && cohere.layerTypes[0].rotarySize == 16)
  }

  @Test(arguments: ["10000", "10000.0", "1e4", "1E+4", "0.1e5", "10000.00000000000000000001"])
  func basesStayAsTheFileWritesThem(_ base: String) throws {
    let model = try configuration(text: #"{"model_type": "llama", "rope_theta": \#(base)}"#)
    #expect(model.layerTypes[0].base == (try NumberLiteral(base)))
  }

  @Test func unknownModelTypesLeaveTheLayoutOpen() throws {
    let model = try configuration(
      text: #"""
        {"model_type": "neverheard", "hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2,
         "rope_theta": 10000.0, "sliding_window": 512}
        """#)
    #expect(
      summary(model)
        == "4/2 ? scale 1/sqrt(d) cap - positions ? | all d 16 r 16 base 10000.0 default window -")
    #expect(model.reason(open: .layout) == "model type 'neverheard' is not known")
    #expect(model.cautions.contains { $0.contains("sliding_window 512 is not applied") })
    let nameless = try configuration(text: #"{"rope_theta": 10000.0, "rotary_dim": 8}"#)
    #expect(nameless.open.map(\.name) == [.layout, .rotarySize])
  }

  @Test func llamasPartialRotaryFactorIsOpenWithoutAScaling() throws {
    let sizes = #""model_type": "llama", "hidden_size": 64, "num_attention_heads": 4, "rope_theta": 10000"#
    let plain = try configuration(text: "{\(sizes), \"partial_rotary_factor\": 0.5}")
    #expect(plain.open.map(\.name) == [.rotarySize] && plain.layerTypes[0].rotarySize == nil)
    let scaled = try configuration(
      text:
        #"{\#(sizes), "rope_parameters": {"rope_type": "linear", "factor": 2, "partial_rotary_factor": 0.5}}"#
    )
    #expect(scaled.layerTypes[0].rotarySize == 8)
    #expect(
      try configuration(text: "{\(sizes), \"partial_rotary_factor\": 1.0}").layerTypes[0].rotarySize == 16)
  }

  /// Python computes int(100·0.29) = 28 in binary64, where the product is 28.999…; 100·29/100 would be 29.
  @Test func rotarySizesAreTheBinary64ProductRoundedDown() throws {
    let text =
      #"{"model_type": "phi", "hidden_size": 200, "num_attention_heads": 2, "rope_theta": 1e4, "partial_rotary_factor": 0.29}"#
    #expect(try configuration(text: text).layerTypes[0].rotarySize == 28)
  }

  @Test func lengthsAndFactorsThatTheFileLeavesOutAreSaid() throws {
    let start = #""model_type": "llama", "hidden_size": 64, "num_attention_heads": 4, "rope_theta": 1e4"#
    // The original length is max_position_embeddings, which is said.
    let short = try configuration(
      text: #"{\#(start), "max_position_embeddings": 4096, "rope_scaling": {"type": "yarn", "factor": 4}}"#)
    #expect(short.layerTypes[0].scaling?.spelling == "yarn:factor=4,original=4096")
    #expect(short.cautions.contains { $0.contains("max_position_embeddings 4096 is taken") })
    // The factor is the ratio: 12288/8192 is a fraction, exactly.
    let ratio = try configuration(
      text: #"""
        {\#(start), "max_position_embeddings": 12288,
         "rope_scaling": {"type": "yarn", "factor": null, "original_max_position_embeddings": 8192,
                          "mscale": 0, "finetuned": true, "truncate": false}}
        """#)
    #expect(ratio.layerTypes[0].scaling?.spelling == "yarn:factor=12288/8192,original=8192,truncate=false")
    // Both, and they differ.
    let both = try configuration(
      text: #"""
        {\#(start), "max_position_embeddings": 65536, "original_max_position_embeddings": 8192,
         "rope_scaling": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 4096}}
        """#)
    #expect(both.layerTypes[0].scaling?.spelling == "yarn:factor=4.0,original=8192")
    #expect(both.cautions.count == 2, "\(both.cautions)")
  }

  @Test func proportionalScalingTakesItsFraction() throws {
    let model = try configuration(
      text: #"""
        {"model_type": "llama", "hidden_size": 64, "num_attention_heads": 4,
         "rope_parameters": {"rope_type": "proportional", "rope_theta": 1e6, "partial_rotary_factor": 0.25}}
        """#)
    #expect(model.layerTypes[0].scaling?.spelling == "proportional:fraction=0.25")
    #expect(model.layerTypes[0].rotarySize == 16)
  }
}
