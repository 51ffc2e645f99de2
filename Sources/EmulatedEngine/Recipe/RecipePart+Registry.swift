// The halves of recipes that have a name. Each is one JSON file in Recipes/Rotary or Recipes/Attention, compiled into the library.

import FloatingPointFormats
import Foundation

extension RecipePart {
  /// The rotary halves, in the order in which they are listed. One is added by its file and a line here and in Package.swift.
  private static let rotaryFiles: [(name: String, bytes: [UInt8])] = [
    ("hf-llama", PackageResources.hf_llama_rotary_json),
    ("hf-llama-tf32", PackageResources.hf_llama_tf32_rotary_json),
    ("hf-llama-tf32-nearest-even", PackageResources.hf_llama_tf32_nearest_even_rotary_json),
    ("hf-llama-tf32-nearest-away", PackageResources.hf_llama_tf32_nearest_away_rotary_json),
    ("hf-llama-2023", PackageResources.hf_llama_2023_rotary_json),
    ("hf-llama-2023-cast", PackageResources.hf_llama_2023_cast_rotary_json),
    ("hf-model-to", PackageResources.hf_model_to_rotary_json),
    ("anchorcontext", PackageResources.anchorcontext_rotary_json),
    ("anchorcontext-paper", PackageResources.anchorcontext_paper_rotary_json),
    ("neox-1003", PackageResources.neox_1003_rotary_json),
    ("meta-llama", PackageResources.meta_llama_rotary_json),
    ("meta-llama-cpu", PackageResources.meta_llama_cpu_rotary_json),
    ("vllm", PackageResources.vllm_rotary_json),
    ("vllm-fp32-cache", PackageResources.vllm_fp32_cache_rotary_json),
    ("vllm-per-operation", PackageResources.vllm_per_operation_rotary_json),
    ("flash-attn-rotary", PackageResources.flash_attn_rotary_rotary_json),
    ("flash-attn-rotary-fp32-table", PackageResources.flash_attn_rotary_fp32_table_rotary_json),
    ("flashinfer", PackageResources.flashinfer_rotary_json),
    ("flashinfer-cached", PackageResources.flashinfer_cached_rotary_json),
    ("ggml-cpu", PackageResources.ggml_cpu_rotary_json),
    ("ggml-cpu-unfused", PackageResources.ggml_cpu_unfused_rotary_json),
    ("ggml-cuda", PackageResources.ggml_cuda_rotary_json),
    ("ggml-cuda-precise", PackageResources.ggml_cuda_precise_rotary_json),
    ("ggml-metal", PackageResources.ggml_metal_rotary_json),
    ("ggml-metal-precise", PackageResources.ggml_metal_precise_rotary_json),
    ("candle-qwen2", PackageResources.candle_qwen2_rotary_json),
    ("sglang-jax-1472", PackageResources.sglang_jax_1472_rotary_json),
    ("sglang-jax", PackageResources.sglang_jax_rotary_json),
    ("gemma-jax", PackageResources.gemma_jax_rotary_json),
    ("maxtext", PackageResources.maxtext_rotary_json),
    ("transformer-engine", PackageResources.transformer_engine_rotary_json),
    ("megatron-unfused", PackageResources.megatron_unfused_rotary_json),
    ("mlx-metal", PackageResources.mlx_metal_rotary_json),
    ("mlx-cuda", PackageResources.mlx_cuda_rotary_json),
    ("mlx-fallback", PackageResources.mlx_fallback_rotary_json),
    ("torchtune", PackageResources.torchtune_rotary_json),
    ("modded-nanogpt", PackageResources.modded_nanogpt_rotary_json),
  ]

  /// The attention halves, likewise.
  private static let attentionFiles: [(name: String, bytes: [UInt8])] = [
    ("hf-eager", PackageResources.hf_eager_attention_json),
    ("hf-eager-2023", PackageResources.hf_eager_2023_attention_json),
    ("meta", PackageResources.meta_attention_json),
    ("torch-cpu", PackageResources.torch_cpu_attention_json),
    ("torch-cpu-fp32", PackageResources.torch_cpu_fp32_attention_json),
    ("hf-eager-v100", PackageResources.hf_eager_v100_attention_json),
    ("hf-eager-a100", PackageResources.hf_eager_a100_attention_json),
    ("hf-eager-h100", PackageResources.hf_eager_h100_attention_json),
    ("megatron", PackageResources.megatron_attention_json),
    ("sdpa-math", PackageResources.sdpa_math_attention_json),
    ("sdpa-flash", PackageResources.sdpa_flash_attention_json),
    ("flex", PackageResources.flex_attention_json),
    ("flex-tf32", PackageResources.flex_tf32_attention_json),
    ("flash-attn-2", PackageResources.flash_attn_2_attention_json),
    ("flash-attn-3", PackageResources.flash_attn_3_attention_json),
    ("flashinfer", PackageResources.flashinfer_attention_json),
    ("flashinfer-half", PackageResources.flashinfer_half_attention_json),
    ("ggml-fa-cpu", PackageResources.ggml_fa_cpu_attention_json),
    ("ggml-fa-cpu-tiled", PackageResources.ggml_fa_cpu_tiled_attention_json),
    ("gemma-jax", PackageResources.gemma_jax_attention_json),
    ("mlx-sdpa-fallback", PackageResources.mlx_sdpa_fallback_attention_json),
    ("candle", PackageResources.candle_attention_json),
    ("fused", PackageResources.fused_attention_json),
  ]

  /// All rotary halves.
  public static let rotary: [RecipePart] = rotaryFiles.map { part(.rotary, $0.name, $0.bytes) }

  /// All attention halves.
  public static let attention: [RecipePart] = attentionFiles.map { part(.attention, $0.name, $0.bytes) }

  private static func part(_ kind: Kind, _ name: String, _ bytes: [UInt8]) -> RecipePart {
    try! RecipePart(kind: kind, json: Data(bytes), origin: name)
  }

  /// All halves of a kind.
  public static func all(_ kind: Kind) -> [RecipePart] { kind == .rotary ? rotary : attention }

  /// The half of a name.
  ///
  /// - Throws: ``RecipeError/unknownPart(kind:_:suggestion:)``.
  public static func named(_ name: String, _ kind: Kind) throws -> RecipePart {
    guard let part = all(kind).first(where: { $0.name == name }) else {
      throw RecipeError.unknownPart(
        kind: "\(kind.rawValue) half", name, suggestion: nearestName(to: name, among: all(kind).map(\.name)))
    }
    return part
  }
}
