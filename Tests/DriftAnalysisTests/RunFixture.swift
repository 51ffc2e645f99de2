// Captures of whole runs in memory, and experiments on them.

import EmulatedEngine
import FloatingPointFormats
import RotaryAttention
import TensorIO

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

extension PropagatedExperiment {
  /// An experiment on runs of fixtures, half-split with base 100.
  static func of(
    _ first: RunFixture, _ second: RunFixture, _ null: RunFixture? = nil, recipes: [String] = ["hf-bf16"],
    layers: [Int]? = nil, lengths: [Int]? = nil
  ) throws -> PropagatedExperiment {
    try PropagatedExperiment(
      first: first.run(), second: second.run(), null: null.map { try $0.run() },
      embedding: RotaryEmbedding(headSize: first.size, base: NumberLiteral(100), layout: .halfSplit),
      recipes: recipes.map(RecipeRegistry.named), layers: layers, lengths: lengths)
  }
}
