// `ropedrift check`: a verdict. Another implementation's tensors against the exact reference and a recipe, or a recipe against a budget.

import ArgumentParser
import RoPEDrift

/// Holds tensors, or a recipe, to limits.
struct CheckCommand: PrintingCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Give a verdict: another implementation's tensors, or a recipe, held to limits.",
    discussion: """
      With --against, a safetensors file holds what another implementation computed on INPUT: per layer any of \
      layers.{n}.cos, .sin [tokens, r/2 or r], .rotated_q [heads, tokens, d], .rotated_k [kv_heads, tokens, d], .logits, \
      .probabilities [heads, queries, keys], .output [heads, tokens, d], and positions [tokens]. Each is held to the exact reference \
      (accuracy) and to the recipe (parity); accuracy decides unless --require says otherwise. Without --against, the recipe itself \
      is held to --budget FILE, or to the default budget of its format.

      Rules, for --accuracy and --parity: \(TensorComparator.spellings.map { "\($0.spelling) (\($0.meaning))" }.joined(separator: "; ")).

      The exit code is 3 where the verdict is FAIL and 4 where the file is missing or does not fit.

      Examples:
        ropedrift check --against kernel.safetensors --recipe hf-bf16
        ropedrift check capture.safetensors --against kernel.safetensors --recipe hf-llama-bf16 --require both --junit check.xml
        ropedrift check capture.safetensors --recipe hf-bf16 --budget budget.json
      """)

  @OptionGroup var input: InputArgument
  @Option(
    help: ArgumentHelp("The other implementation's tensors, a safetensors file.", valueName: "file"))
  var against: String?
  @OptionGroup var recipes: RecipeOptions
  @Option(
    help: ArgumentHelp("What decides: accuracy, parity or both (default: accuracy).", valueName: "question"),
    transform: Self.agreement)
  var require: RequiredAgreement?
  @Option(
    help: ArgumentHelp(
      "A rule for the error against the exact reference (default: flash:factor=2,floor=1); repeatable.",
      valueName: "rule"),
    transform: TensorComparator.init)
  var accuracy: [TensorComparator] = []
  @Option(
    help: ArgumentHelp(
      "A rule for agreement with the recipe (default: bit-exact); repeatable.", valueName: "rule"),
    transform: TensorComparator.init)
  var parity: [TensorComparator] = []
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Position of the first token, where the tensors' file holds no positions (default: 0).", valueName: "s"),
    transform: PositionLiteral.parse)
  var shift: Int?
  @OptionGroup var selection: SelectionOptions
  @OptionGroup var problem: ProblemOptions
  @OptionGroup var reports: CheckReportOptions
  @OptionGroup var threads: ThreadsOption
  @OptionGroup var printing: PrintingOptions

  @Option(
    help: ArgumentHelp(
      "Limits as JSON, without --against (default: what the recipe's formats allow).", valueName: "file"))
  var budget: String?

  func run() throws {
    let recipe = try chosenRecipe()
    let location = try reports.location()
    if let against {
      try checkTensors(of: against, recipe, location)
    } else {
      try checkBudget(recipe, location)
    }
  }

  /// Without `--against`: the recipe and its budget.
  private func checkBudget(_ recipe: Recipe, _ location: FileLocation?) throws {
    let console = Console.current
    for (flag, isGiven) in [
      ("--require", require != nil), ("--accuracy", !accuracy.isEmpty), ("--parity", !parity.isEmpty),
      ("--shift", shift != nil),
    ] where isGiven {
      throw CommandFailure(.wrongUsage, "\(flag) is about --against; name the other implementation's tensors")
    }
    let budget = try budget.map { try CheckBudget(path: $0) }
    let attention = try input.open()
    let layers = try selection.resolveLayers(of: attention)
    let resolved = try problem.resolve(for: attention, layers: layers)
    let set = StageAttribution.Problem(
      input: attention, embedding: try resolved.embedding(headSize: layers[0].headSize),
      scale: resolved.scale,
      softcap: resolved.softcap, layers: layers.map(\.index),
      heads: try selection.resolveHeads(of: layers[0], in: attention),
      usesStoredFrequencies: resolved.usesStoredFrequencies)
    let verdict: RecipeVerdict
    do {
      let check = try RecipeCheck(recipe, set, budget)
      let meter = console.progress("pairs", total: check.workload)
      verdict = try check.run(threads: threads.count) { meter.advance(by: $0) }
      meter.finish()
    } catch let error as ExperimentError {
      throw CommandFailure(.wrongUsage, error.description)
    }
    let replay = ReplayCommand(input: input.input, flags: replayFlags)
    if let location { try reports.write(verdict.junit(replay: replay), to: location) }
    if printing.json {
      try console.print(json: verdict.json(replay: replay))
    } else {
      try console.print(verdict.text(replay: replay))
    }
    if !verdict.passes { throw CommandFailure(.budgetExceeded, "") }
  }

  /// With `--against`: tensors, the exact reference and the recipe.
  private func checkTensors(of against: String, _ recipe: Recipe, _ location: FileLocation?) throws {
    let console = Console.current
    guard budget == nil else {
      throw CommandFailure(
        .wrongUsage,
        "--budget limits a recipe; tensors are held to --accuracy and --parity: leave out one of --budget and --against"
      )
    }
    if against == "-", input.input == "-" {
      throw CommandFailure(
        .wrongUsage, "INPUT and --against cannot both be standard input; name a file for one")
    }
    guard selection.heads == nil else {
      throw CommandFailure(
        .wrongUsage, "--heads has no effect with --against, whose tensors hold all heads; leave it out")
    }
    let attention = try input.open()
    let file: SafetensorsFile
    do {
      file = try against == "-" ? SafetensorsFile.standardInput() : SafetensorsFile(path: against)
    } catch let error as TensorFileError {
      throw ComparisonInputError(error)
    }
    let layers = try comparableLayers(of: attention)
    let needsRows = layers.contains { layer in
      CheckedStage.allCases.contains { $0.needsScores && file[$0.name(layer: layer.index)] != nil }
    }
    let resolved = try problem.resolve(for: attention, layers: layers, computesRows: needsRows)
    let embedding = try resolved.embedding(headSize: layers[0].headSize)
    let kernel = try KernelTensors(file, layers: layers, embedding: embedding, shift: shift ?? 0)
    guard shift == nil || !kernel.hasPositions else {
      throw CommandFailure(
        .wrongUsage, "--shift has no effect: \(against) holds the positions itself; leave it out")
    }
    let check = try TensorCheck(
      input: attention, kernel: kernel, embedding: embedding, scale: resolved.scale,
      softcap: resolved.softcap,
      reference: try resolved.reference(headSize: layers[0].headSize, storedFrequenciesOf: recipe),
      recipe: recipe, accuracy: accuracy, parity: parity, require: require ?? .accuracy)
    let meter = console.progress("elements", total: check.workload)
    var verdict = try check.run(threads: threads.count) { meter.advance(by: $0) }
    meter.finish()
    verdict.modelLength = try problem.modelLength()
    let replay = ReplayCommand(input: input.input, flags: replayFlags)
    if let location { try reports.write(verdict.junit(replay: replay), to: location) }
    if printing.json {
      try console.print(json: verdict.json(replay: replay))
    } else {
      try console.write(verdict.text(replay: replay))
    }
    if !verdict.passes { throw CommandFailure(.budgetExceeded, "") }
  }

  private func chosenRecipe() throws -> Recipe {
    let chosen = try recipes.resolve()
    guard chosen.count == 1 else {
      throw CommandFailure(
        .wrongUsage,
        "a check is about one recipe, found \(chosen.count); name one with --recipe, or with --rotary and --type ('ropedrift recipes' lists them)"
      )
    }
    return chosen[0]
  }

  /// The layers, which share one table and one list of positions.
  private func comparableLayers(of attention: AttentionInput) throws -> [AttentionLayer] {
    let layers = try selection.resolveLayers(of: attention)
    for layer in layers
    where layer.headSize != layers[0].headSize || layer.keyTokens != layers[0].keyTokens {
      throw CommandFailure(
        .wrongUsage,
        "layers \(layers[0].index) and \(layer.index) differ in head size or tokens, and a file has one list of positions; choose layers that agree with --layers"
      )
    }
    return layers
  }

  /// The flags that state recipe and problem, for `score`.
  private var replayFlags: [String] {
    var command = CanonicalCommand("score", input: input)
    let head = command.words.count
    command.add(recipes)
    command.add(problem)
    return Array(command.words.dropFirst(head))
  }

  private static func agreement(_ typed: String) throws -> RequiredAgreement {
    if let value = RequiredAgreement(rawValue: typed) { return value }
    let known = RequiredAgreement.allCases.map(\.rawValue)
    throw CommandFailure(
      .wrongUsage,
      "--require knows no '\(typed)'\(didYouMean(nearestName(to: typed, among: known))); it is one of \(known.joined(separator: ", "))"
    )
  }
}

extension ProblemOptions {
  /// The length for which `--model` is made; nil without a model, and where its source does not say.
  func modelLength() throws -> Int? {
    try frequencies.model.flatMap { try ModelRegistry.model(nameOrPath: $0).maximumPositions }
  }
}
