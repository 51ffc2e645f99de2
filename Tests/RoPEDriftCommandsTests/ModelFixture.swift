// What tests of `--model` share: a configuration, a capture that it may describe, and output as JSON.

import Foundation
import RoPEDrift
import RoPEDriftCommands
import Testing

/// Inputs and outputs of commands that take a model.
enum ModelFixture {
  /// Layers of `heads` query heads, `kvHeads` key heads, two tokens and `size` channels.
  static func capture(
    heads: Int, kvHeads: Int, size: Int, tokens: Int = 2, layers: [Int] = [0],
    metadata: [String: String] = [:]
  ) throws -> [UInt8] {
    var writer = SafetensorsWriter(metadata: metadata)
    for layer in layers {
      for (name, count) in [("q", heads), ("k", kvHeads)] {
        let values: [Double] = (0..<count * tokens * size).map { index in
          let residue: Int = (index * 7 + 3) % 11 - 5
          return Double(residue) / 4
        }
        try writer.add("layers.\(layer).\(name)", .f32, shape: [count, tokens, size], values: values)
      }
    }
    return writer.bytes()
  }

  static let pair = ["--layer", "0", "--head", "0", "--query", "1", "--key", "0"]

  static func json(_ result: CommandResult) throws -> [String: Any] {
    try #require(JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
  }

  /// A configuration with 4/2 heads of 16 channels.
  static func llama(_ more: String = "") -> [UInt8] {
    Array(
      #"{"model_type": "llama", "hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2, "rope_theta": 10000.0\#(more)}"#
        .utf8)
  }
}
