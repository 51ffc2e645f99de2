// Runs that do not fit each other are refused with file, tensor, what was expected and what was found.

import EmulatedEngine
import FloatingPointFormats
import RotaryAttention
import TensorIO
import Testing

@testable import DriftAnalysis

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
