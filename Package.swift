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

    // GNU MPFR and GMP, with the small shim that Swift needs for macros and variadic functions.
    .systemLibrary(
      name: "CMPFR",
      pkgConfig: "mpfr",
      providers: [.apt(["libmpfr-dev", "libgmp-dev"]), .brew(["mpfr", "gmp"])]
    ),

    // Tables, JSON and whole-or-nothing folders on disk; text for the terminal.
    .target(name: "DriftReporting"),
    .testTarget(name: "DriftReportingTests", dependencies: ["DriftReporting"]),
  ],
  swiftLanguageModes: [.v6]
)
