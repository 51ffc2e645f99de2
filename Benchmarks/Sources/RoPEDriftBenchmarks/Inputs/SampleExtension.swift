// The shipped sample made longer and wider: real vectors in the sizes that the rows ask for.

import BenchmarkHarness
import RoPEDrift

/// The shipped sample (SmolLM2-135M, 512 tokens, nine query heads, three key heads, 64 channels, bfloat16, half-split), extended to 128
/// channels and T tokens.
///
/// Pair i of a head of the first layer becomes pair 2i and pair i of that head of the second layer pair 2i + 1, so that a pair keeps
/// about its frequency. Token t takes the vectors of token t mod 512. Every value is then multiplied by 1 + δ and rounded to
/// binary32, with δ uniform in ±2^−8 from a seeded generator: tokens that stem from one differ, and significands fill 24 bits.
struct SampleExtension {
  /// T.
  let tokens: Int
  private let sample: AttentionInput

  /// - Throws: ``TensorFileError``.
  init(tokens: Int) throws {
    self.tokens = tokens
    sample = try AttentionInput.shippedSample()
  }

  /// What the vectors are, in a sentence.
  var origin: String {
    "the shipped sample's vectors, pairs of layers \(sample.layers[0]) and \(sample.layers[1]) side by side, its 512 tokens "
      + "repeated, each value times 1 + δ with |δ| ≤ 2^−8 (seeded) and rounded to binary32"
  }

  /// (T, 128) row-major: one head of q or k.
  ///
  /// - Throws: ``TensorFileError``.
  func vectors(_ tensor: AttentionTensor, head: Int) throws -> [Double] {
    let half = 64
    let parts = try sample.layers.prefix(2).map { try sample.read(tensor, layer: $0, head: head) }
    var words = SeededWords(seed: UInt64(2 * head + (tensor == .query ? 0 : 1)))
    let known = parts[0].count / half
    var result = [Double](repeating: 0, count: tokens * 2 * half)
    for token in 0..<tokens {
      let source = token % known * half
      for pair in 0..<half / 2 {
        for (offset, part) in parts.enumerated() {
          for side in 0...1 {
            let value = part[source + pair + side * half / 2] * (1 + words.uniform() * 0x1p-7)
            result[token * 2 * half + 2 * pair + offset + side * half] = Double(Float(value))
          }
        }
      }
    }
    return result
  }

  /// A safetensors file in binary32 with one layer of `heads` query heads in threes on a key head.
  ///
  /// - Throws: ``TensorFileError``.
  func write(heads: Int, to path: String) throws {
    var writer = SafetensorsWriter(metadata: [
      AttentionInput.Metadata.layout: "half-split", AttentionInput.Metadata.base: "10000",
      AttentionInput.Metadata.scaling: "none",
      AttentionInput.Metadata.stage: AttentionInput.Metadata.preRotary,
    ])
    for (tensor, count) in [(AttentionTensor.query, heads), (.key, heads / 3)] {
      try writer.add(
        tensor.name(layer: 0), .f32, shape: [count, tokens, AttentionVectors.channels],
        values: try (0..<count).flatMap { try vectors(tensor, head: $0) })
    }
    try writer.write(to: path)
  }
}
