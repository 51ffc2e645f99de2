// `ropedrift recipes`: what the named recipes and their halves are, and what a recipe does stage by stage.

import ArgumentParser
import RoPEDrift

/// Lists the recipes and halves, or shows one.
struct RecipesCommand: PrintingCommand {
  static let configuration = CommandConfiguration(
    commandName: "recipes",
    abstract: "List the recipes and the halves that compose them, or show one stage by stage.",
    discussion: """
      A rotary half and an attention half make a recipe in a model type: ROTARY/ATTENTION/TYPE, or ROTARY-TYPE with the \
      attention half that goes with it. The JSON of a recipe is what --recipe reads: change it into your own.

      Examples:
        ropedrift recipes
        ropedrift recipes vllm
        ropedrift recipes --rotary vllm --attention hf-eager --type bf16
        ropedrift recipes hf-bf16 --json > mine.json
      """)

  @Argument(
    help: ArgumentHelp("One recipe or half of one; all if left out.", valueName: "name|file"),
    completion: .recipesAndHalves)
  var recipe: String?
  @OptionGroup var parts: RecipePartOptions
  @OptionGroup var printing: PrintingOptions

  func run() throws {
    let composed = try parts.composedName()
    if let composed, let recipe {
      throw CommandFailure(.wrongUsage, "'\(recipe)' and \(composed) are two recipes; show one at a time")
    }
    guard let name = recipe ?? composed else { return try list() }
    let halves = RecipePart.Kind.allCases.compactMap { try? RecipePart.named(name, $0) }
    if halves.isEmpty || RecipeRegistry.names.contains(name) {
      try show(RecipeRegistry.recipe(nameOrPath: name))
    } else {
      try show(halves)
    }
  }

  private func list() throws {
    let console = Console.current
    if printing.json {
      try console.print(
        json: .object([
          "recipes": .array(RecipeRegistry.all.map(\.jsonValue)),
          "rotary": .array(RecipePart.rotary.map(\.jsonValue)),
          "attention": .array(RecipePart.attention.map(\.jsonValue)),
        ]))
      return
    }
    var table = AlignedTextTable(header: ["recipe", "summary"])
    for recipe in RecipeRegistry.all { table.append([.string(recipe.name), .string(recipe.summary)]) }
    try console.write(table.text)
    for kind in RecipePart.Kind.allCases {
      try console.print("")
      var table = AlignedTextTable(header: ["\(kind.rawValue) half", "types", "summary"])
      for part in RecipePart.all(kind) {
        let types = part.refusal == nil ? part.types.joined(separator: " ") : "not emulated"
        table.append([.string(part.name), .string(types), .string(part.summary)])
      }
      try console.write(table.text)
    }
  }

  private func show(_ recipe: Recipe) throws {
    let console = Console.current
    if printing.json {
      try console.print(json: recipe.jsonValue)
      return
    }
    try console.print("\(recipe.name): \(recipe.summary)")
    try console.print("source: \(recipe.source)")
    var table = AlignedTextTable(header: ["stage", "format and rounding; algorithm"])
    for (stage, words) in recipe.stagesInWords { table.append([.string(stage), .string(words)]) }
    try console.write(table.text)
  }

  /// A half, and the halves of its name that the other kind has.
  private func show(_ halves: [RecipePart]) throws {
    let console = Console.current
    if printing.json {
      try console.print(json: halves.count == 1 ? halves[0].jsonValue : .array(halves.map(\.jsonValue)))
      return
    }
    for (index, part) in halves.enumerated() {
      if index > 0 { try console.print("") }
      try console.print("\(part.name), \(part.kind.rawValue) half: \(part.summary)")
      try console.print("source: \(part.source)")
      if !part.layouts.isEmpty { try console.print("layouts: \(part.layouts.joined(separator: ", "))") }
      if let refusal = part.refusal {
        try console.print("not emulated: \(refusal)")
        continue
      }
      if let attention = part.attention {
        try console.print(
          "recipes: \(part.shortNames.joined(separator: ", ")), with the attention of \(attention)")
      }
      var table = AlignedTextTable(header: ["stage"] + part.types)
      let columns = try part.types.map { try part.stages(in: $0) }
      for (row, entry) in columns[0].enumerated() {
        table.append([.string(entry.stage)] + columns.map { .string($0[row].words) })
      }
      try console.write(table.text)
    }
  }
}

/// The stages of an attention half.
private enum AttentionHalf {
  static let stages = ["dot", "logit", "softmax", "probability", "output"]
}

extension RecipePart {
  /// What its stages do in a model type.
  func stages(in type: String) throws -> [(stage: String, words: String)] {
    let other: Recipe =
      kind == .rotary
      ? try Recipe(rotary: self, attention: .named("fused", .attention), type: type)
      : try Recipe(rotary: .named("meta-llama", .rotary), attention: self, type: type)
    let isAttention = { (stage: String) in
      AttentionHalf.stages.contains { stage == $0 || stage.hasPrefix($0 + ".") }
    }
    return other.stagesInWords.filter { isAttention($0.stage) == (kind == .attention) }
  }

  /// The half as `recipes --json` gives it.
  var jsonValue: JSONValue {
    var object: JSONObject = [
      "name": .string(name), "kind": .string(kind.rawValue), "summary": .string(summary),
      "source": .string(source), "types": .array(types.map(JSONValue.string)),
    ]
    if kind == .rotary { object["layouts"] = .array(layouts.map(JSONValue.string)) }
    if let attention { object["attention"] = .string(attention) }
    if let refusal { object["refused"] = .string(refusal) }
    return .object(object)
  }
}
