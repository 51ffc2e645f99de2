// The sizes of a model outside its attention: what share of a forward pass attention is depends on them.

/// Layers, width, feed-forward width and vocabulary of a dense model.
public struct ModelSizes: Sendable, Hashable {
  /// Number of layers.
  public let layers: Int
  /// Channels of the residual stream.
  public let hidden: Int
  /// Channels between the matrices of the feed-forward part.
  public let intermediate: Int
  /// Rows of the matrix that makes logits of the vocabulary, padding included.
  public let vocabulary: Int
  /// Whether the feed-forward part has a gate: three matrices, else two.
  public let isGated: Bool
  /// Where the figures come from, one sentence; begins with `[unverified]` where nobody read the published file.
  public let source: String

  /// Sizes from their parts.
  public init(
    layers: Int, hidden: Int, intermediate: Int, vocabulary: Int, isGated: Bool, source: String
  ) {
    self.layers = layers
    self.hidden = hidden
    self.intermediate = intermediate
    self.vocabulary = vocabulary
    self.isGated = isGated
    self.source = source
  }

  /// Reads the object `sizes` of a named model.
  ///
  /// - Throws: ``ModelError``.
  init(namedFile fields: ModelFields) throws {
    try fields.allow(
      ["layers", "hidden", "intermediate", "vocabulary", "gated", "source"], of: "\"sizes\"")
    func integer(_ key: String) throws -> Int {
      guard let value = try fields.integer(key) else { throw fields.invalid(key, expected: "a value") }
      return value
    }
    guard let isGated = try fields.boolean("gated"), let source = try fields.text("source") else {
      throw fields.invalid("gated", expected: "gated and source")
    }
    self.init(
      layers: try integer("layers"), hidden: try integer("hidden"), intermediate: try integer("intermediate"),
      vocabulary: try integer("vocabulary"), isGated: isGated, source: source)
  }
}

extension ConfigurationReader {
  /// Model types whose feed-forward part has a gate, and those where it has none; both have one such part a layer.
  private static let gated: Set<String> = [
    "llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3", "gemma3_text", "phi3", "olmo", "olmo2",
    "granite", "stablelm",
  ]
  private static let ungated: Set<String> = ["gpt_neox", "phi", "starcoder2"]

  /// Nil where the file lacks a size, and for model types whose layers are not known to be of this kind.
  mutating func sizes() throws -> ModelSizes? {
    guard let modelType, Self.gated.contains(modelType) || Self.ungated.contains(modelType),
      let layers = try integer("num_hidden_layers"), let hidden = try integer("hidden_size"),
      let intermediate = try fields.integer("intermediate_size"),
      let vocabulary = try fields.integer("vocab_size")
    else { return nil }
    return ModelSizes(
      layers: layers, hidden: hidden, intermediate: intermediate, vocabulary: vocabulary,
      isGated: Self.gated.contains(modelType), source: "the configuration")
  }
}
