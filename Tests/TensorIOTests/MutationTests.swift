// Files damaged at random must be read or refused, never crash the reader: they come from elsewhere.

import Testing

@testable import TensorIO

/// Damages bytes: replaces, flips, removes and inserts, mostly with characters that headers are made of.
private struct Mutation {
  private var state: UInt64
  private let likely =
    Array("{}[]()'\",:0123456789-+.eE\\u \nnullTrueF32<>|V".utf8) + [0, 0x7F, 0x80, 0xC3, 0xFF]

  init(seed: UInt64) { state = seed }

  mutating func random(below limit: Int) -> Int {
    // A linear congruential generator modulo 2^64; its high bits are used.
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int((state >> 33) % UInt64(limit))
  }

  mutating func damaged(_ original: [UInt8], headerEnd: Int) -> [UInt8] {
    var bytes = original
    for _ in 0...random(below: 4) {
      let place = random(below: headerEnd)
      switch random(below: 4) {
      case 0: bytes[place] = likely[random(below: likely.count)]
      case 1: bytes[place] ^= UInt8(1 << random(below: 8))
      case 2: bytes.remove(at: place)
      default: bytes.insert(likely[random(below: likely.count)], at: place)
      }
    }
    if random(below: 8) == 0 { bytes.removeLast(random(below: bytes.count)) }
    return bytes
  }
}

@Suite struct MutationTests {
  /// Opens damaged copies; any error but ``TensorFileError`` fails the test.
  private func survive(
    seed: UInt64, _ original: [UInt8], headerEnd: Int, read: ([UInt8]) throws -> Void
  ) throws {
    var mutation = Mutation(seed: seed)
    var refused = 0
    for _ in 0..<400 {
      do {
        try read(mutation.damaged(original, headerEnd: headerEnd))
      } catch let error as TensorFileError {
        refused += error.description.isEmpty ? 0 : 1
      }
    }
    #expect(refused > 200, "seed \(seed)")
  }

  @Test(arguments: [UInt64(1), 2, 3, 4]) func safetensors(seed: UInt64) throws {
    var writer = SafetensorsWriter(metadata: ["rope.layout": "half-split", "é\n": "😀"])
    try writer.add("layers.0.q", .bf16, shape: [2, 3, 4], values: [Double](repeating: 1, count: 24))
    try writer.add("layers.0.k", .f32, shape: [1, 3, 4], values: [Double](repeating: 1, count: 12))
    try writer.add("token_ids", shape: [3], integers: [1, 2, 3])
    let original = writer.bytes()
    let headerEnd = 8 + Int(original[0]) + Int(original[1]) << 8
    try survive(seed: seed, original, headerEnd: headerEnd) { bytes in
      let input = try AttentionInput(SafetensorsFile(bytes: bytes, named: "mutated"))
      for layer in input.layers { _ = try input.nonFiniteCount(layer: layer) }
    }
  }

  @Test(arguments: [UInt64(1), 2, 3, 4]) func npy(seed: UInt64) throws {
    let original = try NPYFile.bytes(.f32, shape: [2, 3, 4], values: [Double](repeating: 1, count: 24))
    // The header's text without its padding, where damage does nothing.
    try survive(seed: seed, original, headerEnd: 72) { bytes in
      _ = try NPYFile(bytes: bytes, named: "mutated").tensor.elements()
    }
  }
}
