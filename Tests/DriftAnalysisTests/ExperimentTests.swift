// The run as a whole: against a loop over single scores, for any number of threads, and for inputs at the edge.

import EmulatedEngine
import FloatingPointFormats
import Foundation
import ReferenceEngine
import RotaryAttention
import TensorIO
import Testing

@testable import DriftAnalysis

@Suite struct ExperimentTests {
  private func experiment(
    _ spelling: String, recipes: [String] = ["hf-bf16", "fp32"],
    comparisons: [ShiftPair] = [ShiftPair(0, 16)],
    sweep: [ShiftPair] = [], lengths: [Int]? = nil, stored: Bool = false, layers: [Int]? = nil,
    heads: [Int]? = nil
  ) throws -> DriftExperiment {
    let input = try AttentionInput.open(spelling)
    return try DriftExperiment(
      input: input,
      embedding: RotaryEmbedding(
        headSize: input.layerShapes[0].headSize, rotarySize: Int(input.metadata["rope.rotary_size"] ?? ""),
        base: NumberLiteral(input.metadata["rope.base"] ?? "10000"),
        layout: RotaryLayout(rawValue: input.metadata["rope.layout"] ?? "half-split")!),
      recipes: recipes.map(RecipeRegistry.named), layers: layers, heads: heads, comparisons: comparisons,
      sweep: sweep, lengths: lengths, usesStoredFrequencies: stored)
  }

  private let small = "synthetic:normal,heads=4,kv_heads=2,tokens=40,head_dim=8,layers=2,seed=5"

  @Test func noByteDependsOnTheNumberOfThreads() throws {
    let experiment = try experiment(
      small, sweep: [ShiftPair(2, 16), ShiftPair(100, 16)], lengths: [5, 33, 40])
    let one = try experiment.run(threads: 1)
    for threads in [2, 5] {
      let other = try experiment.run(threads: threads)
      for (a, b) in zip(one.recipes, other.recipes) {
        #expect(a.comparisons[0].totals == b.comparisons[0].totals)
        #expect(a.comparisons[0].keys == b.comparisons[0].keys)
        #expect(a.comparisons[0].distances == b.comparisons[0].distances)
        #expect(a.comparisons[0].heads == b.comparisons[0].heads)
        #expect(a.comparisons[0].lengths == b.comparisons[0].lengths)
        #expect(a.comparisons[0].error.logit == b.comparisons[0].error.logit)
        #expect(a.comparisons[0].error.probability == b.comparisons[0].error.probability)
        #expect(a.sweep.map(\.totals) == b.sweep.map(\.totals))
      }
    }
  }

  /// D and D_logit and the errors from single scores in the plain tier and from the relative form, added in plain loops. Queries
  /// are fewer than keys.
  @Test func totalsAgreeWithALoopOverSingleScores() throws {
    let spelling =
      "synthetic:normal,heads=2,kv_heads=1,tokens=12,query_tokens=7,head_dim=6,rotary_size=4,layers=1,layout=interleaved"
    let experiment = try experiment(spelling, recipes: ["hf-fp16"], comparisons: [ShiftPair(3, 1000)])
    let results = try experiment.run(threads: 2)
    let emulation = experiment.emulations[0]
    let reference = try ReferenceProblem(embedding: experiment.embedding, scale: experiment.scale)
    var (weighted, unweighted, firstLogit, squares, referenceSquares) = (0.0, 0.0, 0.0, 0.0, 0.0)
    for head in 0..<2 {
      let q = try experiment.input.queries(layer: 0, head: head)
      let k = try experiment.input.keys(layer: 0, kvHead: 0)
      var keySums = [Double](repeating: 0, count: 12)
      var keyCounts = [Double](repeating: 0, count: 12)
      for query in 0..<7 {
        var rows: [[Double]] = []
        let visible = query + 5 + 1
        for shift in [3, 1000] {
          rows.append(
            try (0..<visible).map { key in
              try emulation.score(
                query: Array(q[query * 6..<query * 6 + 6]), key: Array(k[key * 6..<key * 6 + 6]),
                queryPosition: query + 5 + shift, keyPosition: key + shift
              ).logit.binary64()
            })
        }
        let probabilities = rows.map { row in
          let weights = row.map { exp($0 - row.max()!) }
          let sum = weights.reduce(0, +)
          return weights.map { FloatingPointFormat.fp16.rounded(Double(Float($0 / sum))) }
        }
        for key in 0..<visible {
          keySums[key] += abs(probabilities[0][key] - probabilities[1][key])
          keyCounts[key] += 1
          let exact = reference.relativeFormScore(
            query: Array(q[query * 6..<query * 6 + 6]), key: Array(k[key * 6..<key * 6 + 6]),
            queryPosition: query + 5, keyPosition: key)!
          let value = FloatingPointFormat.fp64.rounded(try exact.exactValue())
          squares += (rows[0][key] - value) * (rows[0][key] - value)
          referenceSquares += value * value
        }
        firstLogit += abs(rows[0][0] - rows[1][0]) / 7
      }
      weighted += zip(keySums, keyCounts).map { $0 / $1 }.reduce(0, +)
      unweighted += keySums.reduce(0, +)
    }
    let comparison = results.recipes[0].comparisons[0]
    #expect(abs(comparison.totals.dWeighted! - weighted) < 1e-13)
    #expect(abs(comparison.totals.dUnweighted! - unweighted) < 1e-13)
    #expect(abs(comparison.totals.dLogit! - firstLogit) < 1e-13)
    #expect(abs(comparison.error.logit.normalizedMeanSquare! / (squares / referenceSquares) - 1) < 1e-12)
    #expect(comparison.totals.visiblePairs == 2 * (6 + 7 + 8 + 9 + 10 + 11 + 12))
    #expect(weighted > 0 && firstLogit > 0)
  }

  @Test func equalShiftsDoNotDrift() throws {
    let results = try experiment(small, comparisons: [ShiftPair(7, 7)]).run(threads: 2)
    for recipe in results.recipes {
      #expect(recipe.comparisons[0].totals.dUnweighted == 0)
      #expect(recipe.comparisons[0].totals.sumAbsLogitDifference == 0)
      #expect(recipe.comparisons[0].totals.concentration(in: .logit)?.share == nil)
    }
  }

  private func exactUpToTheLogit(_ name: String, storing format: FloatingPointFormat) throws -> Recipe {
    var recipe = try RecipeRegistry.named("fa2-bf16")
    recipe.name = name
    recipe.inverseFrequency.rounding = .exact
    for path in [
      \Recipe.position, \Recipe.angle.rounding, \Recipe.trig.rounding, \Recipe.table, \Recipe.input,
      \Recipe.rotated,
    ] {
      recipe[keyPath: path] = .exact
    }
    recipe.rotation.rounding = .exact
    recipe.dot = Recipe.Dot(order: .exact, rounding: .exact)
    recipe.logit = Recipe.Logit(storedScore: .exact, scaleFactor: .exact, rounding: RoundingChain([format]))
    return recipe
  }

  /// Only the logit is rounded: error of at most half a unit, and no drift at all.
  @Test func arithmeticThatIsExactUpToTheLogitHasErrorAndNoDrift() throws {
    let recipe = try exactUpToTheLogit("logit only", storing: .bf16)
    let input = try AttentionInput.open(small)
    let results = try DriftExperiment(
      input: input, embedding: RotaryEmbedding(headSize: 8, base: NumberLiteral(10000), layout: .halfSplit),
      recipes: [recipe], comparisons: [ShiftPair(0, 1_000_003)]
    ).run(threads: 2)
    let comparison = results.recipes[0].comparisons[0]
    #expect(comparison.totals.sumAbsLogitDifference == 0)
    #expect(comparison.error.logit.maximumUlps! <= 0.5 && comparison.error.logit.maximumUlps! > 0.4)
  }

  /// Only the frequencies are rounded, and the logit to binary64: against the reference at those frequencies nothing is left.
  @Test func storedFrequenciesTakeTheirOwnErrorOutOfTheReference() throws {
    var recipe = try exactUpToTheLogit("frequencies only", storing: .fp64)
    recipe.inverseFrequency.rounding = RoundingChain([.fp32, .bf16])
    let input = try AttentionInput.open("synthetic:normal,heads=1,kv_heads=1,tokens=24,head_dim=16,layers=1")
    let embedding = try RotaryEmbedding(headSize: 16, base: NumberLiteral(10000), layout: .halfSplit)
    let maxima = try [false, true].map { stored in
      try DriftExperiment(
        input: input, embedding: embedding, recipes: [recipe], usesStoredFrequencies: stored
      ).run(threads: 2).recipes[0].comparisons[0].error.logit.absolute.maximum!
    }
    #expect(maxima[0] > 1e-3 && maxima[1] == 0)
  }

  @Test func nonFiniteInputIsCountedAndTheRunGoesOn() throws {
    var q = (0..<6 * 4).map { Double($0 % 5) - 2 }
    q[2 * 4 + 1] = .nan
    var k = q.map { $0 + 1 }
    k[4 * 4] = .infinity
    var writer = SafetensorsWriter(metadata: ["rope.layout": "half-split", "rope.base": "100"])
    try writer.add("layers.3.q", .f32, shape: [1, 6, 4], values: q)
    try writer.add("layers.3.k", .f32, shape: [1, 6, 4], values: k)
    let input = try AttentionInput(SafetensorsFile(bytes: writer.bytes(), named: "broken.safetensors"))
    let results = try DriftExperiment(
      input: input, embedding: RotaryEmbedding(headSize: 4, base: NumberLiteral(100), layout: .halfSplit),
      recipes: RecipeRegistry.all
    ).run(threads: 2)
    #expect(results.nonFinite.map(\.count.total) == [1, 2])
    // Row 2 whole (3 pairs), key 2 for queries 3, 4, 5 (its NaN), key 4 for queries 4 and 5.
    for recipe in results.recipes {
      #expect(recipe.comparisons[0].totals.logit.nonfiniteCount == 3 + 3 + 2, "\(recipe.name)")
      #expect(recipe.comparisons[0].totals.logit.finiteCount == 21 - 8)
      // A row with one NaN logit has NaN probabilities throughout: rows 2, 3, 4, 5.
      #expect(recipe.comparisons[0].totals.probability.nonfiniteCount == 3 + 4 + 5 + 6)
      #expect(recipe.comparisons[0].error.logit.absolute.nonfiniteCount == 8)
    }
  }

  @Test func inputBeyondTheFormatIsCounted() throws {
    var writer = SafetensorsWriter(metadata: [:])
    try writer.add("layers.0.q", .f32, shape: [1, 1, 4], values: [70000, 1e-6, 1e-30, 1])
    try writer.add("layers.0.k", .f32, shape: [1, 1, 4], values: [1, 1, 1, 65519])
    let input = try AttentionInput(SafetensorsFile(bytes: writer.bytes(), named: "wide.safetensors"))
    let results = try DriftExperiment(
      input: input, embedding: RotaryEmbedding(headSize: 4, base: NumberLiteral(100), layout: .halfSplit),
      recipes: [RecipeRegistry.named("hf-fp16")]
    ).run(threads: 1)
    let counts = results.recipes[0].inputRounding
    #expect(counts.overflow == 1 && counts.underflow == 2 && counts.flushedToZero == 1)
  }

  @Test func setUpsThatCannotBeMeantAreRefused() throws {
    #expect(throws: ExperimentError.unknownLayer(5, known: [0, 1])) { try experiment(small, layers: [5]) }
    #expect(throws: ExperimentError.unknownHead(4, layer: 0, heads: 4)) { try experiment(small, heads: [4]) }
    #expect(throws: ExperimentError.lengthOutOfRange(41, tokens: 40)) { try experiment(small, lengths: [41]) }
    #expect(throws: ExperimentError.empty("recipes")) { try experiment(small, recipes: []) }
    #expect(throws: ExperimentError.empty("shifts")) { try experiment(small, comparisons: []) }
    #expect(throws: ExperimentError.repeatedRecipe("fp32")) {
      try experiment(small, recipes: ["fp32", "fp32"])
    }
    #expect(throws: ProblemError.self) { try experiment(small, comparisons: [ShiftPair(0, 1 << 53)]) }
    #expect(throws: ProblemError.self) { try experiment(small, sweep: [ShiftPair(-(1 << 53) - 1, 0)]) }
  }

  @Test func defaultLengthsArePowersOfTwoFrom64() {
    #expect(DriftExperiment.defaultLengths(512) == [64, 128, 256, 512])
    #expect(DriftExperiment.defaultLengths(600) == [64, 128, 256, 512])
    #expect(DriftExperiment.defaultLengths(40) == [40])
  }

  /// A first key whose drift is 2^90 times that of all others together: what cancels in "total less key" is added up instead.
  @Test func ratiosSurviveAnOverwhelmingKey() throws {
    let geometry = try PairGeometry(causalQueryPositions: [0, 1, 2], keyPositions: [0, 1, 2])
    let tile = DriftAccumulator(geometry)
    tile.reset(layer: 0, head: 0, queries: 0..<3)
    let first = [0x1p50, 0x1p-40, 0x1p-40]
    let zeros = [0.0, 0, 0]
    first.withUnsafeBufferPointer { first in
      zeros.withUnsafeBufferPointer { zeros in
        for query in 0..<3 {
          let a = UnsafeBufferPointer(rebasing: first[..<(query + 1)])
          let b = UnsafeBufferPointer(rebasing: zeros[..<(query + 1)])
          tile.add(query: query, keys: 0..<query + 1, logits: (a, b), probabilities: (a, b))
        }
      }
    }
    // Key 0: mean 2^50 over three queries; others: mean 2^-40 over three pairs.
    #expect(tile.totals(scale: 1).concentration(in: .logit)?.ratioToOthers == 0x1p90)
    #expect(tile.keyRows[0].probabilityConcentration.ratioToOthers == 0x1p90)
  }

  @Test func squaresOutsideBinary64AreMissingAndNotZeroOrInfinite() throws {
    for magnitude in [0x1p-600, 0x1p600] {
      let geometry = try PairGeometry(causalQueryPositions: [0], keyPositions: [0])
      let tile = DriftAccumulator(geometry)
      tile.reset(layer: 0, head: 0, queries: 0..<1)
      [magnitude].withUnsafeBufferPointer { a in
        [0.0].withUnsafeBufferPointer { b in
          tile.add(query: 0, keys: 0..<1, logits: (a, b), probabilities: (b, b))
        }
      }
      let totals = tile.totals(scale: 1)
      #expect(totals.logit.rootMeanSquare == nil && totals.logit.mean == magnitude)
      #expect(totals.probability.rootMeanSquare == 0)
    }
  }
}
