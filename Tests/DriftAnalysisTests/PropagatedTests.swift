// Whole runs compared: against single scores in the plain tier, by hand on stored attention, and where parts must be equal exactly.

import EmulatedEngine
import FloatingPointFormats
import Foundation
import RotaryAttention
import TensorIO
import Testing

@testable import DriftAnalysis

/// A capture in memory: two layers of seeded q and k, with metadata of a run.
struct RunFixture {
  var name: String
  var shift: Int? = 0
  var seed: UInt64 = 1
  /// Added to every element of q: what another run's hidden states make of them.
  var offset = 0.0
  var layers = [0, 3]
  var heads = (2, 1)
  var tokens = 9
  var size = 6
  var type = TensorElementType.f32
  var metadata: [String: String] = [:]
  var identifiers: [Double]?
  /// (logits, probabilities) [heads, rows, tokens] of every layer, and the queries of the rows.
  var stored: (logits: [Double], probabilities: [Double], rows: [Double]?)?

  func input() throws -> AttentionInput {
    var all = ["rope.layout": "half-split", "rope.base": "100"]
    all["run.shift"] = shift.map(String.init)
    all.merge(metadata) { $1 }
    var writer = SafetensorsWriter(metadata: all.filter { $0.value != "-" })
    var numbers = SeededNumbers(seed: seed)
    for layer in layers {
      let q = (0..<heads.0 * tokens * size).map { _ in numbers.next() * 3 }
      let k = (0..<heads.1 * tokens * size).map { _ in numbers.next() * 3 }
      try writer.add(
        "layers.\(layer).q", type, shape: [heads.0, tokens, size], values: q.map { $0 + offset })
      try writer.add("layers.\(layer).k", type, shape: [heads.1, tokens, size], values: k)
      if let stored {
        let rows = stored.rows?.count ?? tokens
        for (kind, values) in [("logits", stored.logits), ("probabilities", stored.probabilities)] {
          try writer.add("layers.\(layer).\(kind)", .f64, shape: [heads.0, rows, tokens], values: values)
        }
      }
    }
    if let identifiers {
      try writer.add("token_ids", .f64, shape: [identifiers.count], values: identifiers)
    }
    if let rows = stored?.rows {
      try writer.add("attention.rows", .f64, shape: [rows.count], values: rows)
    }
    return try AttentionInput(SafetensorsFile(bytes: writer.bytes(), named: name))
  }

  func run(stated: Int? = nil) throws -> CapturedRun { try CapturedRun(input(), stated: stated) }
}

@Suite struct PropagatedTests {
  private static func experiment(
    _ first: RunFixture, _ second: RunFixture, _ null: RunFixture? = nil, recipes: [String] = ["hf-bf16"],
    layers: [Int]? = nil, lengths: [Int]? = nil
  ) throws -> PropagatedExperiment {
    try PropagatedExperiment(
      first: first.run(), second: second.run(), null: null.map { try $0.run() },
      embedding: RotaryEmbedding(headSize: first.size, base: NumberLiteral(100), layout: .halfSplit),
      recipes: recipes.map(RecipeRegistry.named), layers: layers, lengths: lengths)
  }

  private static let first = RunFixture(name: "a")
  private static let second = RunFixture(name: "b", shift: 16, offset: 0.015625)
  private static let null = RunFixture(name: "c", offset: 0.001953125)

  @Test func runsOfEqualVectorsDifferByTheIsolatedPartAlone() throws {
    let other = RunFixture(name: "b", shift: 16)
    let experiment = try Self.experiment(
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
    let experiment = try Self.experiment(Self.first, Self.second, Self.null, recipes: ["fa2-bf16"])
    let results = try experiment.run(threads: 2)
    let alone = try experiment.isolated.run(threads: 1).recipes[0].comparisons[0]
    #expect(results.recipes[0][.isolated]!.totals == alone.totals)
    #expect(results.recipes[0][.isolated]!.keys == alone.keys)
    #expect(results.recipes[0][.propagated]!.totals != alone.totals)
    #expect(!results.nullIsFirst)
  }

  /// Every mode from single scores in the plain tier, added in plain loops.
  @Test(arguments: ["hf-bf16", "fp32"]) func modesAgreeWithLoopsOverSingleScores(_ name: String) throws {
    let experiment = try Self.experiment(Self.first, Self.second, Self.null, recipes: [name], layers: [3])
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
    let experiment = try Self.experiment(
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
    let experiment = try Self.experiment(Self.first, Self.second, recipes: ["hf-bf16", "fp32"])
    nonisolated(unsafe) var done = 0
    _ = try experiment.run(threads: 1, progress: { done += $0 })
    #expect(done == experiment.workload && done == 3 * 2 * 2 * 2 * 45)
  }

  /// One head, two rows of two tokens, figures worked out by hand.
  @Test func storedAttentionByHand() throws {
    func fixture(_ name: String, _ shift: Int, _ logits: [Double], _ probabilities: [Double]) -> RunFixture {
      RunFixture(
        name: name, shift: shift, layers: [0], heads: (1, 1), tokens: 2, size: 2,
        stored: (logits, probabilities, nil))
    }
    // Row 0 sees key 0 alone; what stands at key 1 of row 0 is not seen and not read.
    let a = fixture("a", 0, [2, 777, 1, 3], [1, 777, 0.25, 0.75])
    let b = fixture("b", 4, [2.5, -777, 4, 3], [1, -777, 0.75, 0.25])
    let c = fixture("c", 0, [2, 5, 1, 2.5], [1, 5, 0.375, 0.625])
    let results = try Self.experiment(a, b, c).run(threads: 1)
    #expect(results.recipes.map(\.name) == ["hf-bf16", "stored"])
    let stored = results.recipes[1]
    #expect(stored.modes.map(\.mode) == [.propagated, .null] && stored.shareBound == .none)
    let whole = try #require(stored[.propagated])
    // Logits: |2 − 2.5|, |1 − 4|, |3 − 3|; probabilities: 0, |0.25 − 0.75|, |0.75 − 0.25|.
    #expect(whole.totals.sumAbsLogitDifference == 3.5)
    #expect(whole.totals.dLogit == (0.5 + 3) / 2)
    #expect(whole.totals.dUnweighted == 1)
    // n_0 = 1/2, n_1 = 1.
    #expect(whole.totals.dWeighted == 0.5 / 2 + 0.5)
    #expect(whole.totals.dSigned == 0.5 / 2 + 0.5)
    #expect(whole.keys.map(\.logit.signedMean) == [(-0.5 - 3) / 2, 0])
    #expect(whole.totals.concentration(in: .probability)?.share == 0.5)
    // Row 1: key 1 leads by 2 in A and is beaten in B. Row 0 has one key.
    #expect(whole.flips.rows == 1 && whole.flips.flips == 1)
    #expect(whole.flips.meanMargin == 2 && whole.flips.greatestMargin == 2)
    let null = try #require(stored[.null])
    #expect(null.totals.sumAbsLogitDifference == 0.5 && null.totals.dUnweighted == 0.25)
    #expect(null.totals.dWeighted == 0.125 / 2 + 0.125 && null.flips.flips == 0)
  }

  /// Rows of some queries: n_j counts those that see the key.
  @Test func storedRowsOfSomeQueries() throws {
    func fixture(_ name: String, _ shift: Int, _ logits: [Double]) -> RunFixture {
      RunFixture(
        name: name, shift: shift, layers: [0], heads: (1, 1), tokens: 3, size: 2,
        stored: (logits, logits.map { $0 / 8 }, [0, 2]))
    }
    let a = fixture("a", 0, [1, 0, 0, 1, 2, 3])
    let b = fixture("b", 4, [3, 0, 0, 1, 2.5, 2])
    let whole = try #require(try Self.experiment(a, b).run(threads: 2).recipes[1][.propagated])
    // Key 0 is seen by both rows (2 and 0), keys 1 and 2 by one (0.5, 1).
    #expect(whole.totals.logit.count == 4 && whole.totals.sumAbsLogitDifference == 3.5)
    #expect(whole.totals.dWeighted == (2.0 / 8) / 2 + 0.5 / 8 + 1.0 / 8)
    #expect(whole.keys.map(\.count) == [2, 1, 1])
    #expect(whole.flips.rows == 1 && whole.flips.flips == 1)
  }

  @Test func topKeysByHand() {
    var flips = TopKeyFlips()
    func add(_ first: [Double], _ second: [Double]) {
      first.withUnsafeBufferPointer { a in second.withUnsafeBufferPointer { flips.add(a, $0) } }
    }
    add([1], [2])  // one key: no row
    add([1, 4, 2.5], [0, 3, 3])  // a tie that includes the top key is no flip
    add([1, 4, 2.5], [0, 3, 3.5])  // flip, margin 1.5
    add([4, 4, 0], [1, 2, 0])  // the first of two greatest is beaten, margin 0
    add([1, .nan], [1, 2])
    add([1, 2], [.infinity, 2])
    #expect(flips.rows == 3 && flips.flips == 2 && flips.nonfiniteRows == 2)
    #expect(flips.meanMargin == 0.75 && flips.greatestMargin == 1.5 && flips.fraction == 2.0 / 3)
    var sum = TopKeyFlips()
    #expect(sum.fraction == nil && sum.meanMargin == nil && sum.greatestMargin == nil)
    sum.merge(flips)
    sum.merge(flips)
    #expect(sum.rows == 6 && sum.flips == 4 && sum.nonfiniteRows == 4 && sum.meanMargin == 0.75)
  }

  @Test func nonFiniteElementsAreCountedAndTheRunGoesOn() throws {
    var other = Self.second
    other.offset = .infinity
    let results = try Self.experiment(Self.first, other, layers: [0]).run(threads: 2)
    let whole = try #require(results.recipes[0][.propagated])
    #expect(whole.totals.logit.nonfiniteCount == 2 * 45 && whole.totals.dWeighted == nil)
    #expect(whole.flips.nonfiniteRows == 2 * 8 && whole.flips.rows == 0)
    #expect(results.recipes[0][.isolated]!.totals.logit.nonfiniteCount == 0)
  }
}

/// What does not fit is refused with file, tensor, expected and found.
@Suite struct UnfitRunTests {
  static let cases: [(String, @Sendable () throws -> Void, [String])] = [
    (
      "same shift", { try compare { $0.shift = 0 } },
      ["b: expected a run at another shift", "shift 0 in both"]
    ),
    ("tokens", { try compare { $0.tokens = 8 } }, ["b: tensor 'layers.0.q'", "[2, 9, 6]", "[2, 8, 6]"]),
    ("heads", { try compare { $0.heads = (4, 1) } }, ["tensor 'layers.0.q'", "[4, 9, 6]"]),
    ("key heads", { try compare { $0.heads = (2, 2) } }, ["tensor 'layers.0.k'", "[1, 9, 6]", "[2, 9, 6]"]),
    ("type", { try compare { $0.type = .f64 } }, ["tensor 'layers.0.q'", "F32", "found F64"]),
    ("layers", { try compare { $0.layers = [0] } }, ["b: expected the layers of a, 0, 3, found 0"]),
    (
      "a chosen layer", { try compare(layers: [3]) { $0.layers = [0] } },
      ["b: tensor 'layers.3.q'", "found layers 0"]
    ),
    ("base", { try compare { $0.metadata["rope.base"] = "1000" } }, ["rope.base '100'", "'1000'"]),
    ("layout", { try compare { $0.metadata["rope.layout"] = "interleaved" } }, ["rope.layout 'half-split'"]),
    ("size", { try compare { $0.metadata["rope.rotary_size"] = "4" } }, ["rope.rotary_size '6'", "'4'"]),
    (
      "scaling", { try compare { $0.metadata["rope.scaling"] = "linear:factor=4" } },
      ["rope.scaling 'none'", "'linear:factor=4'"]
    ),
    (
      "model",
      { try compare(first: { $0.metadata["model"] = "x" }) { $0.metadata["model"] = "y" } },
      ["model 'x'", "'y'"]
    ),
    (
      "arithmetic",
      {
        try compare(first: { $0.metadata["run.dtype"] = "bfloat16" }) { $0.metadata["run.dtype"] = "float32" }
      },
      ["run.dtype 'bfloat16'", "'float32'"]
    ),
    ("weights", { try compare { $0.metadata["run.init_std"] = "0.02" } }, ["no run.init_std", "found 0.02"]),
    ("no shift", { try compare { $0.shift = nil } }, ["b: expected the run's shift", "--shifts"]),
    (
      "a shift out of range", { try compare { $0.metadata["run.shift"] = "9007199254740993" } },
      ["whole number as run.shift", "'9007199254740993'"]
    ),
    ("odd shift", { try compare { $0.metadata["run.shift"] = "x" } }, ["whole number as run.shift", "'x'"]),
    ("a null control", { try compare { $0.metadata["run.null"] = "order" } }, ["a null control ('order')"]),
    (
      "token ids",
      { try compare(first: { $0.identifiers = [1, 2] }) { $0.identifiers = [1, 3] } },
      ["b: tensor 'token_ids'", "token 2 at index 1", "found token 3"]
    ),
    (
      "fewer token ids",
      { try compare(first: { $0.identifiers = [1, 2] }) { $0.identifiers = [1] } },
      ["b: tensor 'token_ids'", "2 tokens", "found 1"]
    ),
    (
      "broken token ids",
      { try compare(first: { $0.identifiers = [1, 2] }) { $0.identifiers = [1, 0.5] } },
      ["b: tensor 'token_ids'", "whole numbers", "0.5 at index 1"]
    ),
    (
      "null at another shift", { try compare(null: { $0.shift = 4 }) { _ in } },
      ["c: expected the shift of a, 0, found 4"]
    ),
    ("null's tokens", { try compare(null: { $0.tokens = 7 }) { _ in } }, ["c: tensor 'layers.0.q'"]),
    (
      "stored rows",
      {
        try compare(first: { $0.stored = rows([0, 2]) }) { $0.stored = rows([0, 1]) }
      }, ["b: tensor 'attention.rows'", "same queries as a"]
    ),
    (
      "rows out of range",
      { try compare(first: { $0.stored = rows([0, 9]) }) { $0.stored = rows([0, 9]) } },
      ["a: tensor 'attention.rows'", "from 0 to 8"]
    ),
    (
      "a stored shape",
      { try compare(first: { $0.stored = rows(nil) }) { $0.stored = rows([0]) } },
      ["b: tensor 'attention.rows'"]
    ),
  ]

  static func rows(_ rows: [Double]?) -> ([Double], [Double], [Double]?) {
    let zeros = Array(repeating: 0.0, count: 2 * (rows?.count ?? 9) * 9)
    return (zeros, zeros, rows)
  }

  static func compare(
    first: (inout RunFixture) -> Void = { _ in }, null: ((inout RunFixture) -> Void)? = nil,
    layers: [Int]? = nil, _ second: (inout RunFixture) -> Void
  ) throws {
    var (a, b, c) = (
      RunFixture(name: "a"), RunFixture(name: "b", shift: 16), RunFixture(name: "c", offset: 0.5)
    )
    first(&a)
    second(&b)
    null?(&c)
    _ = try PropagatedExperiment(
      first: a.run(), second: b.run(), null: null == nil ? nil : c.run(),
      embedding: RotaryEmbedding(headSize: 6, base: NumberLiteral(100), layout: .halfSplit),
      recipes: [RecipeRegistry.named("fp32")], layers: layers)
  }

  @Test(arguments: cases.indices) func isRefused(_ index: Int) throws {
    let (name, body, parts) = Self.cases[index]
    let error = #expect(throws: ComparisonInputError.self, "\(name)") { try body() }
    for part in parts { #expect(error?.description.contains(part) == true, "\(name): \(error!)") }
  }

  @Test func statedShiftsAreTakenWhereTheFileSaysNone() throws {
    #expect(try RunFixture(name: "a", shift: nil).run(stated: 7).shift == 7)
    #expect(try RunFixture(name: "a", shift: 5).run(stated: 5).shift == 5)
    #expect(throws: ComparisonInputError.self) { try RunFixture(name: "a", shift: 5).run(stated: 6) }
  }

  @Test func oneBaseMayBeSpelledInTwoWays() throws {
    try Self.compare { $0.metadata["rope.base"] = "1e2" }
  }
}
