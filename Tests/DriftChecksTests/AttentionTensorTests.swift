// Probabilities and outputs of recipes as those of another implementation, made one query at a time in the plain tier; their errors
// against a softmax worked out in plain binary64 from exact scores.

import ArbitraryPrecision
import EmulatedEngine
import FloatingPointFormats
import Foundation
import ReferenceEngine
import RotaryAttention
import TensorIO
import Testing

@testable import DriftChecks

@Suite struct AttentionTensorTests {
  /// A recipe's probabilities and outputs by the plain tier, and the exact ones to about 1e-14.
  private struct Attention {
    var probabilities: [Double] = []
    var outputs: [Double] = []
    var exactProbabilities: [Double] = []
    var exactOutputs: [Double] = []
  }

  private let tokens = 10
  private let queries = 4
  private let size = 8

  private func attention(
    _ recipe: Recipe, _ input: AttentionInput, _ embedding: RotaryEmbedding, format: FloatingPointFormat,
    shift: Int
  ) throws -> Attention {
    let emulation = try Emulation(recipe: recipe, embedding: embedding, scale: .inverseSquareRootOfHeadSize)
    let problem = try ReferenceProblem(embedding: embedding, scale: .inverseSquareRootOfHeadSize)
    let table = try RotaryTable.table(
      for: emulation, positions: (0..<tokens).map { $0 + shift }, threads: 1)
    var found = Attention()
    for head in 0..<4 {
      let keys = try input.keys(layer: 0, kvHead: head / 2)
      let values = try input.values(layer: 0, kvHead: head / 2)
      let q = try input.queries(layer: 0, head: head)
      let emulatedValues = EmulatedValues(
        InputMatrix(values, emulation: emulation, side: .value, layer: 0, head: head / 2),
        emulation: emulation,
        layer: 0, head: head / 2)
      let rows = try EmulatedHead(
        InputMatrix(q, emulation: emulation, side: .query, layer: 0, head: head),
        keys: EmulatedKeys(
          InputMatrix(keys, emulation: emulation, side: .key, layer: 0, head: head / 2), emulation: emulation,
          table: table, layer: 0, head: head / 2),
        emulation: emulation, table: table, firstRow: tokens - queries, layer: 0, head: head)
      for query in 0..<queries {
        let visible = 0..<query + tokens - queries + 1
        var scores = [Double](repeating: 0, count: visible.count)
        try scores.withUnsafeMutableBufferPointer {
          try rows.softmaxInputs(queries: query..<query + 1, keys: visible, into: $0, stride: visible.count)
        }
        let row = try emulation.attentionRow(
          scores, keys: visible, values: visible.map { emulatedValues.operands(ofToken: $0) },
          place: ScorePlace(query: query, key: 0, layer: 0, head: head))
        // Keys that are not seen hold rubbish.
        found.probabilities +=
          row.probabilities.map { format.rounded($0) }
          + [Double](repeating: .nan, count: tokens - visible.count)
        found.outputs += try row.output.map { format.rounded(try $0.binary64()) }
        let exact = try visible.map { key in
          FloatingPointFormat.fp64.rounded(
            try problem.relativeFormScore(
              query: Array(q[query * size..<(query + 1) * size]),
              key: Array(keys[key * size..<(key + 1) * size]),
              queryPosition: query + tokens - queries, keyPosition: key)!.exactValue())
        }
        let weights = exact.map { exp($0 - exact.max()!) }
        let sum = weights.reduce(0, +)
        found.exactProbabilities +=
          weights.map { $0 / sum } + [Double](repeating: 0, count: tokens - visible.count)
        for channel in 0..<size {
          var total = 0.0
          for key in visible { total += weights[key] / sum * values[key * size + channel] }
          found.exactOutputs.append(total)
        }
      }
    }
    return found
  }

  @Test(arguments: [
    ("hf-bf16", TensorElementType.bf16), ("fp32", .f32), ("hf-llama/hf-eager/bf16", .bf16),
    ("hf-llama/flash-attn-2/bf16", .bf16), ("meta-llama/meta/fp16", .f16),
  ])
  func aRecipeAgreesWithItsPlainTier(_ name: String, _ type: TensorElementType) throws {
    let input = try smallInput(
      tokens: tokens, queries: queries, size: size, type: type == .f16 ? "fp16" : "bf16")
    let embedding = try smallEmbedding(size: size)
    let recipe = try RecipeRegistry.recipe(nameOrPath: name)
    let shift = 4096
    let found = try attention(recipe, input, embedding, format: type.format!, shift: shift)
    let theirs = [
      "layers.0.probabilities": StoredValues(
        type: type, shape: [4, queries, tokens], values: found.probabilities),
      "layers.0.output": StoredValues(type: type, shape: [4, queries, size], values: found.outputs),
    ]
    let verdict = try check(theirs, on: input, embedding, name, require: .both, shift: shift)
    #expect(verdict.passes, "\(verdict.text(replay: ReplayCommand(input: nil, flags: [])))")
    for (tensor, (stored, exact)) in zip(
      verdict.tensors, [(found.probabilities, found.exactProbabilities), (found.outputs, found.exactOutputs)])
    {
      #expect(tensor.parityDifferences?.mismatchCount == 0, "\(tensor.name)")
      let greatest = zip(stored, exact).filter { !$0.0.isNaN }.map { abs($0.0 - $0.1) }.max()!
      #expect(abs(tensor.differences.worstAbsolute!.figure - greatest) < 1e-13, "\(tensor.name)")
    }
    #expect(verdict.tensors[0].differences.count == 4 * (7 + 8 + 9 + 10))
    #expect(
      verdict.tensors[0].remarks.contains { $0.contains("stores no probabilities") }
        == (name.contains("flash-attn") || name == "fp32"))

    // One wrong output is found where it is.
    var broken = theirs
    broken["layers.0.output"]!.values[(2 * queries + 3) * size + 5] += 1
    let failure = try #require(try check(broken, on: input, embedding, name, shift: shift).firstFailure)
    #expect(failure.tensor.tensor.kind == .output)
    #expect(failure.result.firstFailingRow == 3)
    #expect(failure.tensor.tensor.coordinates(ofIndex: failure.result.worst!.place.index) == [2, 3, 5])
  }

  @Test func outputsNeedValues() throws {
    let embedding = try smallEmbedding(size: size)
    var writer = SafetensorsWriter()
    for (name, heads) in [("q", 4), ("k", 2)] {
      try writer.add(
        "layers.0.\(name)", .f32, shape: [heads, 2, 8], values: Array(repeating: 1, count: heads * 16))
    }
    let input = try AttentionInput(SafetensorsFile(bytes: writer.bytes(), named: "in.safetensors"))
    let theirs = [
      "layers.0.output": StoredValues(type: .f32, shape: [4, 2, 8], values: Array(repeating: 1, count: 64))
    ]
    #expect {
      try check(theirs, on: input, embedding, "fp32")
    } throws: { error in
      error is ComparisonInputError && "\(error)".contains("an input with values, layers.0.v")
    }
  }

  @Test func binary64SaysHowWellTheReferenceIsKnown() throws {
    let input = try smallInput(tokens: tokens, queries: queries, size: size)
    let embedding = try smallEmbedding(size: size)
    let found = try attention(RecipeRegistry.named("fp32"), input, embedding, format: .fp64, shift: 0)
    let verdict = try check(
      ["layers.0.output": StoredValues(type: .f64, shape: [4, queries, size], values: found.exactOutputs)],
      on: input,
      embedding, "fp32", accuracy: [.tolerance(absolute: 1e-13, relative: 0)])
    #expect(verdict.passes)
    #expect(verdict.tensors[0].remarks.contains { $0.contains("units in the last place of fp64 somewhere") })
  }
}
