// Columns against the whole experiment: the same figures, bit for bit.

import EmulatedEngine
import FloatingPointFormats
import Foundation
import RotaryAttention
import TensorIO
import Testing

@testable import DriftAnalysis

@Suite("Columns") struct ColumnTests {
  private static func experiment(_ recipes: [Recipe], _ spelling: String, shifts: [ShiftPair]) throws
    -> DriftExperiment
  {
    let input = try AttentionInput.open("synthetic:" + spelling)
    return try DriftExperiment(
      input: input,
      embedding: RotaryEmbedding(
        headSize: 8, rotarySize: 6, base: NumberLiteral("10000"), layout: .halfSplit),
      recipes: recipes, comparisons: shifts, lengths: [input.layerShapes[0].tokens(of: .key)])
  }

  private static let recipes: [Recipe] = {
    var stochastic = try! RecipeRegistry.named("hf-bf16")
    stochastic.name = "stochastic"
    stochastic.input = RoundingChain([.bf16], rounding: .stochastic(seed: 2))
    stochastic.rotated = RoundingChain([.bf16], rounding: .stochastic(seed: 3))
    stochastic.logit.rounding = RoundingChain([.bf16], rounding: .stochastic(seed: 4))
    stochastic.dot.rounding = RoundingChain([.bf16], rounding: .stochastic(seed: 5))
    var exact = try! RecipeRegistry.named("fp32")
    exact.name = "exact from trig to dot"
    (exact.trig.rounding, exact.table, exact.rotation.rounding, exact.rotated) = (
      .exact, .exact, .exact, .exact
    )
    (exact.dot.rounding, exact.dot.order) = (.exact, .exact)
    return [try! RecipeRegistry.named("hf-bf16"), try! RecipeRegistry.named("fp32"), stochastic, exact]
  }()

  /// Two chunks of a tile and a ragged third, with both ways of sharing tables between shifts; queries that begin within a tile.
  @Test(
    "figures are those of the whole experiment, however the queries are cut",
    arguments: ["tokens=67", "tokens=67,query_tokens=36", "tokens=1"])
  func areThoseOfTheReport(tokens: String) throws {
    let spelling =
      "sink,heads=2,kv_heads=1,layers=2,head_dim=8,rotary_size=6,dtype=fp32,\(tokens)"
    let shifts = [ShiftPair(0, 16), ShiftPair(1_000_000, -7)]
    let experiment = try Self.experiment(Self.recipes, spelling, shifts: shifts)
    let keys = [0, 1, 2, 8, 64, 66].filter { $0 < experiment.shape.keyTokens }
    let whole = try experiment.run(threads: 2)
    for (chunkSize, threads) in [(32, 2), (4096, 1)] {
      var columns = try ColumnExperiment(experiment, keys: keys)
      columns.chunkSize = chunkSize
      let progress = Progress()
      let found = try columns.run(threads: threads) { progress.add($0) }
      #expect(progress.total == columns.workload)
      for (recipe, comparisons) in found.recipes.enumerated() {
        for (index, comparison) in comparisons.enumerated() {
          let expected = whole.recipes[recipe].comparisons[index]
          let name = "\(whole.recipes[recipe].name), \(shifts[index]), chunks of \(chunkSize)"
          #expect(comparison.columns.map(\.drift) == keys.map { expected.keys[$0].logit }, "\(name)")
          for (column, key) in zip(comparison.columns, keys) {
            // A report's rows keep no squares and no signed sums of errors.
            let (error, reference) = (try #require(column.error), expected.error.keys[key].logit)
            #expect(error.count == reference.count && error.magnitude == reference.magnitude, "\(name)")
            #expect(
              error.maximum == reference.maximum && error.maximumPlace == reference.maximumPlace, "\(name)")
          }
          #expect(comparison.dLogit == expected.totals.dLogit, "\(name)")
          #expect(comparison.dLogitUnscaled == expected.totals.dLogitUnscaled, "\(name)")
          #expect(comparison.fiveKeyFraction == expected.totals.fiveKeyFraction(in: .logit), "\(name)")
        }
      }
    }
  }

  @Test("keys that are not there, and none") func refusals() throws {
    let experiment = try Self.experiment(
      [Self.recipes[0]], "normal,tokens=5,head_dim=8,rotary_size=6", shifts: [ShiftPair(0, 1)])
    #expect(throws: ExperimentError.empty("keys")) { try ColumnExperiment(experiment, keys: []) }
    #expect(throws: ExperimentError.keyOutOfRange(5, tokens: 5)) {
      try ColumnExperiment(experiment, keys: [0, 5])
    }
    #expect(throws: ExperimentError.keyOutOfRange(-1, tokens: 5)) {
      try ColumnExperiment(experiment, keys: [-1])
    }
    let columns = try ColumnExperiment(experiment, keys: [3, 1, 3], measuresError: false)
    #expect(columns.keys == [1, 3])
    let found = try columns.run(threads: 1).recipes[0][0]
    #expect(
      found.columns.allSatisfy { $0.error == nil } && found.dLogit == nil && found.fiveKeyFraction == nil)
  }
}

private final class Progress: @unchecked Sendable {
  private let lock = NSLock()
  private var sum = 0
  var total: Int { lock.withLock { sum } }
  func add(_ steps: Int) { lock.withLock { sum += steps } }
}
