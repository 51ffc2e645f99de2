// What `emulate` writes, decided before anything is computed: which tensors, in which element types, with which metadata.

import EmulatedEngine
import FloatingPointFormats
import RotaryAttention
import TensorIO

/// The stored tensors of one recipe on some layers of an input at one shift, as a safetensors file to be.
///
/// Per layer n: `layers.{n}.cos` and `.sin` [tokens, r/2], `.rotated_q` [query heads, query tokens, d], `.rotated_k` [key heads,
/// tokens, d], `.logits` and `.probabilities` [query heads, query tokens, tokens], where a key that a query does not see has −infinity
/// or 0, `.output` [query heads, query tokens, d]; beside them `positions` [tokens] (I64). Channels and heads stand as in the input. An element type is the narrowest of BF16, F16, F32 and
/// F64 that holds every value of the recipe's format.
public struct EmulatedTensors: Sendable {
  /// The q and k.
  public let input: AttentionInput
  /// The layers, ascending; they agree in head size and tokens.
  public let layers: [AttentionLayer]
  /// Sizes, base, layout, scaling.
  public let embedding: RotaryEmbedding
  /// What multiplies q·k.
  public let scale: AttentionScale
  /// The cap of the logits; nil for none.
  public let softcap: NumberLiteral?
  /// The arithmetic.
  public let recipe: Recipe
  /// p = token + shift.
  public let positions: TokenPositions
  /// The tensors that were rounded though the recipe leaves them exact, and to what.
  public let rounded: [StoredTensor: FloatingPointFormat]
  /// The file: header, and the tensors in its order.
  public let layout: SafetensorsLayout

  /// Which keys a query sees.
  static let mask = AttentionMask.full
  /// The value of the metadata's `stage` that no reader takes for vectors before rotation.
  public static let stage = "emulated"
  /// The name of the positions' tensor.
  static let positionsName = "positions"

  /// Decides what the file holds.
  ///
  /// - Parameters:
  ///   - input: the q and k.
  ///   - layers: which of its layers; not empty.
  ///   - embedding: for heads of the layers' size.
  ///   - scale: what multiplies q·k.
  ///   - softcap: the cap of the logits; nil for none.
  ///   - recipe: the arithmetic.
  ///   - shift: what is added to every token's index.
  ///   - tensors: which tensors of every layer; not empty.
  ///   - format: what tensors that the recipe leaves exact are rounded to, once, to nearest even; nil to refuse them.
  ///   - toolVersion: the tool's version, for the metadata.
  /// - Throws: ``EmulatedTensorsError``, ``ProblemError``, ``TensorFileError``.
  public init(
    input: AttentionInput, layers: [AttentionLayer], embedding: RotaryEmbedding, scale: AttentionScale,
    softcap: NumberLiteral?, recipe: Recipe, shift: Int, tensors: Set<StoredTensor>,
    format: FloatingPointFormat?, toolVersion: String
  ) throws {
    self.input = input
    self.layers = layers
    self.embedding = embedding
    self.scale = scale
    self.softcap = softcap
    self.recipe = recipe
    guard let first = layers.first, !tensors.isEmpty else { throw EmulatedTensorsError.nothing }
    for layer in layers where layer.headSize != first.headSize || layer.keyTokens != first.keyTokens {
      throw EmulatedTensorsError.layersDiffer(first: first.index, second: layer.index)
    }
    positions = try TokenPositions(tokens: first.keyTokens, shift: shift)
    var rounded: [StoredTensor: FloatingPointFormat] = [:]
    var places = [
      SafetensorsLayout.Tensor(
        name: Self.positionsName, elementType: .i64, shape: [first.keyTokens])
    ]
    for layer in layers {
      if tensors.contains(.output), layer.valueType == nil {
        throw EmulatedTensorsError.noValues(layer: layer.index)
      }
      for tensor in StoredTensor.allCases where tensors.contains(tensor) {
        let stored = (tensor == .rotatedKey ? layer.keyType : layer.queryType).format!
        let isCapped = softcap != nil
        var formats = recipe.formats(
          of: tensor, embedding: embedding, input: stored, isCapped: isCapped)
        if formats == nil {
          guard let format else { throw EmulatedTensorsError.exact(recipe: recipe.name, tensor) }
          guard recipe.rounding(tensor, to: format, isCapped: isCapped) != nil else {
            throw EmulatedTensorsError.exactSoftcap(recipe: recipe.name)
          }
          rounded[tensor] = format
          formats = [format]
        }
        let type = Self.narrowest(holding: formats!)
        guard let type else { throw EmulatedTensorsError.noElementType(tensor, formats!) }
        places.append(
          SafetensorsLayout.Tensor(
            name: tensor.name(layer: layer.index), elementType: type,
            shape: Self.shape(of: tensor, layer, embedding)))
      }
    }
    guard format == nil || !rounded.isEmpty else {
      throw EmulatedTensorsError.formatWithoutEffect(recipe: recipe.name, format!)
    }
    self.rounded = rounded
    let metadata = try Self.metadata(
      input, layers: layers, embedding, scale, softcap, recipe, shift: shift, rounded, toolVersion)
    layout = try SafetensorsLayout(metadata: metadata, tensors: places)
  }

  /// The narrowest element type that holds every value of some formats; of the two of 16 bits, BF16 first.
  static func narrowest(holding formats: [FloatingPointFormat]) -> TensorElementType? {
    [TensorElementType.bf16, .f16, .f32, .f64].first { type in
      formats.allSatisfy { $0.isSubset(of: type.format!) }
    }
  }

  private static func shape(
    of tensor: StoredTensor, _ layer: AttentionLayer, _ embedding: RotaryEmbedding
  ) -> [Int] {
    switch tensor {
    case .cosine, .sine: [layer.keyTokens, embedding.pairCount]
    case .rotatedQuery: layer.shape(of: .query)
    case .rotatedKey: layer.shape(of: .key)
    case .logits, .probabilities: [layer.queryHeads, layer.queryTokens, layer.keyTokens]
    case .output: layer.shape(of: .query)
    }
  }

  /// Everything that decided the bytes, and nothing that did not.
  private static func metadata(
    _ input: AttentionInput, layers: [AttentionLayer], _ embedding: RotaryEmbedding, _ scale: AttentionScale,
    _ softcap: NumberLiteral?, _ recipe: Recipe, shift: Int,
    _ rounded: [StoredTensor: FloatingPointFormat], _ toolVersion: String
  ) throws -> [String: String] {
    var metadata = [
      AttentionInput.Metadata.stage: stage,
      AttentionInput.Metadata.layout: embedding.layout.rawValue,
      AttentionInput.Metadata.base: embedding.base.text,
      AttentionInput.Metadata.rotarySize: String(embedding.rotarySize),
      AttentionInput.Metadata.scaling: embedding.scaling.isDefault ? "none" : embedding.scaling.spelling,
      "scale": scale.inWords, "softcap": softcap?.text ?? "none", "mask": mask.spelling,
      "shift": String(shift), "input": input.spelling, "input.sha256": try input.identity(),
      "recipe": JSONText.text(of: recipe.jsonValue, .compact), "ropedrift.version": toolVersion,
    ]
    if !rounded.isEmpty {
      let members = StoredTensor.allCases.compactMap { tensor in
        rounded[tensor].map { (tensor.rawValue, JSONValue.string($0.spelling)) }
      }
      metadata["rounded"] = JSONText.text(of: .object(JSONObject(members)), .compact)
    }
    return metadata
  }
}

extension AttentionScale {
  /// `1/sqrt(head size)`, or what was typed.
  var inWords: String {
    switch self {
    case .inverseSquareRootOfHeadSize: "1/sqrt(head size)"
    case .value(let literal): literal.text
    }
  }
}

/// Why a recipe's tensors cannot be written as asked.
public enum EmulatedTensorsError: Error, Equatable, Sendable, CustomStringConvertible {
  /// No layer, or no tensor.
  case nothing
  /// Layers of one file have one table.
  case layersDiffer(first: Int, second: Int)
  /// The recipe leaves a tensor exact.
  case exact(recipe: String, StoredTensor)
  /// The recipe leaves every step of the softcap exact.
  case exactSoftcap(recipe: String)
  /// A format that rounds nothing.
  case formatWithoutEffect(recipe: String, FloatingPointFormat)
  /// A layer without the values that an output is made of.
  case noValues(layer: Int)
  /// Formats that no element type of a tensor file holds.
  case noElementType(StoredTensor, [FloatingPointFormat])

  /// One sentence with the mend.
  public var description: String {
    switch self {
    case .nothing: "no layer or no tensor to write; name at least one of each"
    case .layersDiffer(let first, let second):
      "layers \(first) and \(second) differ in head size or tokens, and a file has one list of positions; choose layers that agree with --layers"
    case .exact(let recipe, let tensor):
      "recipe \(recipe) leaves \(tensor.rawValue) exact (its stage '\(Self.stage(of: tensor))' rounds nothing), and no element type holds exact reals; leave \(tensor.rawValue) out of --tensors, or have it rounded once with --format fp32"
    case .exactSoftcap(let recipe):
      "recipe \(recipe) leaves every step of the softcap exact, and --format rounds only what comes last; leave logits out of --tensors, or give logit.softcap a format"
    case .formatWithoutEffect(let recipe, let format):
      "--format \(format.spelling) has no effect: recipe \(recipe) itself rounds every tensor that is written; leave it out"
    case .noValues(let layer):
      "layers.\(layer).output needs layers.\(layer).v, which the input does not have; capture the values as well, or leave output out of --tensors"
    case .noElementType(let tensor, let formats):
      "\(tensor.rawValue) is stored in \(formats.map(\.spelling).joined(separator: " and ")), which none of BF16, F16, F32 and F64 holds; choose a narrower format"
    }
  }

  private static func stage(of tensor: StoredTensor) -> String {
    switch tensor {
    case .cosine, .sine: "table"
    case .rotatedQuery, .rotatedKey: "rotated"
    case .logits: "logit"
    case .probabilities: "probability"
    case .output: "output"
    }
  }
}
