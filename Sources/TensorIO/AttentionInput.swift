// What the product reads: queries, keys and values before rotation, layer by layer, from whatever source. Everything after this
// type is independent of files.

import FloatingPointFormats
import Foundation

/// Captured or generated attention: per layer the queries [query heads, query tokens, head size] and the keys and values
/// [key heads, key tokens, head size], before the rotary embedding and after any query/key norm.
///
/// Query heads share key heads in equal groups, and queries belong to the last tokens of the keys; see ``AttentionLayer``.
/// Reads one head at a time; NaN and infinities are read as they are, and counted by ``nonFiniteCount(layer:tensor:)``.
public struct AttentionInput: Sendable {
  /// Another tensor in the file, which is left alone.
  public struct OtherTensor: Sendable, Hashable {
    /// Its name.
    public let name: String
    /// Its element type.
    public let elementType: TensorElementType
    /// Its extents.
    public let shape: [Int]
  }

  /// Non-finite elements.
  public struct NonFiniteCount: Sendable, Hashable {
    /// NaNs.
    public var nans = 0
    /// Infinities of both signs.
    public var infinities = 0
    /// Both together.
    public var total: Int { nans + infinities }

    /// None.
    public init() {}
  }

  /// The input as the user spelled it; a generator's with every parameter written out.
  public let spelling: String
  /// Metadata as written, uninterpreted; keys in ``Metadata``.
  public let metadata: [String: String]
  /// Tensors that are not queries, keys or values, in the order of the file.
  public let otherTensors: [OtherTensor]
  /// The layers' shapes, ascending by index; not empty.
  public let layerShapes: [AttentionLayer]

  private let source: any AttentionHeadSource

  /// The metadata keys with a meaning.
  public enum Metadata {
    /// `half-split` or `interleaved`.
    public static let layout = "rope.layout"
    /// The base of the frequencies.
    public static let base = "rope.base"
    /// Rotated channels of a head.
    public static let rotarySize = "rope.rotary_size"
    /// Frequency scaling.
    public static let scaling = "rope.scaling"
    /// Where in the computation the tensors were captured; `pre-rope` or absent.
    public static let stage = "stage"
    /// The one stage that is read.
    public static let preRotary = "pre-rope"
  }

  init(
    spelling: String, metadata: [String: String], layers: [AttentionLayer], otherTensors: [OtherTensor],
    source: any AttentionHeadSource
  ) throws {
    if let stage = metadata[Metadata.stage], stage != Metadata.preRotary {
      throw TensorFileError(
        .wrongStage, file: spelling, expected: "tensors of stage '\(Metadata.preRotary)'",
        found: "stage '\(stage)'",
        mend: "capture queries and keys before the rotary embedding is applied")
    }
    self.spelling = spelling
    self.metadata = metadata
    self.layerShapes = layers
    self.otherTensors = otherTensors
    self.source = source
  }

  /// The layers' indices, ascending.
  public var layers: [Int] { layerShapes.map(\.index) }

  /// The shapes of a layer.
  ///
  /// - Throws: ``TensorFileError`` of kind outOfRange.
  public func shape(ofLayer layer: Int) throws -> AttentionLayer {
    if let shape = layerShapes.first(where: { $0.index == layer }) { return shape }
    throw TensorFileError(
      .outOfRange, file: spelling,
      expected: "one of the layers \(layers.map(String.init).joined(separator: ", "))",
      found: "layer \(layer)", mend: "name layers that the input has")
  }

  /// The queries of a head, row-major [query tokens, head size].
  ///
  /// - Throws: ``TensorFileError`` of kind outOfRange.
  public func queries(layer: Int, head: Int) throws -> [Double] { try read(.query, layer: layer, head: head) }

  /// The keys of a key head, row-major [key tokens, head size].
  ///
  /// - Throws: ``TensorFileError`` of kind outOfRange.
  public func keys(layer: Int, kvHead: Int) throws -> [Double] { try read(.key, layer: layer, head: kvHead) }

  /// The values of a key head, row-major [key tokens, head size].
  ///
  /// - Throws: ``TensorFileError`` of kind outOfRange, or missingTensor where the layer has no values.
  public func values(layer: Int, kvHead: Int) throws -> [Double] {
    try read(.value, layer: layer, head: kvHead)
  }

  /// One head of a tensor, row-major [tokens, head size], exactly as stored.
  ///
  /// - Throws: ``TensorFileError`` of kind outOfRange or missingTensor.
  public func read(_ tensor: AttentionTensor, layer: Int, head: Int) throws -> [Double] {
    try read(tensor, layer: layer, head: head, tokens: 0..<shape(ofLayer: layer).tokens(of: tensor))
  }

  /// Some rows of one head of a tensor, row-major [tokens.count, head size], exactly as stored; the others are not touched.
  ///
  /// - Parameter tokens: rows of the tensor; may be empty.
  /// - Throws: ``TensorFileError`` of kind outOfRange or missingTensor.
  public func read(_ tensor: AttentionTensor, layer: Int, head: Int, tokens: Range<Int>) throws -> [Double] {
    let shape = try shape(ofLayer: layer)
    try check(tensor, shape, head: head, tokens: tokens)
    let count = tokens.count * shape.headSize
    return try [Double](unsafeUninitializedCapacity: count) { buffer, initializedCount in
      try source.read(
        tensor, shape, head: head, tokens: tokens,
        into: UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
      initializedCount = count
    }
  }

  /// The same in binary32; nil where the tensor's elements are of binary64.
  ///
  /// - Parameter tokens: rows of the tensor; may be empty.
  /// - Throws: ``TensorFileError`` of kind outOfRange or missingTensor.
  public func readBinary32(
    _ tensor: AttentionTensor, layer: Int, head: Int, tokens: Range<Int>
  ) throws -> [Float]? {
    let shape = try shape(ofLayer: layer)
    try check(tensor, shape, head: head, tokens: tokens)
    guard shape.elementType(of: tensor)?.format?.isSubset(of: .fp32) == true else { return nil }
    let count = tokens.count * shape.headSize
    return try [Float](unsafeUninitializedCapacity: count) { buffer, initializedCount in
      try source.read(
        tensor, shape, head: head, tokens: tokens,
        into: UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
      initializedCount = count
    }
  }

  private func check(_ tensor: AttentionTensor, _ shape: AttentionLayer, head: Int, tokens: Range<Int>) throws
  {
    let name = tensor.name(layer: shape.index)
    guard shape.elementType(of: tensor) != nil else {
      throw TensorFileError(
        .missingTensor, file: spelling, tensor: name, expected: "it for what was asked", found: "none",
        mend: "capture the values as well, or ask only for what needs queries and keys")
    }
    guard (0..<shape.heads(of: tensor)).contains(head) else {
      throw TensorFileError(
        .outOfRange, file: spelling, tensor: name,
        expected: "a head from 0 to \(shape.heads(of: tensor) - 1)",
        found: "head \(head)", mend: "name heads that the tensor has")
    }
    guard tokens.lowerBound >= 0, tokens.upperBound <= shape.tokens(of: tensor) else {
      throw TensorFileError(
        .outOfRange, file: spelling, tensor: name, expected: "tokens below \(shape.tokens(of: tensor))",
        found: "tokens \(tokens.lowerBound) to \(tokens.upperBound - 1)",
        mend: "name tokens that the tensor has")
    }
  }

  /// A tensor of ``otherTensors``, mapped and not interpreted; nil for any other name.
  public func otherTensor(named name: String) -> MappedTensor? { source.otherTensor(named: name) }

  /// NaNs and infinities of one tensor; zero where the layer has no such tensor.
  public func nonFiniteCount(layer: Int, tensor: AttentionTensor) throws -> NonFiniteCount {
    let shape = try shape(ofLayer: layer)
    var count = NonFiniteCount()
    guard shape.elementType(of: tensor) != nil else { return count }
    for head in 0..<shape.heads(of: tensor) {
      for element in try read(tensor, layer: layer, head: head) where !element.isFinite {
        if element.isNaN { count.nans += 1 } else { count.infinities += 1 }
      }
    }
    return count
  }

  /// NaNs and infinities of the queries, keys and values of a layer.
  public func nonFiniteCount(layer: Int) throws -> NonFiniteCount {
    try AttentionTensor.allCases.reduce(into: NonFiniteCount()) { sum, tensor in
      let count = try nonFiniteCount(layer: layer, tensor: tensor)
      sum.nans += count.nans
      sum.infinities += count.infinities
    }
  }

  /// A SHA-256 in hexadecimal that names the content; reads all of it, so keep the result.
  ///
  /// A file's: of its bytes. A folder's: of the lines that `sha256sum` prints for its metadata.json and *.npy files in
  /// the order of their names' bytes. A generator's: of its spelling, a newline and the tensors' bytes as a file would store
  /// them, layers ascending, queries, keys, values.
  public func identity() throws -> String { try source.identity() }

  /// The content in lines of text, for `inspect`: layers, shapes, types, non-finite counts, metadata, other tensors.
  public func describe() throws -> String {
    var lines = [spelling]
    for layer in layerShapes {
      for tensor in AttentionTensor.allCases {
        guard let type = layer.elementType(of: tensor) else { continue }
        let count = try nonFiniteCount(layer: layer.index, tensor: tensor)
        let warning = count.total == 0 ? "" : "  (\(count.nans) NaN, \(count.infinities) infinite)"
        lines.append(
          "  \(tensor.name(layer: layer.index))  \(type.rawValue) \(layer.shape(of: tensor))\(warning)")
      }
    }
    lines += otherTensors.map { "  \($0.name)  \($0.elementType.rawValue) \($0.shape)  (left alone)" }
    lines += metadata.sorted { $0.key < $1.key }.map { "  \($0.key) = \($0.value)" }
    return lines.joined(separator: "\n")
  }

  /// The tensors and metadata as a safetensors file in the making, all in memory: the way to save a generated input.
  public func safetensors() throws -> SafetensorsWriter {
    var writer = SafetensorsWriter(metadata: metadata)
    for layer in layerShapes {
      for tensor in AttentionTensor.allCases {
        guard let type = layer.elementType(of: tensor) else { continue }
        let values = try (0..<layer.heads(of: tensor)).flatMap {
          try read(tensor, layer: layer.index, head: $0)
        }
        try writer.add(tensor.name(layer: layer.index), type, shape: layer.shape(of: tensor), values: values)
      }
    }
    return writer
  }
}
