// `ropedrift parallelism`: what sharing a sequence among devices changes in attention's outputs.

import ArgumentParser
import RoPEDrift

/// Compares sequence-parallel attention with one device's.
struct ParallelismCommand: PrintingCommand {
  static let configuration = CommandConfiguration(
    commandName: "parallelism",
    abstract: "Compare attention with the sequence shared among devices with one device's, output by output.",
    discussion: """
      ulysses shares heads, so that every head's arithmetic is that of one device; ring and zigzag-ring share tokens, and the \
      partial results of an online softmax are merged by their log-sum-exps in the order in which key blocks arrive. Both \
      sides are emulated bit by bit under causal attention over the whole window, on the input's q, k and v, and compared \
      with the exact outputs. It is one layer's attention at a time: no figure of a whole model.

      Examples:
        ropedrift parallelism --layers 7 --heads 0-2
        ropedrift parallelism capture.safetensors --recipe hf-llama/flash-attn-3/bf16 --kinds zigzag-ring --ranks 8 -o out
      """)

  @OptionGroup var input: InputArgument
  @OptionGroup var recipes: RecipeOptions
  @OptionGroup var tiles: TileOptions
  @Option(help: ArgumentHelp("Numbers of ranks (default: 2,4,8).", valueName: "list"))
  var ranks = "2,4,8"
  @Option(
    help: ArgumentHelp(
      "Ways of sharing: ulysses, ring, zigzag-ring (default: all; ulysses where the ranks divide the heads).",
      valueName: "list"), completion: .list(SequenceParallelism.allCases.map(\.rawValue)))
  var kinds: String?
  @Option(
    help: ArgumentHelp(
      "What is added to every position (default: 0). Write --shift=-16 for a negative one.",
      valueName: "shift"))
  var shift: String?
  @OptionGroup var selection: SelectionOptions
  @OptionGroup var problem: ProblemOptions
  @Flag(help: "Leave the exact reference out: differences only.")
  var noReference = false
  @OptionGroup var output: FolderOptions
  @OptionGroup var threads: ThreadsOption
  @OptionGroup var printing: PrintingOptions

  func run() throws {
    let console = Console.current
    let chosen = try tiles.apply(
      to: recipes.resolve(default: [RecipeRegistry.recipe(nameOrPath: "hf-llama/flash-attn-2/bf16")]))
    guard !noReference || !problem.storedFrequencies else {
      throw CommandFailure(
        .wrongUsage,
        "--stored-frequencies is about the reference, which --no-reference leaves out; leave one out")
    }
    guard !problem.storedFrequencies else {
      throw CommandFailure(
        .wrongUsage, "the exact outputs here are those of exact frequencies; leave out --stored-frequencies")
    }
    let location = try output.location()
    let comparisons = try comparisons(of: input.open(), chosen)
    let staged = try location.map { try StagedFolder(at: $0) }
    let report = try InterruptionGuard.protecting(cleanup: { staged?.discard() }) {
      let meter = console.progress("tokens", total: comparisons.reduce(0) { $0 + $1.workload })
      let report = ParallelismReport(
        command: canonicalCommand, toolVersion: RoPEDriftVersion.current,
        layers: try comparisons.map { comparison in
          LayerParallelism(comparison, try comparison.run(threads: threads.count) { meter.advance(by: $0) })
        })
      meter.finish()
      if let staged {
        try report.write(into: staged)
        try staged.commit(noting: console)
      }
      return report
    }
    if printing.json {
      try console.print(json: try report.json())
    } else {
      try console.write(report.text)
      if let folder = output.folder { try console.print("written to \(folder)") }
    }
  }

  private func comparisons(of attention: AttentionInput, _ chosen: [Recipe]) throws
    -> [SequenceParallelComparison]
  {
    let layers = try selection.resolveLayers(of: attention)
    let resolved = try problem.resolve(for: attention, layers: layers)
    let shift = try self.shift.map(PositionLiteral.parse) ?? 0
    for layer in layers where layer.elementType(of: .value) == nil {
      throw CommandFailure(
        .failed,
        "\(attention.spelling): layer \(layer.index) has no \(AttentionTensor.value.name(layer: layer.index)), and outputs are sums of values; capture them as well"
      )
    }
    return try chosen.flatMap { recipe in
      try layers.map { layer in
        try SequenceParallelComparison(
          input: attention, layer: layer, heads: selection.resolveHeads(of: layer, in: attention),
          embedding: resolved.embedding(headSize: layer.headSize), scale: resolved.scale,
          softcap: resolved.softcap,
          recipe: recipe, shift: shift, ways: ways(layer), measuresError: !noReference)
      }
    }
  }

  /// The ways in the order of their kinds, then ranks.
  private func ways(_ layer: AttentionLayer) throws -> [SequenceParallelComparison.Way] {
    let counts = try ranks.split(separator: ",", omittingEmptySubsequences: false).map { item in
      guard let count = Int(item) else {
        throw CommandFailure(.wrongUsage, "--ranks '\(ranks)': '\(item)' is no number of ranks")
      }
      return count
    }
    let chosen = try kinds.map { typed in
      try typed.split(separator: ",", omittingEmptySubsequences: false).map(String.init).map { name in
        guard let kind = SequenceParallelism(rawValue: name) else {
          let names = SequenceParallelism.allCases.map(\.rawValue)
          throw CommandFailure(
            .wrongUsage,
            "unknown parallelism '\(name)'\(didYouMean(nearestName(to: name, among: names))); known are \(names.joined(separator: ", "))"
          )
        }
        return kind
      }
    }
    var ways: [SequenceParallelComparison.Way] = []
    for kind in chosen ?? SequenceParallelism.allCases {
      for count in counts {
        if chosen == nil, kind == .ulysses, count > 0, !layer.queryHeads.isMultiple(of: count) {
          Console.current.note(
            "ulysses over \(count) ranks is left out: \(layer.queryHeads) query heads do not make \(count) equal shares"
          )
          continue
        }
        let way = SequenceParallelComparison.Way(kind, ranks: count)
        guard !ways.contains(way) else {
          throw CommandFailure(
            .wrongUsage, "\(kind.rawValue) over \(count) ranks is asked for twice; name it once")
        }
        ways.append(way)
      }
    }
    return ways
  }

  private var canonicalCommand: [String] {
    var command = CanonicalCommand("parallelism", input: input)
    command.add(recipes)
    tiles.add(to: &command)
    command.add("--ranks", ranks)
    command.add("--kinds", kinds)
    command.add("--shift", shift)
    command.add(selection)
    command.add(problem)
    command.add("--no-reference", if: noReference)
    return command.words
  }
}
