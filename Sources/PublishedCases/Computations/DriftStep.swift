// A drift experiment on the shipped sample: what a published figure shows of another model, measured here.

import DriftAnalysis
import EmulatedEngine
import FloatingPointFormats
import RotaryAttention
import TensorIO

/// Recipes at pairs of shifts on one input; quantities are lists over the pairs.
struct DriftStep: CaseComputation {
  static let name = "drift"
  static let summary =
    "Drift of recipes on an input at several first shifts against one second shift: RECIPE.QUANTITY, lists over the first shifts."
  static let keys = ["input", "recipes", "firstShifts", "secondShift", "tablesAt"]
  static let isExperiment = true

  private let input: String
  private let recipes: [Recipe]
  private let firstShifts: [Int]
  private let secondShift: Int
  private let tablesAt: Int

  init(_ object: CaseObject, _ names: CaseNames) throws {
    input = try object.string("input")
    guard input == "sample" || input.hasPrefix("synthetic:") else {
      throw object.invalid("input", "'\(input)'", expected: "'sample', or 'synthetic:…' as --help has it")
    }
    recipes = try object.texts("recipes").texts.map { name in
      do {
        return try RecipeRegistry.named(name)
      } catch {
        throw object.invalid("recipes", "'\(name)'", expected: "named recipes: \(error)")
      }
    }
    firstShifts = try object.positions("firstShifts")
    secondShift = try object.integer("secondShift", in: -TokenPositions.limit...TokenPositions.limit)
    tablesAt = try object.integer("tablesAt", in: -TokenPositions.limit...TokenPositions.limit)
    guard firstShifts.contains(tablesAt) else {
      throw object.invalid(
        "tablesAt", expected: "one of the first shifts, at which tables by key and length are made")
    }
  }

  /// Quantities over all first shifts.
  private static let swept: [(name: String, value: @Sendable (DriftTotals) -> Double?)] = [
    ("dWeighted", { $0.dWeighted }), ("dLogit", { $0.dLogit }),
    ("firstKeyShareLogit", { $0.concentration(in: .logit)?.share }),
    ("firstKeyShareProbability", { $0.concentration(in: .probability)?.share }),
    ("fiveKeyFractionLogit", { $0.fiveKeyFraction(in: .logit) }),
    ("fiveKeyFractionProbability", { $0.fiveKeyFraction(in: .probability) }),
  ]

  var parts: [String] {
    let more = ["firstKeyRankLogit", "firstKeyRankProbability", "lengths", "dLogitByLength"]
    return recipes.flatMap { recipe in (Self.swept.map(\.name) + more).map { "\(recipe.name).\($0)" } }
  }

  func run(_ scope: CaseScope) throws -> [String: CaseValue] {
    let attention =
      try input == "sample"
      ? AttentionInput.shippedSample() : SyntheticInput(spelling: input).attentionInput()
    guard let base = attention.metadata[AttentionInput.Metadata.base] else {
      throw StepFailure(reason: "the input has no \(AttentionInput.Metadata.base)")
    }
    guard let layout = attention.metadata[AttentionInput.Metadata.layout].flatMap(RotaryLayout.init) else {
      throw StepFailure(reason: "the input has no known \(AttentionInput.Metadata.layout)")
    }
    let rotarySize = try attention.metadata[AttentionInput.Metadata.rotarySize].map { text in
      guard let size = Int(text) else {
        throw StepFailure(
          reason: "the input's \(AttentionInput.Metadata.rotarySize) is '\(text)', no integer")
      }
      return size
    }
    let embedding = try RotaryEmbedding(
      headSize: attention.layerShapes[0].headSize, rotarySize: rotarySize,
      base: NumberLiteral(base), layout: layout,
      scaling: attention.metadata[AttentionInput.Metadata.scaling].map { try RotaryScaling(spelling: $0) }
        ?? .none)
    let experiment = try DriftExperiment(
      input: attention, embedding: embedding, recipes: recipes,
      comparisons: [ShiftPair(tablesAt, secondShift)],
      sweep: firstShifts.filter { $0 != tablesAt }.map { ShiftPair($0, secondShift) })
    let results = try experiment.run(threads: scope.threads)
    var values: [String: CaseValue] = [:]
    for recipe in results.recipes {
      for (part, value) in quantities(recipe) { values["\(recipe.name).\(part)"] = value }
    }
    return values
  }

  private func quantities(_ recipe: RecipeResults) -> [String: CaseValue] {
    func number(_ value: Double?) -> CaseNumber { CaseNumber(.number(value ?? .nan), format: .fp64) }
    let comparison = recipe.comparisons[0]
    let totals = firstShifts.map { shift in
      shift == tablesAt ? comparison.totals : recipe.sweep.first { $0.shifts.first == shift }!.totals
    }
    var values = Dictionary(
      uniqueKeysWithValues: Self.swept.map { quantity in
        (quantity.name, CaseValue(list: totals.map { number(quantity.value($0)) }))
      })
    for (name, share) in [
      ("firstKeyRankLogit", comparison.keys.map(\.logitConcentration.share)),
      ("firstKeyRankProbability", comparison.keys.map(\.probabilityConcentration.share)),
    ] {
      values[name] = CaseValue(Self.rankOfFirst(share))
    }
    values["lengths"] = CaseValue(list: comparison.lengths.map { CaseNumber($0.length) })
    values["dLogitByLength"] = CaseValue(list: comparison.lengths.map { number($0.totals.dLogit) })
    return values
  }

  /// 1 + the number of keys with a greater share than the first; NaN where a share is missing.
  private static func rankOfFirst(_ shares: [Double?]) -> CaseNumber {
    let known = shares.compactMap { $0 }
    guard known.count == shares.count, let first = known.first else {
      return CaseNumber(.number(.nan), format: .fp64)
    }
    return CaseNumber(1 + known.count { $0 > first })
  }
}
