// swift-tools-version: 6.1
import PackageDescription

// The targets stand in layers; an arrow in ARCHITECTURE.md points down only, and so does every
// dependency here.
let package = Package(
  name: "RoPEDrift",
  platforms: [.macOS(.v15)],
  products: [],
  targets: [
    // Formats, roundings and encodings. No dependencies.
    .target(name: "FloatingPointFormats"),
    .testTarget(name: "FloatingPointFormatsTests", dependencies: ["FloatingPointFormats", "TestSupport"]),

    // What tests share: seeded sweeps and a second, independent description of the formats.
    .target(name: "TestSupport", dependencies: ["FloatingPointFormats"], path: "Tests/TestSupport"),

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

    // The problem: embedding, shape, mask, positions. No arithmetic.
    .target(name: "RotaryAttention", dependencies: ["FloatingPointFormats"]),
    .testTarget(name: "RotaryAttentionTests", dependencies: ["RotaryAttention", "FloatingPointFormats"]),
  ],
  swiftLanguageModes: [.v6]
)
