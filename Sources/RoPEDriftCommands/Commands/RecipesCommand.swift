// `ropedrift recipes`: what the named recipes are, and what a recipe does stage by stage.

import ArgumentParser
import RoPEDrift

/// Lists the recipes, or shows one.
struct RecipesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "recipes",
    abstract: "List the recipes, or show one stage by stage.",
    discussion: """
      The JSON of a recipe is what --recipe reads: change it into your own.

      Examples:
        ropedrift recipes
        ropedrift recipes hf-bf16 --json > mine.json
      """)

  @Argument(help: ArgumentHelp("One recipe; all named ones if left out.", valueName: "name|file"))
  var recipe: String?
  @OptionGroup var output: JSONOption

  func run() throws {
    let console = Console.current
    guard let name = recipe else {
      if output.json {
        try console.print(json: .array(RecipeRegistry.all.map(\.jsonValue)))
        return
      }
      var table = AlignedTextTable(header: ["recipe", "summary"])
      for recipe in RecipeRegistry.all { table.append([.string(recipe.name), .string(recipe.summary)]) }
      try console.write(table.text)
      return
    }
    let recipe = try RecipeRegistry.recipe(nameOrPath: name)
    if output.json {
      try console.print(json: recipe.jsonValue)
      return
    }
    try console.print("\(recipe.name): \(recipe.summary)")
    try console.print("source: \(recipe.source)")
    var table = AlignedTextTable(header: ["stage", "format and rounding; algorithm"])
    for (stage, words) in recipe.stagesInWords { table.append([.string(stage), .string(words)]) }
    try console.write(table.text)
  }
}
