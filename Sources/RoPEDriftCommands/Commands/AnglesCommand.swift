// `ropedrift angles`: how far stored angles and tables of cos and sin are from the exact ones, and which stage is to blame.

import ArgumentParser
import RoPEDrift

/// Errors of angles and tables by pair and range of positions.
struct AnglesCommand: PrintingCommand {
  static let configuration = CommandConfiguration(
    commandName: "angles",
    abstract:
      "Measure how far the angles and the cos/sin table of recipes are off, per pair and range of positions.",
    discussion: """
      Δangle is the stored angle minus position times frequency, in radians, not wrapped; Δcos and Δsin are the stored values \
      minus the exact ones (times the attention factor). The stage is the one whose rounding alone gives the greatest \
      error. Without --ranges, positions are cut at powers of two from 2048 on. With --base and --rotary-size no input is read.

      Examples:
        ropedrift angles --base 10000 --rotary-size 128 --recipe fp32 --recipe table-bf16 --positions 0-32767
        ropedrift angles --base 500000 --rotary-size 128 --recipe fp32 --positions 0-1048575 --stages -o angles
        ropedrift angles capture.safetensors --recipe hf-fp16 --ranges 0-65503,65504-131071 --per-pair
      """)

  @OptionGroup var embedding: EmbeddingOptions
  @OptionGroup var recipes: RecipeOptions
  @Option(
    help: ArgumentHelp(
      "Positions, as 0-1048575 or 131071; cut at powers of two (default: 0-32767).", valueName: "list"),
    transform: PositionRanges.init)
  var positions: PositionRanges?
  @Option(
    help: ArgumentHelp(
      "Ranges of positions to be measured as they are, instead of --positions.", valueName: "list"),
    transform: PositionRanges.init)
  var ranges: PositionRanges?
  @Flag(help: "Show every rotary pair, not only the worst.")
  var perPair = false
  @Flag(help: "Show the greatest error with each stage alone rounded, and with each alone exact.")
  var stages = false
  @OptionGroup var output: FolderOptions
  @OptionGroup var threads: ThreadsOption
  @OptionGroup var printing: PrintingOptions

  /// More would run for days without a figure.
  private static let mostPositions = 0x1p32

  func run() throws {
    let console = Console.current
    let chosen = try recipes.resolve()
    guard !chosen.isEmpty else {
      throw CommandFailure(.wrongUsage, "no recipe is named; name one with --recipe, such as --recipe fp32")
    }
    guard positions == nil || ranges == nil else {
      throw CommandFailure(
        .wrongUsage, "--positions and --ranges are two ways to say the same; leave one of them out")
    }
    let location = try output.location()
    let measured = ranges?.ranges ?? (positions?.ranges ?? [0...32767]).flatMap(AngleExperiment.octaves)
    guard Set(measured).count == measured.count else {
      throw CommandFailure(.wrongUsage, "a range of positions is named twice; name each once")
    }
    let count = measured.reduce(0.0) { $0 + (Double($1.upperBound) - Double($1.lowerBound) + 1) }
    guard count <= Self.mostPositions else {
      throw CommandFailure(
        .wrongUsage,
        "\(AlignedTextTable.text(count)) positions are too many; a run takes at most 2^32, so name the ranges that matter"
      )
    }
    let experiment = try AngleExperiment(
      embedding: try embedding.resolve(), recipes: chosen, ranges: measured)

    let staged = try location.map { try StagedFolder(at: $0) }
    let report = try InterruptionGuard.protecting(cleanup: { staged?.discard() }) {
      let meter = console.progress("entries", total: experiment.workload)
      let results = try experiment.run(
        threads: threads.count,
        slow: {
          console.note(
            "\($0.name) rounds in a way that the fast evaluation does not know: every entry is computed in the plain tier, "
              + "some thousands of times slower; fewer positions may be wanted")
        }, progress: { meter.advance(by: $0) })
      meter.finish()
      let report = AngleReport(
        command: canonicalCommand, toolVersion: RoPEDriftVersion.current, results: results)
      if let staged {
        try report.write(into: staged)
        try staged.commit(noting: console)
      }
      return report
    }
    if printing.json {
      try console.print(json: try report.json(perPair: perPair))
    } else {
      try console.write(try report.results.text(perPair: perPair, stages: stages))
      if let folder = output.folder { try console.print("written to \(folder)") }
    }
  }

  /// The command that makes the same tables: without the output path, `--force`, `--threads` and what only changes the text.
  private var canonicalCommand: [String] {
    var command = CanonicalCommand("angles", input: embedding.input)
    command.add(embedding.options)
    command.add("--head-size", embedding.headSize.map(String.init))
    command.add(recipes)
    command.add("--positions", positions?.description)
    command.add("--ranges", ranges?.description)
    return command.words
  }
}
