// Whole runs compared: against single scores in the plain tier, and where parts must be equal exactly.

import EmulatedEngine
import FloatingPointFormats
import Foundation
import RotaryAttention
import Testing

@testable import DriftAnalysis

@Suite struct PropagatedTests {
  private static let first = RunFixture(name: "a")
  private static let second = RunFixture(name: "b", shift: 16, offset: 0.015625)
  private static let null = RunFixture(name: "c", offset: 0.001953125)

  @Test func runsOfEqualVectorsDifferByTheIsolatedPartAlone() throws {
    let other = RunFixture(name: "b", shift: 16)
    let experiment = try PropagatedExperiment.of(
      Self.first, other, RunFixture(name: "c"), recipes: ["hf-bf16", "fa2-fp16", "fp32"], lengths: [4, 9])
    let results = try experiment.run(threads: 2)
    let isolated = try experiment.isolated.run(threads: 1)
    for (recipe, alone) in zip(results.recipes, isolated.recipes) {
      let drift = alone.comparisons[0]
      for mode in [PropagatedMode.propagated, .isolated] {
        let found = try #require(recipe[mode])
        #expect(found.totals == drift.totals, "\(recipe.name) \(mode)")
        #expect(found.layers == drift.layers && found.heads == drift.heads)
        #expect(found.lengths == drift.lengths && found.keys == drift.keys)
        #expect(found.distances == drift.distances)
      }
      #expect(drift.totals.sumAbsLogitDifference! > 0)
      for mode in [PropagatedMode.carried, .null] {
        let found = try #require(recipe[mode])
        #expect(found.totals.sumAbsLogitDifference == 0 && found.totals.dWeighted == 0)
        #expect(found.flips.flips == 0 && found.flips.rows == 2 * 2 * 8)
      }
      #expect(results.nullIsFirst)
    }
  }

  /// The isolated part of a run is what `report` of that run alone gives, whatever it is compared with.
  @Test func theIsolatedPartIsThatOfAReportOfTheFirstRun() throws {
    let experiment = try PropagatedExperiment.of(Self.first, Self.second, Self.null, recipes: ["fa2-bf16"])
    let results = try experiment.run(threads: 2)
    let alone = try experiment.isolated.run(threads: 1).recipes[0].comparisons[0]
    #expect(results.recipes[0][.isolated]!.totals == alone.totals)
    #expect(results.recipes[0][.isolated]!.keys == alone.keys)
    #expect(results.recipes[0][.propagated]!.totals != alone.totals)
    #expect(!results.nullIsFirst)
  }

  /// Every mode from single scores in the plain tier, added in plain loops.
  @Test(arguments: ["hf-bf16", "fp32"]) func modesAgreeWithLoopsOverSingleScores(_ name: String) throws {
    let experiment = try PropagatedExperiment.of(
      Self.first, Self.second, Self.null, recipes: [name], layers: [3])
    let results = try experiment.run(threads: 2)
    let emulation = experiment.isolated.emulations[0]
    let runs = [experiment.first, experiment.second, experiment.null!].map(\.input)
    /// Logits [query][key] of a run's q and k at a shift.
    func rows(_ run: Int, _ head: Int, _ shift: Int) throws -> [[Double]] {
      let (q, k) = (
        try runs[run].queries(layer: 3, head: head), try runs[run].keys(layer: 3, kvHead: 0)
      )
      return try (0..<9).map { query in
        try (0...query).map { key in
          try emulation.score(
            query: Array(q[query * 6..<query * 6 + 6]), key: Array(k[key * 6..<key * 6 + 6]),
            queryPosition: query + shift, keyPosition: key + shift
          ).logit.binary64()
        }
      }
    }
    func probabilities(_ rows: [[Double]]) -> [[Double]] {
      rows.map { row in
        let weights = row.map { exp($0 - row.max()!) }
        let sum = weights.reduce(0, +)
        return weights.map {
          name == "fp32" ? $0 / sum : FloatingPointFormat.bf16.rounded(Double(Float($0 / sum)))
        }
      }
    }
    let sides: [PropagatedMode: ((Int, Int), (Int, Int))] = [
      .propagated: ((0, 0), (1, 16)), .isolated: ((0, 0), (0, 16)), .carried: ((0, 16), (1, 16)),
      .null: ((0, 0), (2, 0)),
    ]
    for (mode, (a, b)) in sides {
      var (weighted, logits, first) = (0.0, 0.0, 0.0)
      for head in 0..<2 {
        let (x, y) = (try rows(a.0, head, a.1), try rows(b.0, head, b.1))
        let (p, r) = (probabilities(x), probabilities(y))
        for query in 0..<9 {
          for key in 0...query {
            logits += abs(x[query][key] - y[query][key])
            weighted += abs(p[query][key] - r[query][key]) / Double(9 - key)
          }
          first += abs(x[query][0] - y[query][0]) / 9
        }
      }
      let found = try #require(results.recipes[0][mode])
      #expect(abs(found.totals.sumAbsLogitDifference! - logits) < 1e-12, "\(mode)")
      #expect(abs(found.totals.dLogit! - first) < 1e-13, "\(mode)")
      #expect(abs(found.totals.dWeighted! - weighted) < 1e-12, "\(mode)")
      #expect(logits > 0)
    }
  }

  @Test func noByteDependsOnTheNumberOfThreads() throws {
    let long = { (fixture: RunFixture) -> RunFixture in
      var fixture = fixture
      fixture.tokens = 70
      return fixture
    }
    let experiment = try PropagatedExperiment.of(
      long(Self.first), long(Self.second), long(Self.null), recipes: ["hf-bf16", "fa2-bf16"],
      lengths: [5, 40])
    func measured(_ threads: Int) throws -> ([PropagatedRecipe], [[KeyDrift]]) {
      var keys: [[KeyDrift]] = []
      return (try experiment.run(threads: threads, layer: { keys.append($0.keys) }).recipes, keys)
    }
    let (one, keys) = try measured(1)
    let (other, otherKeys) = try measured(5)
    #expect(keys == otherKeys && keys.count == 2 * 2 * 4)
    for (a, b) in zip(one, other) {
      for (x, y) in zip(a.modes, b.modes) {
        #expect(x.totals == y.totals && x.heads == y.heads && x.lengths == y.lengths && x.keys == y.keys)
        #expect(x.distances == y.distances && x.flips == y.flips && x.headFlips == y.headFlips)
      }
    }
  }

  /// Progress ends at the workload.
  @Test func progressEndsAtTheWorkload() throws {
    let experiment = try PropagatedExperiment.of(Self.first, Self.second, recipes: ["hf-bf16", "fp32"])
    nonisolated(unsafe) var done = 0
    _ = try experiment.run(threads: 1, progress: { done += $0 })
    #expect(done == experiment.workload && done == 3 * 2 * 2 * 2 * 45)
  }

  @Test func nonFiniteElementsAreCountedAndTheRunGoesOn() throws {
    var other = Self.second
    other.offset = .infinity
    let results = try PropagatedExperiment.of(Self.first, other, layers: [0]).run(threads: 2)
    let whole = try #require(results.recipes[0][.propagated])
    #expect(whole.totals.logit.nonfiniteCount == 2 * 45 && whole.totals.dWeighted == nil)
    #expect(whole.flips.nonfiniteRows == 2 * 8 && whole.flips.rows == 0)
    #expect(results.recipes[0][.isolated]!.totals.logit.nonfiniteCount == 0)
  }
}
