// `--recipe`, by name or from a file.

import ArgumentParser
import RoPEDrift

/// `--recipe NAME|FILE`, repeatable.
public struct RecipeOptions: ParsableArguments {
  /// As typed.
  @Option(
    name: .customLong("recipe"),
    help: ArgumentHelp(
      "A recipe by name ('ropedrift recipes' lists them) or your own .json file; repeatable.",
      valueName: "name|file"))
  public var names: [String] = []

  /// For the parser.
  public init() {}

  /// The recipes in the order typed, each once.
  ///
  /// - Throws: ``RecipeError``; ``CommandFailure`` where two different recipes have one name.
  public func resolve(default recipes: [Recipe] = []) throws -> [Recipe] {
    var chosen: [Recipe] = []
    for name in names {
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
