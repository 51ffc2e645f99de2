// Whole runs compared: `--against` and `--null` of `report`, and which other options have no meaning then.

import ArgumentParser
import RoPEDrift

/// `--against`, `--null`.
public struct AgainstOptions: ParsableArguments {
  /// The run at the other shift, as typed.
  @Option(
    help: ArgumentHelp(
      "Compare whole runs: INPUT is a model run at one shift, FILE the same model and tokens at another (Tools/capture.py --shift).",
      valueName: "file"), completion: .file())
  public var against: String?
  /// The null control, as typed.
  @Option(
    help: ArgumentHelp(
      "With --against, INPUT's run with another order of summation (Tools/capture.py --null): what rounding noise alone gives.",
      valueName: "file"), completion: .file())
  public var null: String?

  /// For the parser.
  public init() {}

  /// Whether whole runs are compared.
  ///
  /// - Throws: ``CommandFailure`` (wrong usage) for what has no effect or no meaning then.
  func comparesRuns(
    _ input: InputArgument, _ shifts: ShiftOptions, _ problem: ProblemOptions, _ pattern: PatternOptions,
    _ pictures: PictureOptions
  ) throws -> Bool {
    guard against != nil else {
      guard null == nil else {
        throw CommandFailure(
          .wrongUsage,
          "--null is the control of a comparison of runs; add --against with the run at another shift")
      }
      return false
    }
    guard let input = input.input else {
      throw CommandFailure(
        .wrongUsage,
        "--against compares INPUT with another run, and the shipped sample is one run alone; name INPUT")
    }
    guard [input, against, null].filter({ $0 == "-" }).count < 2 else {
      throw CommandFailure(.wrongUsage, "standard input can be one run alone; name files for the others")
    }
    for (flag, isGiven, reason) in [
      ("--sweep", shifts.sweep != nil, "whole runs are at the shifts at which they were captured"),
      ("--stored-frequencies", problem.storedFrequencies, "a comparison of runs has no reference"),
      ("--html", pictures.html, "the page is of reports of one input"),
      ("--mask", pattern.mask != nil, Self.causal), ("--positions", pattern.positions != nil, Self.causal),
      ("--documents", pattern.documents.isGiven, Self.causal),
    ] where isGiven {
      throw CommandFailure(.wrongUsage, "\(flag) has no effect with --against: \(reason); leave it out")
    }
    _ = try shifts.sweepPairs()
    guard shifts.shifts.count < 2 else {
      throw CommandFailure(
        .wrongUsage, "--shifts states the shifts of INPUT and --against, so it is given once at most")
    }
    return true
  }

  private static let causal = "a captured run is one sequence under the causal mask at consecutive positions"

  /// The comparison that options stand for; all named recipes where none is chosen.
  ///
  /// - Throws: ``CommandFailure``, ``ComparisonInputError`` and the typed errors of what is read.
  func experiment(
    _ input: InputArgument, recipes: RecipeOptions, shifts: ShiftOptions, selection: SelectionOptions,
    problem: ProblemOptions
  ) throws -> PropagatedExperiment {
    let chosen = try recipes.resolve(default: RecipeRegistry.all)
    let stated = shifts.shifts.isEmpty ? nil : try shifts.comparisons()[0]
    let lengths = try shifts.prefixLengths()
    let attention = try input.open()
    func other(_ spelling: String) throws -> AttentionInput {
      do {
        return try AttentionInput.open(spelling)
      } catch let error as TensorFileError {
        throw ComparisonInputError(error)
      }
    }
    let first = try CapturedRun(attention, stated: stated?.first)
    let second = try CapturedRun(try other(against ?? ""), stated: stated?.second)
    let control = try null.map { try CapturedRun(try other($0), stated: stated?.first) }
    let layers = try selection.resolveLayers(of: attention)
    let heads = try selection.resolveHeads(of: layers[0], in: attention)
    let resolved = try problem.resolve(for: attention, layers: layers)
    do {
      return try PropagatedExperiment(
        first: first, second: second, null: control,
        embedding: try resolved.embedding(headSize: layers[0].headSize), scale: resolved.scale,
        softcap: resolved.softcap, recipes: chosen,
        layers: selection.layers == nil ? nil : layers.map(\.index), heads: heads, lengths: lengths)
    } catch let error as ExperimentError {
      throw CommandFailure(.wrongUsage, error.description)
    }
  }
}
