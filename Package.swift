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

    // Tensors in and out: safetensors, NPY, seeded generators, the shipped sample.
    .target(
      name: "TensorIO", dependencies: ["FloatingPointFormats"],
      resources: [
        .copy("Resources/smollm2-135m-layers-7-22.safetensors"), .copy("Resources/ORIGIN.md"),
      ]),
    .testTarget(name: "TensorIOTests", dependencies: ["TensorIO", "FloatingPointFormats"]),

    // GNU MPFR and GMP, with the small shim that Swift needs for macros and variadic functions.
    .systemLibrary(
      name: "CMPFR",
      pkgConfig: "mpfr",
      providers: [.apt(["libmpfr-dev", "libgmp-dev"]), .brew(["mpfr", "gmp"])]
    ),
  ],
  swiftLanguageModes: [.v6]
)
