// Masks over documents: does the time of a window follow the blocks that its mask leaves, or the window?

import BenchmarkHarness
import RoPEDrift

extension BenchmarkPart {
  /// Rows `pattern-*`.
  static let patterns = BenchmarkPart(
    name: "patterns",
    summary: "drift of a packed window under intra and anchor, time a visited block against full"
  ) { context in
    try Patterns(context).rows()
  }
}

/// One head of a packed window, one recipe, one thread.
private struct Patterns {
  private let context: BenchmarkContext
  private let tokens: Int
  private let length: Int
  private let recipe = "hf-bf16"
  private let folder: TemporaryFolder

  init(_ context: BenchmarkContext) throws {
    self.context = context
    (tokens, length) = (context.size(8192, quick: 512), context.size(2048, quick: 128))
    folder = try TemporaryFolder()
  }

  func rows() throws -> [MeasuredRow] {
    // A generator would cost more than what is measured.
    let path = "\(folder.path)/input.safetensors"
    try SampleExtension(tokens: tokens).write(heads: 3, to: path)
    let input = try AttentionInput.open(path)
    let layout = try DocumentLayout(
      DocumentDescription(lengths: Array(repeating: length, count: tokens / length)), tokens: tokens)
    func drift(_ mask: String) throws -> (experiment: DriftExperiment, blocks: BlockSummary) {
      let pattern = try AttentionPattern(mask: AttentionMask(spelling: mask), documents: layout)
      let experiment = try DriftExperiment(
        input: input,
        embedding: RotaryEmbedding(headSize: 128, base: NumberLiteral(10000), layout: .halfSplit),
        recipes: [RecipeRegistry.named(recipe)], heads: [0], pattern: pattern)
      return (experiment, try BlockSummary(pattern))
    }
    // Every token sees itself alone: what a token costs under any mask.
    let diagonal = try drift("window:1").experiment
    func contender(_ mask: String) throws -> Contender {
      let (experiment, blocks) = try drift(mask)
      return Contender(mask, work: Double(blocks.visited)) {
        try Clock.time { _ = try experiment.run(threads: 1) }
          - Clock.time { _ = try diagonal.run(threads: 1) }
      }
    }
    let (full, intra, anchor) = (try contender("full"), try contender("intra"), try contender("anchor"))
    let title = "drift of one head, T = \(tokens), documents of \(length), d = 128, one recipe, two shifts"
    let samples = try context.measure(title, [full, intra, anchor], rounds: min(context.rounds, 5))
    return try [intra, anchor].map { contender in
      MeasuredRow(
        "pattern-\(contender.name)", "\(contender.name): \(title)",
        quantity: "× the time a visited block of full",
        value: try samples.timeRatio(contender.name, to: full.name), target: .atMost(1.15),
        sides: [
          try TimedSide(contender, unit: "block", in: samples),
          try TimedSide(full, unit: "block", in: samples),
        ],
        notes: [
          "processor time of one thread, \(recipe), drift and certified error, less that of the same window under window:1, which is what its "
            + "tokens cost whatever they see; blocks of 128 × 128 that the mask leaves: \(Int(contender.work)) of the \(Int(full.work)) of full"
        ])
    }
  }
}
