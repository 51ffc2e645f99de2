// The recipes that have a name. Each is one JSON file in Recipes/, compiled into the library.

import FloatingPointFormats
import Foundation

/// The named recipes.
public enum RecipeRegistry {
  /// The files, in the order in which recipes are listed. A recipe is added by its file and a line here and in Package.swift.
  private static let files: [(name: String, bytes: [UInt8])] = [
    ("fp32", PackageResources.fp32_json),
    ("hf-bf16", PackageResources.hf_bf16_json),
    ("hf-fp16", PackageResources.hf_fp16_json),
    ("fa2-bf16", PackageResources.fa2_bf16_json),
    ("fa2-fp16", PackageResources.fa2_fp16_json),
    ("rope32-bf16", PackageResources.rope32_bf16_json),
    ("rope32-fp16", PackageResources.rope32_fp16_json),
    ("table-bf16", PackageResources.table_bf16_json),
    ("table-fp16", PackageResources.table_fp16_json),
  ]

  /// The names, in the order in which they are listed.
  public static let names = files.map(\.name)

  /// All named recipes.
  public static let all: [Recipe] = names.map { try! named($0) }

  /// The short names of composed recipes: a rotary half with the attention half that goes with it, as NAME-TYPE.
  public static let shortNames: [String] = RecipePart.rotary.flatMap(\.shortNames)

  /// The recipe of a name: a named one, ROTARY/ATTENTION/TYPE, or a short name ROTARY-TYPE.
  ///
  /// - Throws: ``RecipeError``.
  public static func named(_ name: String) throws -> Recipe {
    if let file = files.first(where: { $0.name == name }) {
      return try Recipe(json: Data(file.bytes), origin: name)
    }
    let parts = name.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    if parts.count == 2, let part = RecipePart.rotary.first(where: { $0.name == parts[0] }) {
      throw RecipeError.incomplete(part: name, examples: part.types.map { "\(name)/\($0)" })
    }
    if parts.count == 3 { return try composed(rotary: parts[0], attention: parts[1], type: parts[2]) }
    if let part = RecipePart.rotary.first(where: {
      name.hasPrefix($0.name + "-") && isType(name.dropFirst($0.name.count + 1))
    }) {
      var recipe = try composed(
        rotary: part.name, attention: part.attention!, type: String(name.dropFirst(part.name.count + 1)))
      recipe.name = name
      return recipe
    }
    if let part = RecipePart.rotary.first(where: { $0.name == name }) {
      if let refusal = part.refusal { throw RecipeError.refused(part: name, reason: refusal) }
      throw RecipeError.incomplete(part: name, examples: part.shortNames)
    }
    throw RecipeError.unknownName(name, suggestion: nearestName(to: name, among: names + shortNames))
  }

  private static func isType(_ name: Substring) -> Bool {
    (try? FloatingPointFormat(spelling: String(name))) != nil
  }

  /// The recipe of two halves by name; without an attention half, the one that goes with the rotary half.
  ///
  /// - Throws: ``RecipeError``.
  public static func composed(rotary: String, attention: String?, type: String) throws -> Recipe {
    let rotary = try RecipePart.named(rotary, .rotary)
    return try Recipe(
      rotary: rotary, attention: RecipePart.named(attention ?? rotary.attention!, .attention), type: type)
  }

  /// The JSON text of a named recipe, as it stands in its file.
  public static func json(ofRecipe name: String) -> String? {
    files.first { $0.name == name }.map { String(decoding: $0.bytes, as: UTF8.self) }
  }

  /// A recipe by name, or from a file where the argument ends in `.json` or names an existing file.
  ///
  /// - Throws: ``RecipeError``.
  public static func recipe(nameOrPath: String) throws -> Recipe {
    let isComposed = nameOrPath.split(separator: "/").first.map { first in
      RecipePart.rotary.contains { $0.name == first }
    }
    if names.contains(nameOrPath) || isComposed == true && !nameOrPath.hasSuffix(".json") {
      return try named(nameOrPath)
    }
    let isFile = FileManager.default.fileExists(atPath: nameOrPath)
    guard isFile || nameOrPath.hasSuffix(".json") else { return try named(nameOrPath) }
    guard let data = FileManager.default.contents(atPath: nameOrPath) else {
      throw RecipeError.malformed(
        recipe: nameOrPath, reason: "the file cannot be read; check the path and that it is a plain file")
    }
    let recipe: Recipe
    do {
      recipe = try Recipe(json: data, origin: nameOrPath)
    } catch RecipeError.unknownKey(_, let key, _) where RecipePart.keysOfItsOwn.contains(key) {
      throw RecipeError.malformed(
        recipe: nameOrPath,
        reason:
          "'\(key)' makes it a half of a recipe; a recipe's file has every stage and no '\(key)'. Named halves compose with --rotary, --attention and --type"
      )
    }
    // A table that says fp32 must mean the recipe that everybody knows by that name.
    if let known = try? named(recipe.name), !recipe.hasArithmetic(of: known) {
      throw RecipeError.invalidValue(
        recipe: nameOrPath, field: "name", value: "'\(recipe.name)'",
        expected: "a name of your own, because a named recipe of other arithmetic has this one")
    }
    return recipe
  }
}

extension Recipe {
  /// Whether two recipes are the same but for what is said of them.
  fileprivate func hasArithmetic(of other: Recipe) -> Bool {
    var copy = self
    (copy.summary, copy.source) = (other.summary, other.source)
    return copy == other
  }
}
