// swift-tools-version: 6.1
import PackageDescription

// A package of its own, so that who uses RoPEDrift never needs OpenBLAS.
let package = Package(
  name: "RoPEDriftBenchmarks",
  platforms: [.macOS(.v15)],
  dependencies: [
    .package(name: "RoPEDrift", path: ".."),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
  ],
  targets: [
    // OpenBLAS: the yardstick of matrix products. For benchmarks only.
    .systemLibrary(
      name: "COpenBLAS", pkgConfig: "openblas",
      providers: [.apt(["libopenblas-dev"]), .brew(["openblas"])]),

    // Interleaved timing, statistics, tables. Knows nothing of RoPEDrift.
    .target(name: "BenchmarkHarness"),
    .testTarget(name: "BenchmarkHarnessTests", dependencies: ["BenchmarkHarness"]),

    // The rows: what is timed against what.
    .executableTarget(
      name: "benchmarks",
      dependencies: [
        "BenchmarkHarness", "COpenBLAS", .product(name: "RoPEDrift", package: "RoPEDrift"),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "Sources/RoPEDriftBenchmarks", resources: [.copy("Python/yardsticks.py")]),
  ],
  swiftLanguageModes: [.v6]
)
