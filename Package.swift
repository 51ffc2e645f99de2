// swift-tools-version: 6.1
import PackageDescription

/// The recipes of Sources/EmulatedEngine/Recipes, as RecipeRegistry lists them.
let recipeFiles = [
  "fp32", "hf-bf16", "hf-fp16", "fa2-bf16", "fa2-fp16", "rope32-bf16", "rope32-fp16", "table-bf16",
  "table-fp16",
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
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
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
        "EmulatedEngine", "FloatingPointFormats", "ReferenceEngine", "RotaryAttention", "TensorIO",
      ],
      // squareRoot() may become a call of sqrt, and nothing here imports the C library.
      linkerSettings: [.linkedLibrary("m", .when(platforms: [.linux]))]),
    .testTarget(
      name: "DriftAnalysisTests",
      dependencies: [
        "DriftAnalysis", "EmulatedEngine", "FloatingPointFormats", "ReferenceEngine", "RotaryAttention",
        "TensorIO", "TestSupport",
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

    // The certified reference.
    .target(
      name: "ReferenceEngine",
      dependencies: ["ArbitraryPrecision", "CMPFR", "FloatingPointFormats", "RotaryAttention"]),
    .testTarget(
      name: "ReferenceEngineTests",
      dependencies: [
        "ReferenceEngine", "ArbitraryPrecision", "CMPFR", "FloatingPointFormats", "RotaryAttention",
      ]),

    // Recipes and their stages. Every recipe is one file, compiled into the library.
    .target(
      name: "EmulatedEngine",
      dependencies: [
        "ArbitraryPrecision", "CMPFR", "FloatingPointFormats", "ReferenceEngine", "RotaryAttention",
        "StrictJSON",
      ],
      resources: recipeFiles.map { .embedInCode("Recipes/\($0).json") }),
    .testTarget(
      name: "EmulatedEngineTests",
      dependencies: [
        "EmulatedEngine", "ArbitraryPrecision", "FloatingPointFormats", "ReferenceEngine", "RotaryAttention",
        "TestSupport",
      ]),

    // The problem: embedding, shape, mask, positions. No arithmetic.
    .target(name: "RotaryAttention", dependencies: ["FloatingPointFormats"]),
    .testTarget(name: "RotaryAttentionTests", dependencies: ["RotaryAttention", "FloatingPointFormats"]),

    // Tables, JSON and whole-or-nothing folders on disk; text for the terminal.
    .target(
      name: "DriftReporting",
      dependencies: [
        "ArbitraryPrecision", "DriftAnalysis", "EmulatedEngine", "FloatingPointFormats", "ReferenceEngine",
        "RotaryAttention", "StrictJSON", "TensorIO",
      ]),
    .testTarget(name: "DriftReportingTests", dependencies: ["DriftReporting"]),

    // What a user of the library imports: everything above, and nothing of the command line.
    .target(
      name: "RoPEDrift",
      dependencies: [
        "FloatingPointFormats", "ArbitraryPrecision", "RotaryAttention", "ReferenceEngine", "EmulatedEngine",
        "TensorIO", "DriftAnalysis", "DriftReporting",
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
