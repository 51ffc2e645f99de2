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
    .testTarget(name: "FloatingPointFormatsTests", dependencies: ["FloatingPointFormats"]),

    // Metrics of drift and of error against the reference, accumulated tile by tile.
    .target(
      name: "DriftAnalysis", dependencies: ["FloatingPointFormats"],
      // squareRoot() may become a call of sqrt, and nothing here imports the C library.
      linkerSettings: [.linkedLibrary("m", .when(platforms: [.linux]))]),
    .testTarget(name: "DriftAnalysisTests", dependencies: ["DriftAnalysis", "FloatingPointFormats"]),

    // GNU MPFR and GMP, with the small shim that Swift needs for macros and variadic functions.
    .systemLibrary(
      name: "CMPFR",
      pkgConfig: "mpfr",
      providers: [.apt(["libmpfr-dev", "libgmp-dev"]), .brew(["mpfr", "gmp"])]
    ),
  ],
  swiftLanguageModes: [.v6]
)
