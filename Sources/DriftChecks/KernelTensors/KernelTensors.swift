// The tensors of another implementation, found in a file and held to the shapes that the input asks for, before any arithmetic.

import FloatingPointFormats
import RotaryAttention
import TensorIO

/// One tensor of another implementation.
public struct KernelTensor: Sendable {
  /// The layer and its shapes in the input.
  public let layer: AttentionLayer
  /// Which of the stages' tensors.
  public let kind: CheckedStage
  /// The tensor, mapped.
  public let tensor: MappedTensor
  /// How a table holds its values; `single` for all others.
  public let pairing: TablePairing
  /// Its format.
  public var format: FloatingPointFormat { tensor.elementType.format! }
}

/// A tensor that a file of another implementation may hold, in the order in which data passes the stages.
public enum CheckedStage: String, Sendable, Hashable, CaseIterable {
  /// f·cos of the angles, [tokens, r/2] or [tokens, r].
  case cosine = "cos"
  /// f·sin of the angles, likewise.
  case sine = "sin"
  /// Rotated queries, [heads, query tokens, d].
  case rotatedQuery = "rotated_q"
  /// Rotated keys, [kv_heads, tokens, d].
  case rotatedKey = "rotated_k"
  /// Logits after scale and softcap, [heads, query tokens, tokens].
  case logits
  /// Probabilities, likewise.
  case probabilities
  /// Output, [heads, query tokens, d].
  case output

  /// The stage of DESIGN §3 that stores it.
  public var stage: String {
    switch self {
    case .cosine, .sine: "table"
    case .rotatedQuery, .rotatedKey: "rotated"
    case .logits: "logit"
    case .probabilities: "probability"
    case .output: "output"
    }
  }

  /// Whether whole rows of scores have to be computed for it.
  public var needsScores: Bool { self == .logits || self == .probabilities || self == .output }

  /// Its name in a file.
  public func name(layer: Int) -> String { "layers.\(layer).\(rawValue)" }

  /// The shapes that it may have.
  func shapes(_ layer: AttentionLayer, pairs: Int) -> [[Int]] {
    switch self {
    case .cosine, .sine: [[layer.keyTokens, pairs], [layer.keyTokens, 2 * pairs]]
    case .rotatedQuery, .output: [layer.shape(of: .query)]
    case .rotatedKey: [layer.shape(of: .key)]
    case .logits, .probabilities: [[layer.queryHeads, layer.queryTokens, layer.keyTokens]]
    }
  }
}

/// What a file of another implementation holds for an input.
public struct KernelTensors: Sendable {
  /// The file, as the user wrote it.
  public let file: String
  /// Its metadata.
  public let metadata: [String: String]
  /// What can be checked: layers ascending, in each the stages in order.
  public let tensors: [KernelTensor]
  /// Positions of all tokens.
  public let positions: [Int]
  /// Whether the file says them; else they are 0, 1, 2, ….
  public let hasPositions: Bool
  /// Tensors of the checked layers that the file does not hold, by name.
  public let missing: [String]
  /// Tensors that the file holds and nothing is checked of, each with the reason.
  public let extra: [String]

  /// The tensor of positions.
  public static let positionsName = "positions"

  /// Finds and checks the tensors of a file.
  ///
  /// - Parameters:
  ///   - file: the other implementation's tensors.
  ///   - layers: the input's layers to check, equal in tokens and head size; not empty.
  ///   - embedding: sizes of the layers' heads.
  ///   - shift: the position of the first token, where the file holds no positions.
  /// - Throws: ``ComparisonInputError``: nothing to check, or a shape, an element type, a table or positions that do not fit;
  ///   ``ProblemError`` for a shift out of range.
  public init(
    _ file: SafetensorsFile, layers: [AttentionLayer], embedding: RotaryEmbedding, shift: Int = 0
  ) throws {
    self.file = file.path
    metadata = file.metadata
    let tokens = layers[0].keyTokens
    do {
      var known: Set<String> = [Self.positionsName]
      var tensors: [KernelTensor] = []
      var missing: [String] = []
      for layer in layers {
        for kind in CheckedStage.allCases {
          let name = kind.name(layer: layer.index)
          known.insert(name)
          guard let tensor = file[name] else {
            missing.append(name)
            continue
          }
          tensors.append(try Self.checked(tensor, kind, layer, embedding))
        }
      }
      self.tensors = tensors
      self.missing = missing
      extra = file.tensors.map(\.name).filter { !known.contains($0) }.map {
        Self.reason(name: $0, layers: layers.map(\.index), known: known)
      }
      let stored = file[Self.positionsName]
      hasPositions = stored != nil
      let counted = try TokenPositions(tokens: tokens, shift: shift)
      positions =
        try stored.map { try Self.positions($0, tokens: tokens) } ?? (0..<tokens).map(counted.position)
    } catch let error as TensorFileError {
      throw ComparisonInputError(error)
    }
    guard !tensors.isEmpty else {
      let names = CheckedStage.allCases.map(\.rawValue).joined(separator: ", ")
      throw ComparisonInputError(
        file: file.path,
        expected: "tensors layers.{n}.X of \(names) for layers \(Self.list(layers.map(\.index)))",
        found: extra.isEmpty ? "none of them" : "none of them but \(extra.prefix(8).joined(separator: ", "))",
        mend: "save what the implementation computed under these names (Documentation/Checks.md)")
    }
  }

  private static func checked(
    _ tensor: MappedTensor, _ kind: CheckedStage, _ layer: AttentionLayer, _ embedding: RotaryEmbedding
  ) throws -> KernelTensor {
    let shapes = kind.shapes(layer, pairs: embedding.pairCount)
    guard tensor.elementType.format != nil else {
      throw ComparisonInputError(
        file: tensor.file, tensor: tensor.name, expected: "elements of type F64, F32, F16 or BF16",
        found: tensor.elementType.rawValue,
        mend: "save the tensor as the implementation stores it, or widened to F32")
    }
    guard shapes.contains(tensor.shape) else {
      let isBatched = shapes.contains { [1] + $0 == tensor.shape }
      throw ComparisonInputError(
        file: tensor.file, tensor: tensor.name,
        expected: "the shape \(shapes.map { "\($0)" }.joined(separator: " or "))", found: "\(tensor.shape)",
        mend: isBatched
          ? "leave out the batch dimension, as tensor[0]"
          : "save one sequence of the input's heads and tokens, heads first")
    }
    let isTable = kind == .cosine || kind == .sine
    let pairing =
      isTable ? try TablePairing(of: tensor, tokens: layer.keyTokens, pairs: embedding.pairCount) : .single
    return KernelTensor(layer: layer, kind: kind, tensor: tensor, pairing: pairing)
  }

  private static func positions(_ tensor: MappedTensor, tokens: Int) throws -> [Int] {
    guard tensor.shape == [tokens] else {
      throw ComparisonInputError(
        file: tensor.file, tensor: tensor.name,
        expected: "the shape [\(tokens)], one position a token of the input",
        found: "\(tensor.shape)",
        mend: "save the position of every key token, or leave positions out for 0, 1, 2, …")
    }
    return try tensor.integers(within: TokenPositions.limit)
  }

  /// The name with the reason why nothing is checked of it.
  private static func reason(name: String, layers: [Int], known: Set<String>) -> String {
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    if parts.count == 3, parts[0] == "layers", let kind = CheckedStage(rawValue: String(parts[2])) {
      if let layer = Int(parts[1]), String(layer) == parts[1] {
        return "\(name) (layer \(layer) is not among the checked layers \(list(layers)))"
      }
      return "\(name) (layers.{n}.\(kind.rawValue) takes n without sign and leading zeros)"
    }
    return name + didYouMean(nearestName(to: name, among: known.sorted()))
  }

  static func list(_ numbers: [Int]) -> String { numbers.map(String.init).joined(separator: ", ") }
}
