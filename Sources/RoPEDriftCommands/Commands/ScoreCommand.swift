// `ropedrift score`: one attention score, exact to any number of digits, or as recipes compute it, stage by stage.

import ArgumentParser
import RoPEDrift

/// One score.
struct ScoreCommand: PrintingCommand {
  static let configuration = CommandConfiguration(
    commandName: "score",
    abstract: "Print one attention score: exact to N digits, or a recipe's bits stage by stage.",
    discussion: """
      Examples:
        ropedrift score --layer 7 --head 0 --query 511 --key 0 --query-position 131071 --key-position 0 --digits 50
        ropedrift score capture.safetensors --layer 7 --head 0 --query 511 --key 0 --shift 1024 --recipe hf-bf16 --full
      """)

  @OptionGroup var input: InputArgument
  @OptionGroup var score: ScoreArguments
  @OptionGroup var problem: ProblemOptions
  @OptionGroup var recipes: RecipeOptions
  @OptionGroup var digits: DigitsOption
  @Flag(help: "Show every pair and channel, not only the first ones (JSON always has all).")
  var full = false
  @OptionGroup var printing: PrintingOptions

  func run() throws {
    let console = Console.current
    let digits = digits.digits ?? 30
    let recipes = try recipes.resolve()
    let input = try input.open()
    let pair = try score.resolve(in: input)
    let problem = try problem.resolve(
      for: input, layers: input.layerShapes.filter { $0.index == pair.layer }, computesRows: false)
    let embedding = try problem.embedding(headSize: pair.headSize)
    if !pair.nonFiniteVectors.isEmpty {
      console.note(
        "\(pair.nonFiniteVectors.joined(separator: " and ")) of \(input.spelling) layer \(pair.layer) head \(pair.head) holds a NaN or an infinity: the exact score is not defined"
      )
    }
    if let window = problem.window, pair.queryPosition - pair.keyPosition >= window {
      console.note("in the model this query does not see this key: its window is \(window) keys")
    }
    let scores = try recipes.map { try RecipeScore($0, problem, pair, digits: digits) }

    // Without a recipe the stored frequencies are those of binary32, which most implementations keep.
    let exactRecipe =
      try problem.usesStoredFrequencies && recipes.isEmpty ? RecipeRegistry.named("fp32") : nil
    let exact: ExactReal?
    if let exactRecipe {
      exact = pair.exactScore(
        try problem.reference(headSize: pair.headSize, storedFrequenciesOf: exactRecipe))
    } else {
      exact = try pair.exactScore(
        ReferenceProblem(embedding: embedding, scale: problem.scale, softcap: problem.softcap))
    }
    let frequencies = exactRecipe == nil ? "real" : "stored (fp32)"
    let value = try exact?.decimal(digits: digits) ?? "NaN"
    let rounded = try exact.map { try CorrectlyRounded.values(of: $0) } ?? []

    if printing.json {
      var object: JSONObject = [
        "input": .string(input.spelling), "layer": .integer(pair.layer), "head": .integer(pair.head),
        "key_head": .integer(pair.keyHead), "query": .integer(pair.queryRow), "key": .integer(pair.keyRow),
        "query_position": .integer(pair.queryPosition), "key_position": .integer(pair.keyPosition),
        "head_size": .integer(pair.headSize), "rotary_size": .integer(embedding.rotarySize),
        "layout": .string(problem.layout.rawValue), "base": .string(problem.base.text),
        "scale": .string(problem.scaleInWords),
        "softcap": .string(problem.softcap?.text ?? "none"),
      ]
      object["exact"] = .object([
        "frequencies": .string(frequencies), "digits": .integer(digits), "value": .string(value),
        "rounded": .object(JSONObject(rounded.map { ($0.format!.spelling, $0.json) })),
      ])
      object["recipes"] = .array(
        try scores.map { try $0.json(frequencies: name(of: $0.recipe, problem)) })
      try console.print(json: .object(object))
      return
    }
    try console.print(
      "\(AlignedTextTable.visible(input.spelling)), layer \(pair.layer), head \(pair.head) (key head \(pair.keyHead)): query row \(pair.queryRow) at position \(pair.queryPosition), key row \(pair.keyRow) at position \(pair.keyPosition)"
    )
    try console.print("exact score\(exactRecipe == nil ? "" : " at frequencies \(frequencies)")  \(value)")
    var table = AlignedTextTable(header: ["rounded to", "bits", "value"])
    for value in rounded {
      table.append([
        .string(value.format!.spelling), .string(value.bits!), .string(value.decimal),
      ])
    }
    if !rounded.isEmpty { try console.write(table.text) }
    for score in scores {
      try console.write("\n" + score.text(full: full, frequencies: name(of: score.recipe, problem)))
    }
  }

  private func name(of recipe: Recipe, _ problem: ResolvedProblem) -> String {
    problem.usesStoredFrequencies ? "stored (\(recipe.name))" : "real"
  }
}
