// The real sample that ships with the product, so that every command runs without a capture at hand. Its origin and hash are in
// Resources/ORIGIN.md.

import Foundation

/// Finds the sample's file. SwiftPM's own `Bundle.module` ends the process where the resources are missing (an executable
/// copied without them); this search throws an error that says where they belong.
enum ShippedSample {
  static let fileName = "smollm2-135m-layers-7-22.safetensors"
  /// As SwiftPM names it: package, module.
  static let bundleNames = ["RoPEDrift_TensorIO.resources", "RoPEDrift_TensorIO.bundle"]

  private final class Anchor {}

  /// The folders that are searched: beside the executable, in the resources of the bundle that holds this code (an
  /// application, a test bundle) and beside it, and `../share/ropedrift` of an installation.
  static var searchFolders: [URL] {
    let executable = Bundle.main.executableURL?.resolvingSymlinksInPath().deletingLastPathComponent()
    let code = Bundle(for: Anchor.self)
    let candidates = [
      executable, Bundle.main.resourceURL, Bundle.main.bundleURL, code.resourceURL,
      code.bundleURL.deletingLastPathComponent(),
      executable?.deletingLastPathComponent().appendingPathComponent("share/ropedrift"),
    ]
    var folders: [URL] = []
    for folder in candidates.compactMap({ $0?.standardizedFileURL }) where !folders.contains(folder) {
      folders.append(folder)
    }
    return folders
  }

  /// The sample's path.
  ///
  /// - Throws: ``TensorFileError`` of kind missingFile that lists the folders.
  static func path(in folders: [URL]) throws -> String {
    for folder in folders {
      for name in bundleNames {
        let bundle = folder.appendingPathComponent(name)
        for place in [bundle, bundle.appendingPathComponent("Contents/Resources")] {
          let path = place.appendingPathComponent(fileName).path
          if FileManager.default.fileExists(atPath: path) { return path }
        }
      }
    }
    throw TensorFileError(
      .missingFile, file: fileName, expected: "the shipped sample in \(bundleNames[0])",
      found: "none in \(folders.map(\.path).joined(separator: ", "))",
      mend: "copy \(bundleNames[0]) from the build folder beside the executable, or name an input")
  }
}

extension AttentionInput {
  /// What reports call the shipped sample, wherever it is installed.
  public static let shippedSampleName = "shipped-sample"

  /// The sample that ships with the product: layers 7 and 22 of SmolLM2-135M-Instruct over 512 tokens of prose, bfloat16.
  ///
  /// Its ``spelling`` is ``shippedSampleName``, so that no report depends on where the product is installed.
  ///
  /// - Throws: ``TensorFileError`` of kind missingFile where the resources were not installed with the executable.
  public static func shippedSample() throws -> AttentionInput {
    let bytes = try MappedBytes(path: ShippedSample.path(in: ShippedSample.searchFolders))
    return try AttentionInput(SafetensorsFile(bytes, path: shippedSampleName))
  }
}
