// `ropedrift patterns`: masks and policies of positions side by side, on the same tokens, recipes and documents.

import ArgumentParser
import RoPEDrift

/// Measures patterns and sets them side by side.
struct PatternsCommand: PrintingCommand {
  static let configuration = CommandConfiguration(
    commandName: "patterns",
    abstract: "Set masks and policies of positions side by side: drift, error, outputs, first tokens, cost.",
    discussion: """
      For every pattern and recipe attention is emulated to the end at two shifts of all positions and compared with each other \
      (drift) and with the certified reference (error), logits, probabilities and, where the input has values, outputs. Beside \
      that: the part of the first token and of each document's first token, attention mass on them, flips of the top key, \
      positions, visible pairs, blocks that a kernel visits, floating-point operations. A table goes to stdout; with -o a folder \
      holds patterns.csv, pattern_documents.csv, pattern_layout.csv, pattern_tokens.csv, run.json and datapackage.json, and with \
      --html a page, patterns.html, that shows the patterns beside each other. Without \
      --documents the window is taken as four documents of equal lengths; without --pattern full, intra, intra/reset, anchor, \
      anchor-copy, anchor/reset and a window of a quarter of the tokens are compared; without --recipe \
      \(defaultRecipes.joined(separator: ", ")).

      Examples:
        ropedrift patterns --documents 100,28,384
        ropedrift patterns capture.safetensors --documents log-normal:median=512,seed=3 --recipe hf-bf16 -o out
        ropedrift patterns --pattern full --pattern anchor --pattern anchor+window:128 --documents lengths.json
        ropedrift patterns --documents 100,28,384 -o out --html --figure-renderer .venv-figures/bin/python
      """)

  @OptionGroup var input: InputArgument
  @OptionGroup var patterns: PatternListOptions
  @OptionGroup var recipes: RecipeOptions
  @OptionGroup var tiles: TileOptions
  @Option(
    help: ArgumentHelp(
      "The two shifts to compare, as 0,16 (the default). Write --shifts=-16,0 for negative ones.",
      valueName: "a,b"))
  var shifts: [String] = []
  @Option(
    help: ArgumentHelp("Queries and keys of a block in the count of blocks (default: 128).", valueName: "n"))
  var blockSize = BlockSummary.defaultSize
  @Flag(help: "Show how the window is packed, chunk by chunk, and measure nothing.")
  var showLayout = false
  @OptionGroup var selection: SelectionOptions
  @OptionGroup var problem: ProblemOptions
  @OptionGroup var output: FolderOptions
  @OptionGroup var pictures: PictureOptions
  @OptionGroup var threads: ThreadsOption
  @OptionGroup var printing: PrintingOptions

  /// Recipes where none is named: unfused attention in bf16, a kernel with online softmax over tiles, binary32.
  static let defaultRecipes = ["hf-bf16", "hf-llama/flash-attn-2/bf16", "fp32"]
  /// More than any kernel has; its square times a head's size is a binary64 number.
  private static let greatestBlock = 1 << 20

  func run() throws {
    let console = Console.current
    try checkOptions()
    let location = try output.location()
    let renderer = try pictures.renderer()
    // Tiles are about recipes that have some.
    let defaults = tiles.isGiven ? [Self.defaultRecipes[1]] : Self.defaultRecipes
    let chosen = try tiles.apply(
      to: recipes.resolve(default: try defaults.map { try RecipeRegistry.recipe(nameOrPath: $0) }))
    let pair = try ShiftOptions.pairs(shifts)
    let attention = try input.open()
    let layers = try selection.resolveLayers(of: attention)
    let named = try patterns.resolve(try patterns.layout(tokens: layers[0].keyTokens))
    if showLayout {
      if printing.json {
        try console.print(
          json: try AttributionReport.rows(PatternLayoutTable.description) {
            try PatternLayoutTable.forEachRow(named, $0)
          })
      } else {
        try console.write(try PatternReport.layoutText(named))
      }
      return
    }
    let experiment = try self.experiment(attention, layers, chosen, pair, named)

    let staged = try location.map { try StagedFolder(at: $0) }
    let (report, failure) = try InterruptionGuard.protecting(cleanup: { staged?.discard() }) {
      let (report, shares) = try measure(experiment, staged, console)
      var failure: FigureRendererError?
      if let staged {
        let page = pictures.html ? PatternPage(shares, renderer: renderer) : nil
        failure = try report.write(page: page, into: staged)
        try staged.commit(noting: console)
      }
      return (report, failure)
    }
    if printing.json {
      try console.print(json: try report.json())
    } else {
      try console.write(report.text)
      if let folder = output.folder { try console.print("written to \(folder)") }
    }
    if let failure, let folder = output.folder {
      throw CommandFailure(withoutPictures: failure, folder: folder)
    }
  }

  private func checkOptions() throws {
    guard output.folder != nil || !pictures.html else {
      throw CommandFailure(.wrongUsage, "--html writes a page into the folder; name one with -o")
    }
    guard output.folder == nil || !showLayout else {
      throw CommandFailure(
        .wrongUsage,
        "--show-layout measures nothing that -o could write; the folder's pattern_layout.csv holds the same")
    }
    guard shifts.count <= 1 else {
      throw CommandFailure(
        .wrongUsage,
        "patterns are compared at one pair of shifts; found \(shifts.count), leave out all but one --shifts")
    }
    guard (1...Self.greatestBlock).contains(blockSize) else {
      throw CommandFailure(
        .wrongUsage, "--block-size \(blockSize): a block has 1 to \(Self.greatestBlock) queries and keys")
    }
  }

  private func experiment(
    _ attention: AttentionInput, _ layers: [AttentionLayer], _ recipes: [Recipe], _ pair: [ShiftPair],
    _ patterns: [(name: String, pattern: AttentionPattern)]
  ) throws -> PatternExperiment {
    let heads = try selection.resolveHeads(of: layers[0], in: attention)
    let resolved = try problem.resolve(for: attention, layers: layers, computesWindows: true)
    if let window = resolved.window, layers[0].keyTokens > window {
      Console.current.note(
        "the model has a window of \(window) keys; only patterns with window:\(window) have it too")
    }
    do {
      return try PatternExperiment(
        try patterns.map { name, pattern in
          PatternExperiment.Entry(
            name: name,
            experiment: try DriftExperiment(
              input: attention, embedding: try resolved.embedding(headSize: layers[0].headSize),
              scale: resolved.scale, softcap: resolved.softcap, recipes: recipes, layers: layers.map(\.index),
              heads: heads, comparisons: pair, usesStoredFrequencies: resolved.usesStoredFrequencies,
              pattern: pattern))
        }, blockSize: blockSize)
    } catch let error as ExperimentError {
      throw CommandFailure(.wrongUsage, error.description)
    }
  }

  /// Measures, and writes the tokens of each pattern while its tables are there.
  private func measure(
    _ experiment: PatternExperiment, _ folder: StagedFolder?, _ console: Console
  ) throws -> (PatternReport, PatternTokenShares) {
    let meter = console.progress("pairs", total: experiment.workload)
    let results: [PatternResults]
    var shares = PatternTokenShares()
    if let folder {
      let description = PatternReport.tokenDescription
      var writer = try CSVWriter(description, creating: folder.path(of: description.fileName))
      results = try experiment.run(threads: threads.count) { name, drift in
        try PatternReport.forEachTokenRow(name, drift) { try writer.append($0) }
        shares.add(name, drift)
      } progress: {
        meter.advance(by: $0)
      }
      try writer.finish()
    } else {
      results = try experiment.run(threads: threads.count, progress: { meter.advance(by: $0) })
    }
    meter.finish()
    let report = try PatternReport(
      command: canonicalCommand, toolVersion: RoPEDriftVersion.current, results: results)
    return (report, shares)
  }

  private var canonicalCommand: [String] {
    var command = CanonicalCommand("patterns", input: input)
    patterns.add(to: &command)
    command.add(recipes)
    tiles.add(to: &command)
    command.add(shifts: shifts)
    if blockSize != BlockSummary.defaultSize { command.add("--block-size", String(blockSize)) }
    command.add(selection)
    command.add(problem)
    return command.words + (pictures.html ? ["--html"] : [])
  }
}
