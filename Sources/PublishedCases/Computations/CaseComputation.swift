// What a step of a case can compute, by its JSON name. A new kind is a file with a conforming type and a line in the list below.

import EmulatedEngine
import FloatingPointFormats

/// A kind of step.
protocol CaseComputation: Sendable {
  /// The spelling of `compute`.
  static var name: String { get }
  /// One sentence for people.
  static var summary: String { get }
  /// Keys beside `name` and `compute`.
  static var keys: [String] { get }
  /// Whether it runs for long on the shipped sample.
  static var isExperiment: Bool { get }
  /// Reads and checks what the step states.
  init(_ object: CaseObject, _ names: CaseNames) throws
  /// What it gives: "" is the step itself, any other part is called `step.part`.
  var parts: [String] { get }
  /// Computes every part.
  ///
  /// - Throws: ``StepFailure``, `UndecidedRounding`, and what an experiment throws.
  func run(_ scope: CaseScope) throws -> [String: CaseValue]
}

extension CaseComputation {
  static var isExperiment: Bool { false }
  var parts: [String] { [""] }
}

/// Why a step cannot be computed; ``PublishedCase/run(threads:)`` adds the place.
struct StepFailure: Error {
  var reason: String
}

/// The kinds of steps there are.
public enum CaseComputations {
  static let all: [any CaseComputation.Type] = [
    RoundStep.self, ExpressionStep.self, TableEntryStep.self, TableScanStep.self, NeighboursStep.self,
    DistinctStep.self, ArangeStep.self, SpacingStep.self, ScalingStep.self, CorrectionDimensionStep.self,
    RotationStep.self, DriftStep.self,
  ]

  /// Names, keys and meanings, in the order in which they are listed.
  public static var descriptions: [(name: String, keys: [String], summary: String)] {
    all.map { ($0.name, $0.keys, $0.summary) }
  }

  static func named(_ object: CaseObject) throws -> any CaseComputation.Type {
    let name = try object.string("compute")
    let names = all.map { $0.name }
    guard let type = all.first(where: { $0.name == name }) else {
      throw object.invalid(
        "compute", "'\(name)'",
        expected: "one of " + names.joined(separator: ", ") + didYouMean(nearestName(to: name, among: names)))
    }
    return type
  }
}
