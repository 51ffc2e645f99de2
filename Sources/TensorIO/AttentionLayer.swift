// The shapes that a layer's queries, keys and values must have to be attention, checked in one place for every source.

/// Which of the three tensors of a layer.
public enum AttentionTensor: String, Sendable, Hashable, CaseIterable {
  /// Queries, [query heads, query tokens, head size].
  case query = "q"
  /// Keys, [key heads, key tokens, head size].
  case key = "k"
  /// Values, [key heads, key tokens, head size].
  case value = "v"

  /// The tensor's name in a file: `layers.{layer}.q`.
  public func name(layer: Int) -> String { "layers.\(layer).\(rawValue)" }
}

/// The shapes and element types of one layer.
public struct AttentionLayer: Sendable, Hashable {
  /// The number in the tensors' names.
  public let index: Int
  /// Heads of the query tensor; a multiple of ``kvHeads``.
  public let queryHeads: Int
  /// Heads of the key and value tensors.
  public let kvHeads: Int
  /// Channels of a head.
  public let headSize: Int
  /// Rows of a query head, at most ``keyTokens``. The queries belong to the last tokens of the keys: query row t is token
  /// keyTokens − queryTokens + t (decoding, chunked prefill).
  public let queryTokens: Int
  /// Rows of a key head.
  public let keyTokens: Int
  /// Element type of the queries.
  public let queryType: TensorElementType
  /// Element type of the keys.
  public let keyType: TensorElementType
  /// Element type of the values, nil where the layer has none.
  public let valueType: TensorElementType?

  /// The key head that a query head reads: ⌊head / (queryHeads / kvHeads)⌋.
  public func kvHead(ofQueryHead head: Int) -> Int { head / (queryHeads / kvHeads) }

  /// Heads of a tensor.
  public func heads(of tensor: AttentionTensor) -> Int { tensor == .query ? queryHeads : kvHeads }

  /// Rows of a head of a tensor.
  public func tokens(of tensor: AttentionTensor) -> Int { tensor == .query ? queryTokens : keyTokens }

  /// Element type of a tensor, nil where the layer has none.
  public func elementType(of tensor: AttentionTensor) -> TensorElementType? {
    switch tensor {
    case .query: queryType
    case .key: keyType
    case .value: valueType
    }
  }

  /// [heads, tokens, head size] of a tensor.
  public func shape(of tensor: AttentionTensor) -> [Int] {
    [heads(of: tensor), tokens(of: tensor), headSize]
  }
}

extension AttentionLayer {
  /// Checks the tensors of one layer.
  ///
  /// - Throws: ``TensorFileError`` of kind missingTensor, wrongShape or unsupportedElementType.
  init(index: Int, file: String, tensors: [AttentionTensor: MappedTensor]) throws {
    func require(_ tensor: AttentionTensor) throws -> MappedTensor {
      if let found = tensors[tensor] { return found }
      let there = AttentionTensor.allCases.filter { tensors[$0] != nil }.map { $0.name(layer: index) }
      throw TensorFileError(
        .missingTensor, file: file, tensor: tensor.name(layer: index),
        expected: "it beside \(namesForMessage(there))",
        found: "none", mend: "save queries and keys of every layer")
    }
    let query = try require(.query)
    let key = try require(.key)
    for role in AttentionTensor.allCases {
      guard let tensor = tensors[role] else { continue }
      func wrong(_ expected: String, mend: String) -> TensorFileError {
        TensorFileError(
          .wrongShape, file: tensor.file, tensor: role.name(layer: index), expected: expected,
          found: "\(tensor.shape)",
          mend: mend)
      }
      guard tensor.elementType.format != nil else {
        throw TensorFileError(
          .unsupportedElementType, file: tensor.file, tensor: role.name(layer: index),
          expected: "elements of type \(TensorElementType.realNames)", found: tensor.elementType.rawValue,
          mend: "convert the tensor to one of these types before saving it")
      }
      guard tensor.shape.count == 3 else {
        throw wrong(
          "three extents, [heads, tokens, head_dim]",
          mend: "save one sequence per file, without a batch dimension and with heads first")
      }
      guard !tensor.shape.contains(0) else {
        throw wrong("at least one head, token and channel", mend: "save a capture that is not empty")
      }
      guard tensor.shape[2] == query.shape[2] else {
        throw wrong(
          "head_dim \(query.shape[2]) as in \(query.name)", mend: "check which layers were captured")
      }
    }
    guard query.shape[0] % key.shape[0] == 0 else {
      throw TensorFileError(
        .wrongShape, file: file, tensor: query.name, expected: "a multiple of the \(key.shape[0]) key heads",
        found: "\(query.shape[0]) query heads", mend: "check that heads are the first dimension")
    }
    guard query.shape[1] <= key.shape[1] else {
      throw TensorFileError(
        .wrongShape, file: file, tensor: query.name,
        expected: "at most as many tokens as the keys have, \(key.shape[1])",
        found: "\(query.shape[1])",
        mend: "save the keys of the whole cache: queries belong to its last tokens")
    }
    if let value = tensors[.value], value.shape != key.shape {
      throw TensorFileError(
        .wrongShape, file: value.file, tensor: value.name, expected: "the shape of the keys, \(key.shape)",
        found: "\(value.shape)", mend: "save keys and values of the same tokens and heads")
    }
    self.init(
      index: index, queryHeads: query.shape[0], kvHeads: key.shape[0], headSize: query.shape[2],
      queryTokens: query.shape[1], keyTokens: key.shape[1], queryType: query.elementType,
      keyType: key.elementType,
      valueType: tensors[.value]?.elementType)
  }
}
