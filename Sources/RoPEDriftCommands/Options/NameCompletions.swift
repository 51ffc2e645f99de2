// What a shell offers after Tab where a value is a name of a registry: made when it is asked for, so that it cannot lag behind.

import ArgumentParser
import Foundation
import RoPEDrift

extension CompletionKind {
  /// Recipes: named ones, short names of halves, the user's `.json` files.
  static let recipes = registry(files: true) { RecipeRegistry.names + RecipeRegistry.shortNames }
  /// Rotary halves that are not refused.
  static let rotaryHalves = registry { names(of: .rotary) }
  /// Attention halves that are not refused.
  static let attentionHalves = registry { names(of: .attention) }
  /// What `recipes` shows: recipes and halves.
  static let recipesAndHalves = registry(files: true) {
    RecipeRegistry.names + names(of: .rotary) + names(of: .attention)
  }
  /// Model types of halves.
  static let modelTypes = registry { ["bf16", "fp16", "fp32"] }
  /// Models: named ones and `config.json` files.
  static let models = registry(files: true) { ModelRegistry.names }
  /// Number formats.
  static let formats = registry { FloatingPointFormat.named.map(\.name) }
  /// Roundings.
  static let roundings = registry { Rounding.names }
  /// Pairings of channels.
  static let layouts = registry { RotaryLayout.allCases.map(\.rawValue) }
  /// Rules of frequency scalings, up to the colon.
  static let scalings = registry {
    RotaryScaling.rules.map { $0.keys.isEmpty ? $0.name : $0.name + ":" }
  }
  /// Published cases and the user's `.json` files.
  static let cases = registry(files: true) { CaseRegistry.names }
  /// Inputs that are files.
  static let inputs = file(extensions: ["safetensors"])

  private static func names(of kind: RecipePart.Kind) -> [String] {
    RecipePart.all(kind).filter { $0.refusal == nil }.map(\.name)
  }

  private static func registry(files: Bool = false, _ names: @escaping @Sendable () -> [String])
    -> CompletionKind
  {
    .custom { _, _, prefix in
      let known = names().filter { $0.hasPrefix(prefix) }
      return files ? known + jsonFiles(prefix) : known
    }
  }

  /// Folders and `.json` files whose path begins as typed.
  private static func jsonFiles(_ prefix: String) -> [String] {
    let cut = prefix.lastIndex(of: "/").map { prefix.index(after: $0) } ?? prefix.startIndex
    let folder = String(prefix[..<cut])
    let entries = (try? FileManager.default.contentsOfDirectory(atPath: folder.isEmpty ? "." : folder)) ?? []
    return entries.sorted().compactMap { name in
      guard name.hasPrefix(prefix[cut...]), !name.hasPrefix(".") || cut < prefix.endIndex else { return nil }
      var isFolder: ObjCBool = false
      let exists = FileManager.default.fileExists(atPath: folder + name, isDirectory: &isFolder)
      return exists && isFolder.boolValue
        ? folder + name + "/" : name.hasSuffix(".json") ? folder + name : nil
    }
  }
}
