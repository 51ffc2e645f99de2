// The whole report as a user runs it: against the kernels that it is made of, its memory, and two threads against one.

import BenchmarkHarness
import Foundation
import RoPEDrift

extension BenchmarkPart {
  /// Rows `report-*`.
  static let driftReports = BenchmarkPart(
    name: "report", summary: "a drift report of nine heads: time over that of its kernels, memory, threads"
  ) { context in
    guard let command = context.command else {
      BenchmarkContext.note(
        "no command was named, so reports are left out; add --ropedrift PATH, as make bench does")
      return []
    }
    return try DriftReports(context, command: command).rows()
  }
}

/// `ropedrift report` on an input of nine query heads on three key heads.
private struct DriftReports {
  private let context: BenchmarkContext
  private let command: String
  private let folder: TemporaryFolder
  private let tokens: Int
  private let heads = 9
  private let recipe = "hf-bf16"

  init(_ context: BenchmarkContext, command: String) throws {
    self.context = context
    self.command = command
    tokens = context.size(4096, quick: 128)
    folder = try TemporaryFolder()
    try SampleExtension(tokens: tokens).write(heads: heads, to: input)
  }

  private var input: String { "\(folder.path)/input.safetensors" }

  private func run(threads: Int) throws -> ChildUsage {
    try ChildCommand.measure([
      command, "report", input, "--recipe", recipe, "--shifts", "0,16", "--threads", "\(threads)", "--force",
      "-o",
      "\(folder.path)/report",
    ])
  }

  func rows() throws -> [MeasuredRow] {
    let kernels = try ReportKernels(input: input, recipe: recipe)
    var usages: [ChildUsage] = []
    var walls: [String: [Double]] = [:]
    func report(_ name: String, threads: Int) -> Contender {
      Contender(name, work: 1) {
        let usage = try run(threads: threads)
        if threads == 1 { usages.append(usage) }
        walls[name, default: []].append(usage.seconds)
        return threads == 1 ? usage.processorSeconds : usage.seconds
      }
    }
    let one = report("the report, one thread", threads: 1)
    let two = report("the report, two threads (wall)", threads: 2)
    let sum = Contender.timed("its kernels, one after another", work: 1) { try kernels.run() }
    let title = "drift report, T = \(tokens), \(heads) heads, d = 128, one recipe, two shifts"
    let samples = try context.measure(title, [one, sum, two], rounds: min(context.rounds, 5))
    // The first run of each was the warm-up.
    let oneWall = Array(walls[one.name]!.dropFirst())
    let speedUp = zip(oneWall, walls[two.name]!.dropFirst()).map { $0 / $1 }
    let command = "`ropedrift report INPUT --recipe \(recipe) --shifts 0,16 --threads 1 -o DIR`"
    return [
      MeasuredRow(
        "report-kernels", title, quantity: "× the time of its kernels",
        value: try samples.timeRatio(one.name, to: sum.name), target: .atMost(3),
        sides: [
          try TimedSide(one, unit: "report", in: samples), try TimedSide(sum, unit: "report", in: samples),
          TimedSide(
            name: "the report, one thread, wall", work: 1, unit: "report", seconds: try Spread(oneWall)),
        ],
        notes: [
          "\(command); input: \(try SampleExtension(tokens: 1).origin); \(heads) query heads on \(heads / 3) key heads",
          "kernels: \(ReportKernels.meaning)", "last run of the kernels: \(kernels.text)",
        ]),
      MeasuredRow(
        "report-memory", "peak memory of that report", quantity: "MB (10^6 bytes)",
        value: try Spread(usages.dropFirst().map { $0.peakBytes / 1e6 }), target: .atMost(400),
        notes: ["peak resident memory of the process, the mapped input with it"]),
      MeasuredRow(
        "report-threads", "that report with two threads", quantity: "× faster than with one (wall)",
        value: try Spread(speedUp), target: .atLeast(1.8),
        sides: [try TimedSide(two, unit: "report", in: samples)],
        notes: ["other work on the machine's processors counts against this row"]),
    ]
  }
}

/// The kernels that a report of one recipe at two shifts runs, called as the report calls them and timed one by one.
private final class ReportKernels {
  /// What counts as a kernel.
  static let meaning =
    "reference (cos and sin, rotated keys, certified scores), emulation at both shifts (tables, input, rotation, dots, "
    + "logits), softmax of the three rows of logits with the recipe's rounding of probabilities; all visible pairs, one thread. "
    + "What the report does beyond them is reading, the metrics and writing"

  private let input: AttentionInput
  private let shape: AttentionLayer
  private let embedding: RotaryEmbedding
  private let emulation: Emulation
  private var seconds: [(name: String, seconds: Double)] = []

  init(input path: String, recipe: String) throws {
    input = try AttentionInput.open(path)
    shape = try input.shape(ofLayer: 0)
    embedding = try AttentionVectors.embedding()
    emulation = try Emulation(
      recipe: try RecipeRegistry.named(recipe), embedding: embedding, scale: .inverseSquareRootOfHeadSize)
  }

  /// Seconds of the kernels in the last run.
  var text: String {
    seconds.map { "\($0.name) \(FigureText.seconds($0.seconds))" }.joined(separator: ", ")
  }

  private func time(_ name: String, _ body: () throws -> Void) rethrows {
    let spent = try Clock.time(body)
    if let index = seconds.firstIndex(where: { $0.name == name }) {
      seconds[index].seconds += spent
    } else {
      seconds.append((name, spent))
    }
  }

  func run() throws {
    seconds = []
    let (tokens, size) = (shape.keyTokens, shape.headSize)
    var trigonometry: ReferenceTrigonometry!
    let problem = try ReferenceProblem(embedding: embedding, scale: .inverseSquareRootOfHeadSize)
    time("reference set-up") {
      trigonometry = ReferenceTrigonometry(angles: problem.angles, positions: Array(0..<tokens))
    }
    var tables: [RotaryTable] = []
    try time("tables") {
      tables = try [0, 16].map {
        try RotaryTable.tables(
          for: [emulation], positions: TokenPositions(tokens: tokens, shift: $0), threads: 1)[0]
      }
    }
    // A tile of 32 rows of one kind of logits, and the probabilities of a row.
    let tileSize = 32
    let logits = Buffer(tileSize * tokens, repeating: 0.0)
    let probabilities = Buffer(tokens, repeating: 0.0)
    let group = shape.queryHeads / shape.kvHeads
    for keyHead in 0..<shape.kvHeads {
      let keys = try input.keys(layer: 0, kvHead: keyHead)
      var reference: ReferenceHead!
      time("reference set-up") {
        reference = ReferenceHead(
          problem: problem, trigonometry: trigonometry, keys: keys, keyRows: Array(0..<tokens))
      }
      var emulatedKeys: [EmulatedKeys] = []
      try time("input and rotation") {
        let matrix = InputMatrix(keys, emulation: emulation, side: .key, layer: 0, head: keyHead)
        emulatedKeys = try tables.map {
          try EmulatedKeys(matrix, emulation: emulation, table: $0, layer: 0, head: keyHead)
        }
      }
      for head in keyHead * group..<(keyHead + 1) * group {
        let queries = try input.queries(layer: 0, head: head)
        var emulated: [EmulatedHead] = []
        try time("input and rotation") {
          let matrix = InputMatrix(queries, emulation: emulation, side: .query, layer: 0, head: head)
          emulated = try zip(tables, emulatedKeys).map { table, keys in
            try EmulatedHead(
              matrix, keys: keys, emulation: emulation, table: table, firstRow: 0, layer: 0, head: head)
          }
        }
        func softmax(_ tile: Range<Int>, _ body: (Int, UnsafeBufferPointer<Double>) -> Void) {
          time("softmax") {
            for query in tile {
              body(
                query,
                UnsafeBufferPointer(start: logits.base + (query - tile.lowerBound) * tokens, count: query + 1)
              )
            }
          }
        }
        for first in stride(from: 0, to: tokens, by: tileSize) {
          let tile = first..<min(first + tileSize, tokens)
          try time("reference scores") {
            _ = try queries.withUnsafeBufferPointer { queries in
              try reference.scores(
                queries: UnsafeBufferPointer(
                  rebasing: queries[tile.lowerBound * size..<tile.upperBound * size]),
                queryRows: Array(tile), keys: tile.map { 0..<$0 + 1 }, into: logits.all, stride: tokens)
            }
          }
          softmax(tile) { _, row in defaultSoftmax(row, into: probabilities.all) }
          for emulatedHead in emulated {
            try time("dots and logits") {
              try emulatedHead.logits(
                queries: tile, keys: 0..<tile.upperBound, into: logits.all, stride: tokens)
            }
            softmax(tile) { query, row in
              emulation.probabilities(row, query: query, layer: 0, head: head, into: probabilities.all)
            }
          }
        }
      }
    }
  }
}
