// swift-tools-version: 6.1
import PackageDescription

/// The recipes of Sources/EmulatedEngine/Recipes, as RecipeRegistry lists them.
let recipeFiles = [
  "fp32", "hf-bf16", "hf-fp16", "fa2-bf16", "fa2-fp16", "rope32-bf16", "rope32-fp16", "table-bf16",
  "table-fp16",
]

/// The halves of recipes of Sources/EmulatedEngine/Recipes/Rotary, as RecipePart+Registry lists them.
let rotaryPartFiles = [
  "hf-llama", "hf-llama-tf32", "hf-llama-tf32-nearest-even", "hf-llama-tf32-nearest-away",
  "hf-llama-2023", "hf-llama-2023-cast", "hf-model-to", "anchorcontext", "anchorcontext-paper",
  "neox-1003", "meta-llama", "meta-llama-cpu", "vllm", "vllm-fp32-cache", "vllm-per-operation",
  "flash-attn-rotary", "flash-attn-rotary-fp32-table", "flashinfer", "flashinfer-cached",
  "ggml-cpu", "ggml-cpu-unfused", "ggml-cuda", "ggml-cuda-precise", "ggml-metal",
  "ggml-metal-precise", "candle-qwen2", "sglang-jax-1472", "sglang-jax", "gemma-jax", "maxtext",
  "transformer-engine", "megatron-unfused", "mlx-metal", "mlx-cuda", "mlx-fallback", "torchtune",
  "modded-nanogpt",
]

/// The halves of recipes of Sources/EmulatedEngine/Recipes/Attention, as RecipePart+Registry lists them.
let attentionPartFiles = [
  "hf-eager", "hf-eager-2023", "meta", "torch-cpu", "torch-cpu-fp32", "hf-eager-v100", "hf-eager-a100",
  "hf-eager-h100", "megatron", "sdpa-math", "sdpa-flash", "flex", "flex-tf32", "flash-attn-2",
  "flash-attn-3", "flashinfer", "flashinfer-half", "ggml-fa-cpu", "ggml-fa-cpu-tiled", "gemma-jax",
  "mlx-sdpa-fallback", "candle", "fused",
]

/// The models of Sources/RotaryAttention/Models/Named, as ModelRegistry lists them.
let modelFiles = [
  "llama-2-7b", "llama-3-8b", "llama-3.1-8b", "mistral-7b-v0.3", "qwen-1.5-1.8b", "qwen2.5-7b",
  "qwen2.5-7b-instruct", "qwen3-8b", "qwen3-8b-base", "gemma-2-9b", "gemma-3-4b", "phi-4-mini",
  "smollm2-135m", "gpt-neox-20b", "gpt-j-6b", "deepseek-v3",
]

/// The cases of Sources/PublishedCases/Cases, as CaseRegistry lists them.
let caseFiles = [
  "gpt-neox-1003", "lightning-thunder-1889", "batch-invariant-ops-24", "transformers-48428",
  "candle-3520", "transformers-25681", "keras-hub-1494", "litgpt-1031", "tensorrt-llm-18774",
  "stable-audio-3-81", "imp-1316", "sglang-jax-1473", "pytorch-122260", "pytorch-121558",
  "modalities-462", "megatron-deepspeed-206", "diffusers-13920", "pytorch-137774",
  "megatron-lm-535", "tiny-vllm-1", "executorch-19235", "vllm-28244", "keras-hub-2981",
  "vllm-46280", "mlx-lm-1507", "unsloth-gemma", "pytorch-34758", "pytorch-1681", "cactus-688",
  "mlx-lm-1076", "pie-536", "transformers-28685", "tpu-inference-3580", "yarn-53",
  "torch-mojo-backend-398", "mlxcel-1049", "wang2024-figure-1", "sinkcast-five-keys",
]

// The targets stand in layers; an arrow in ARCHITECTURE.md points down only, and so does every
// dependency here.
let package = Package(
  name: "RoPEDrift",
  platforms: [.macOS(.v15)],
  products: [
    .library(name: "RoPEDrift", targets: ["RoPEDrift"]),
    .executable(name: "ropedrift", targets: ["RoPEDriftCommandLine"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    // For `make api-documentation` alone; no target uses it.
    .package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"),
  ],
  targets: [
    // Formats, roundings and encodings. No dependencies.
    .target(name: "FloatingPointFormats"),
    .testTarget(name: "FloatingPointFormatsTests", dependencies: ["FloatingPointFormats", "TestSupport"]),

    // What tests share: seeded sweeps and a second, independent description of the formats.
    .target(name: "TestSupport", dependencies: ["FloatingPointFormats"], path: "Tests/TestSupport"),

    // JSON from files of unknown origin: no silence about duplicate keys, no lost integers.
    .target(name: "StrictJSON"),

    // Tensors in and out: safetensors, NPY, seeded generators, the shipped sample.
    .target(
      name: "TensorIO", dependencies: ["FloatingPointFormats", "StrictJSON"],
      resources: [
        .copy("Resources/smollm2-135m-layers-7-22.safetensors"), .copy("Resources/ORIGIN.md"),
      ]),
    .testTarget(name: "TensorIOTests", dependencies: ["TensorIO", "FloatingPointFormats"]),
    // Metrics of drift and of error against the reference, accumulated tile by tile.
    .target(
      name: "DriftAnalysis",
      dependencies: [
        "ArbitraryPrecision", "EmulatedEngine", "FloatingPointFormats", "ReferenceEngine", "RotaryAttention",
        "RoundingKernels", "TensorIO",
      ],
      // squareRoot() may become a call of sqrt, and nothing here imports the C library.
      linkerSettings: [.linkedLibrary("m", .when(platforms: [.linux]))]),
    .testTarget(
      name: "DriftAnalysisTests",
      dependencies: [
        "DriftAnalysis", "EmulatedEngine", "FloatingPointFormats", "ReferenceEngine", "RotaryAttention",
        "RoundingKernels", "TensorIO", "TestSupport",
      ]),

    // GNU MPFR and GMP, with the small shim that Swift needs for macros and variadic functions.
    .systemLibrary(
      name: "CMPFR",
      pkgConfig: "mpfr",
      providers: [.apt(["libmpfr-dev", "libgmp-dev"]), .brew(["mpfr", "gmp"])]
    ),
    .target(name: "ArbitraryPrecision", dependencies: ["CMPFR", "FloatingPointFormats"]),
    .testTarget(
      name: "ArbitraryPrecisionTests",
      dependencies: ["ArbitraryPrecision", "CMPFR", "FloatingPointFormats", "TestSupport"]),

    // Inner loops in C: function attributes, no flags, chosen at run time.
    .target(name: "RoundingKernels"),
    .testTarget(
      name: "RoundingKernelsTests",
      dependencies: ["RoundingKernels", "ArbitraryPrecision", "CMPFR", "FloatingPointFormats", "TestSupport"]),

    // The certified reference.
    .target(
      name: "ReferenceEngine",
      dependencies: [
        "ArbitraryPrecision", "CMPFR", "FloatingPointFormats", "RotaryAttention", "RoundingKernels",
      ]),
    .testTarget(
      name: "ReferenceEngineTests",
      dependencies: [
        "ReferenceEngine", "ArbitraryPrecision", "CMPFR", "FloatingPointFormats", "RotaryAttention",
        "TensorIO", "TestSupport",
      ]),

    // Recipes and their stages. Every recipe is one file, compiled into the library.
    .target(
      name: "EmulatedEngine",
      dependencies: [
        "ArbitraryPrecision", "CMPFR", "FloatingPointFormats", "ReferenceEngine", "RotaryAttention",
        "RoundingKernels", "StrictJSON",
      ],
      resources: recipeFiles.map { .embedInCode("Recipes/\($0).json") }
        + rotaryPartFiles.map { .embedInCode("Recipes/Rotary/\($0).rotary.json") }
        + attentionPartFiles.map { .embedInCode("Recipes/Attention/\($0).attention.json") }),
    .testTarget(
      name: "EmulatedEngineTests",
      dependencies: [
        "EmulatedEngine", "ArbitraryPrecision", "FloatingPointFormats", "ReferenceEngine", "RotaryAttention",
        "RoundingKernels", "TestSupport",
      ]),

    // The problem: embedding, shape, mask, positions, models. No arithmetic.
    .target(
      name: "RotaryAttention", dependencies: ["FloatingPointFormats", "StrictJSON"],
      resources: modelFiles.map { .embedInCode("Models/Named/\($0).json") }),
    .testTarget(
      name: "RotaryAttentionTests", dependencies: ["RotaryAttention", "FloatingPointFormats"],
      resources: [.copy("Configurations")]),

    // Tables, JSON and whole-or-nothing folders on disk; text for the terminal.
    .target(
      name: "DriftReporting",
      dependencies: [
        "ArbitraryPrecision", "DriftAnalysis", "EmulatedEngine", "FloatingPointFormats", "ReferenceEngine",
        "RotaryAttention", "StrictJSON", "TensorIO",
      ]),
    .testTarget(name: "DriftReportingTests", dependencies: ["DriftReporting", "DriftAnalysis"]),

    // Verdicts: a recipe held to a budget, and another implementation's tensors held to the exact reference and to a recipe.
    .target(
      name: "DriftChecks",
      dependencies: [
        "ArbitraryPrecision", "DriftAnalysis", "DriftReporting", "EmulatedEngine", "FloatingPointFormats",
        "ReferenceEngine", "RotaryAttention", "StrictJSON", "TensorIO",
      ]),
    .testTarget(
      name: "DriftChecksTests",
      dependencies: [
        "DriftChecks", "ArbitraryPrecision", "DriftAnalysis", "DriftReporting", "EmulatedEngine",
        "FloatingPointFormats", "ReferenceEngine", "RotaryAttention", "TensorIO",
      ]),

    // Published cases as data, run and judged.
    .target(
      name: "PublishedCases",
      dependencies: [
        "ArbitraryPrecision", "CMPFR", "DriftAnalysis", "EmulatedEngine", "FloatingPointFormats",
        "ReferenceEngine", "RotaryAttention", "StrictJSON", "TensorIO",
      ],
      resources: caseFiles.map { .embedInCode("Cases/\($0).json") }),
    .testTarget(
      name: "PublishedCasesTests",
      dependencies: [
        "PublishedCases", "ArbitraryPrecision", "EmulatedEngine", "FloatingPointFormats", "ReferenceEngine",
        "RotaryAttention",
      ]),

    // What a user of the library imports: everything above, and nothing of the command line.
    .target(
      name: "RoPEDrift",
      dependencies: [
        "FloatingPointFormats", "ArbitraryPrecision", "RotaryAttention", "ReferenceEngine", "EmulatedEngine",
        "TensorIO", "DriftAnalysis", "DriftReporting", "DriftChecks", "PublishedCases",
      ]),

    // The commands, which tests run in process, and the executable around them. The executable's target is
    // not called ropedrift: beside RoPEDrift that would be one name on a disk that folds case.
    .target(
      name: "RoPEDriftCommands",
      dependencies: [
        "RoPEDrift", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    .testTarget(
      name: "RoPEDriftCommandsTests", dependencies: ["RoPEDriftCommands", "RoPEDrift"]),
    .executableTarget(name: "RoPEDriftCommandLine", dependencies: ["RoPEDriftCommands"]),
  ],
  swiftLanguageModes: [.v6]
)
