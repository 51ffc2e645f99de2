// What tests of this target share: small inputs, and a recipe's tensors as the file of "another implementation".

import DriftReporting
import EmulatedEngine
import FloatingPointFormats
import Foundation
import RotaryAttention
import TensorIO

@testable import DriftChecks

/// A seeded input of two layers, grouped heads, in a type.
func smallInput(
  tokens: Int = 48, queries: Int? = nil, size: Int = 16, type: String = "bf16", seed: Int = 1
) throws -> AttentionInput {
  try AttentionInput.open(
    "synthetic:normal,tokens=\(tokens),query_tokens=\(queries ?? tokens),heads=4,kv_heads=2,layers=2,head_dim=\(size),dtype=\(type),seed=\(seed)"
  )
}

/// Half-split, base 10000.
func smallEmbedding(
  size: Int = 16, rotarySize: Int? = nil, layout: RotaryLayout = .halfSplit, base: Int = 10_000
) throws -> RotaryEmbedding {
  try RotaryEmbedding(headSize: size, rotarySize: rotarySize, base: NumberLiteral(base), layout: layout)
}

/// One tensor of a file in the making.
struct StoredValues {
  var type: TensorElementType
  var shape: [Int]
  var values: [Double]
}

/// A recipe's tensors on an input by name, read back from the file that `emulate` would write.
func emulated(
  _ recipe: String, on input: AttentionInput, _ embedding: RotaryEmbedding, shift: Int = 0,
  tensors: Set<StoredTensor> = Set(StoredTensor.allCases), format: FloatingPointFormat? = nil
) throws -> [String: StoredValues] {
  let content = try EmulatedTensors(
    input: input, layers: input.layerShapes, embedding: embedding, scale: .inverseSquareRootOfHeadSize,
    softcap: nil, recipe: try RecipeRegistry.recipe(nameOrPath: recipe), shift: shift, tensors: tensors,
    format: format, toolVersion: "test")
  let path = NSTemporaryDirectory() + "checks-\(UUID().uuidString).safetensors"
  defer { try? FileManager.default.removeItem(atPath: path) }
  var file = try BufferedFile(creating: path)
  try content.write(into: &file, threads: 1)
  try file.finish()
  let stored = try SafetensorsFile(path: path)
  var result: [String: StoredValues] = [:]
  for tensor in stored.tensors {
    let values =
      tensor.elementType == .i64
      ? try tensor.integers(within: 1 << 53).map(Double.init) : try tensor.elements()
    result[tensor.name] = StoredValues(
      type: tensor.elementType == .i64 ? .f64 : tensor.elementType, shape: tensor.shape, values: values)
  }
  return result
}

/// A file of tensors in memory.
func file(_ tensors: [String: StoredValues], named name: String = "theirs.safetensors") throws
  -> SafetensorsFile
{
  var writer = SafetensorsWriter()
  for (name, tensor) in tensors.sorted(by: { $0.key < $1.key }) {
    try writer.add(name, tensor.type, shape: tensor.shape, values: tensor.values)
  }
  return try SafetensorsFile(bytes: writer.bytes(), named: name)
}

/// A check of tensors on an input.
func check(
  _ tensors: [String: StoredValues], on input: AttentionInput, _ embedding: RotaryEmbedding, _ recipe: String,
  accuracy: [TensorComparator] = [], parity: [TensorComparator] = [], require: RequiredAgreement = .accuracy,
  shift: Int = 0,
  layers: [Int]? = nil, threads: Int = 2
) throws -> TensorVerdict {
  let shapes = input.layerShapes.filter { layers?.contains($0.index) ?? true }
  let kernel = try KernelTensors(try file(tensors), layers: shapes, embedding: embedding, shift: shift)
  return try TensorCheck(
    input: input, kernel: kernel, embedding: embedding, recipe: RecipeRegistry.recipe(nameOrPath: recipe),
    accuracy: accuracy, parity: parity, require: require
  ).run(threads: threads)
}
