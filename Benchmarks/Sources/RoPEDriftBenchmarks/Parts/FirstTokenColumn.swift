// The first token's column at a million positions: what it costs to look at one key.

import BenchmarkHarness
import Foundation
import RoPEDrift

extension BenchmarkPart {
  /// Rows `column-*`.
  static let firstTokenColumn = BenchmarkPart(
    name: "column", summary: "the first token's column at 1 048 576 positions"
  ) { context in
    try FirstTokenColumn(context).rows()
  }
}

private struct FirstTokenColumn {
  private let context: BenchmarkContext
  private let tokens: Int
  /// Positions of the row with the error against the reference.
  private let errorTokens: Int
  private let folder: TemporaryFolder
  private let recipe = "hf-bf16"

  init(_ context: BenchmarkContext) throws {
    self.context = context
    tokens = context.size(1 << 20, quick: 1 << 12)
    errorTokens = context.size(1 << 16, quick: 1 << 10)
    folder = try TemporaryFolder()
  }

  func rows() throws -> [MeasuredRow] {
    func column(_ name: String, tokens: Int, measuresError: Bool) throws -> Contender {
      let path = "\(folder.path)/\(tokens).safetensors"
      BenchmarkContext.note("writing one head of \(tokens) tokens")
      try writeInput(tokens: tokens, to: path)
      return .timed(name, work: 1) {
        let experiment = try DriftExperiment(
          input: try AttentionInput.open(path), embedding: try AttentionVectors.embedding(),
          recipes: [try RecipeRegistry.named(recipe)], comparisons: [ShiftPair(0, 16)], lengths: [tokens])
        let results = try ColumnExperiment(experiment, keys: [0], measuresError: measuresError).run(
          threads: 1)
        let figures = results.recipes[0][0].columns[0]
        guard figures.drift.count == tokens else {
          throw HarnessError.wrongResult("the column has \(figures.drift.count) pairs and not \(tokens)")
        }
      }
    }
    let drift = try column("drift", tokens: tokens, measuresError: false)
    let error = try column("drift, and error against the reference", tokens: errorTokens, measuresError: true)
    let samples = try context.measure("first token's column", [drift, error], rounds: min(context.rounds, 5))
    func row(_ identifier: String, _ contender: Contender, tokens: Int, target: Target?) throws -> MeasuredRow
    {
      MeasuredRow(
        identifier, "first token's column, \(tokens) positions, one head: \(contender.name)", quantity: "s",
        value: try samples.secondsOfRun(contender.name), target: target,
        notes: [
          "\(recipe), shifts 0 and 16, d = \(AttentionVectors.channels), from a bfloat16 file that is mapped; reading included, one "
            + "thread; processor time, no ratio"
        ])
    }
    return [
      try row("column-drift", drift, tokens: tokens, target: .atMost(2)),
      try row("column-error", error, tokens: errorTokens, target: nil),
    ]
  }

  /// One layer of one head in bfloat16, seeded; written in pieces of 1024 tokens, since it is half a gigabyte.
  private func writeInput(tokens: Int, to path: String) throws {
    let channels = AttentionVectors.channels
    let bytes = tokens * channels * 2
    var header =
      #"{"__metadata__":{"rope.layout":"half-split","rope.base":"10000","rope.scaling":"none","stage":"pre-rope"}"#
    for (index, name) in ["k", "q"].enumerated() {
      header += #","layers.0.\#(name)":{"dtype":"BF16","shape":[1,\#(tokens),\#(channels)],"#
      header += #""data_offsets":[\#(index * bytes),\#((index + 1) * bytes)]}"#
    }
    header += "}"
    while header.utf8.count % 8 != 0 { header += " " }
    guard FileManager.default.createFile(atPath: path, contents: nil),
      let file = FileHandle(forWritingAtPath: path)
    else { throw HarnessError.file(path: path, problem: "cannot be written") }
    defer { try? file.close() }
    do {
      try file.write(contentsOf: withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Data($0) })
      try file.write(contentsOf: Data(header.utf8))
      var words = SeededWords(seed: 11)
      var piece = [UInt16](repeating: 0, count: 1024 * channels)
      for _ in 0..<2 * tokens / 1024 {
        for index in piece.indices { piece[index] = UInt16(words.bell().bitPattern >> 16).littleEndian }
        try file.write(contentsOf: piece.withUnsafeBytes { Data($0) })
      }
    } catch {
      throw HarnessError.file(path: path, problem: "cannot be written: \(error.localizedDescription)")
    }
  }
}
