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

  init(_ context: BenchmarkContext) {
    self.context = context
    (tokens, length) = (context.size(4096, quick: 256), context.size(1024, quick: 128))
  }

  func rows() throws -> [MeasuredRow] {
    let input = try AttentionInput.open(
      "synthetic:sink,heads=1,kv_heads=1,layers=1,head_dim=128,tokens=\(tokens)")
    let layout = try DocumentLayout(
      DocumentDescription(lengths: Array(repeating: length, count: tokens / length)), tokens: tokens)
    func contender(_ mask: String) throws -> Contender {
      let pattern = try AttentionPattern(mask: AttentionMask(spelling: mask), documents: layout)
      let experiment = try DriftExperiment(
        input: input,
        embedding: RotaryEmbedding(headSize: 128, base: NumberLiteral(10000), layout: .halfSplit),
        recipes: [RecipeRegistry.named(recipe)], pattern: pattern)
      let blocks = try BlockSummary(pattern)
      return .timed(mask, work: Double(blocks.visited)) { _ = try experiment.run(threads: 1) }
    }
    let (full, intra, anchor) = (try contender("full"), try contender("intra"), try contender("anchor"))
    let title = "drift of one head, T = \(tokens), documents of \(length), d = 128, one recipe, two shifts"
    let samples = try context.measure(title, [full, intra, anchor], rounds: min(context.rounds, 5))
    return try [intra, anchor].map { contender in
      MeasuredRow(
        "pattern-\(contender.name)", "\(contender.name): \(title)",
        quantity: "× the time a visited block of full",
        value: try samples.timeRatio(contender.name, to: full.name),
        target: .atMost(1.15),
        sides: [
          try TimedSide(contender, unit: "block", in: samples),
          try TimedSide(full, unit: "block", in: samples),
        ],
        notes: [
          "processor time of one thread, \(recipe), drift and certified error; blocks of 128 × 128 that the mask leaves: \(Int(contender.work)) "
            + "of the \(Int(full.work)) of full; seeded input"
        ])
    }
  }
}
