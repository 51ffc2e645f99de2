// `--recipe`, by name or from a file, and `--rotary`, `--attention`, `--type`, which compose one.

import ArgumentParser
import RoPEDrift

/// `--recipe NAME|FILE`, repeatable, and a recipe composed of halves.
public struct RecipeOptions: ParsableArguments {
  /// As typed.
  @Option(
    name: .customLong("recipe"),
    help: ArgumentHelp(
      "A recipe by name ('ropedrift recipes' lists them), ROTARY/ATTENTION/TYPE, or your own .json file; repeatable.",
      valueName: "name|file"), completion: .recipes)
  public var names: [String] = []
  /// The halves of one more recipe.
  @OptionGroup public var parts: RecipePartOptions

  /// For the parser.
  public init() {}

  /// Names of all recipes, a composed one by its full name, in the order typed.
  ///
  /// - Throws: ``CommandFailure`` where the halves are not complete.
  public func spellings() throws -> [String] { try names + [parts.composedName()].compactMap { $0 } }

  /// The recipes in the order typed, each once.
  ///
  /// - Throws: ``RecipeError``; ``CommandFailure`` where two different recipes have one name.
  public func resolve(default recipes: [Recipe] = []) throws -> [Recipe] {
    var chosen: [Recipe] = []
    for name in try spellings() {
      let recipe = try RecipeRegistry.recipe(nameOrPath: name)
      if let same = chosen.first(where: { $0.name == recipe.name }) {
        guard same == recipe else {
          throw CommandFailure(
            .wrongUsage,
            "two different recipes are named '\(recipe.name)'; change \"name\" in \(name), so that results can be told apart"
          )
        }
        continue
      }
      chosen.append(recipe)
    }
    return chosen.isEmpty ? recipes : chosen
  }
}

/// `--rotary`, `--attention`, `--type`.
public struct RecipePartOptions: ParsableArguments {
  /// The rotary half.
  @Option(
    help: ArgumentHelp("The rotary half of a composed recipe, as in 'ropedrift recipes'.", valueName: "name"),
    completion: .rotaryHalves)
  public var rotary: String?
  /// The attention half.
  @Option(
    help: ArgumentHelp(
      "The attention half of a composed recipe; left out, the one that goes with the rotary half.",
      valueName: "name"), completion: .attentionHalves)
  public var attention: String?
  /// The model type.
  @Option(
    help: ArgumentHelp("The model type of a composed recipe.", valueName: "bf16|fp16|fp32"),
    completion: .modelTypes)
  public var type: String?

  /// For the parser.
  public init() {}

  /// ROTARY/ATTENTION/TYPE; nil where none of the three is there.
  ///
  /// - Throws: ``RecipeError``; ``CommandFailure`` where the rotary half or the type is missing.
  public func composedName() throws -> String? {
    guard rotary != nil || attention != nil || type != nil else { return nil }
    guard let rotary else {
      throw CommandFailure(
        .wrongUsage,
        "--attention and --type compose a recipe with --rotary; 'ropedrift recipes' lists the halves")
    }
    let half = try RecipePart.named(rotary, .rotary)
    if let refusal = half.refusal { throw RecipeError.refused(part: rotary, reason: refusal) }
    guard let type else {
      throw CommandFailure(
        .wrongUsage, "--rotary needs --type; \(rotary) runs in \(half.types.joined(separator: ", "))")
    }
    return try Recipe(
      rotary: half, attention: RecipePart.named(attention ?? half.attention!, .attention), type: type
    ).name
  }
}
