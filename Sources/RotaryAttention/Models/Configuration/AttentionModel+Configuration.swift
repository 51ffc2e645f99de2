// A Hugging Face config.json as a model. What the file leaves open stays open; what transformers takes for a missing key is said.

import FloatingPointFormats
import Foundation

extension AttentionModel {
  /// Reads a `config.json` as transformers 5.23.0 reads it.
  ///
  /// The text part of a nested configuration (`text_config`) is taken. Keys outside the rope dictionary that have no meaning here
  /// are passed over; inside it they are errors. Numbers are exact, as the file writes them; only ⌊head_dim·factor⌋ is computed in
  /// binary64, as transformers computes it. A `model_type` that is not known leaves the layout open.
  ///
  /// - Parameters:
  ///   - json: the bytes of a JSON object.
  ///   - file: what to call it, and the model's name.
  /// - Throws: ``ModelError``: no JSON object, values of the wrong kind, unknown keys or types in the rope dictionary, M-RoPE,
  ///   parts that contradict each other.
  public init(configuration json: Data, file: String) throws {
    var reader = try ConfigurationReader(ModelFields(json: json, file: file))
    self = try reader.model()
  }
}

/// One configuration while it is read.
struct ConfigurationReader {
  /// The object that describes the text model.
  let fields: ModelFields
  /// The value of `model_type`.
  let modelType: String?
  /// What transformers' code does; nil for a type that is not known.
  let family: ConfigurationFamily?
  private(set) var cautions: [String] = []
  private(set) var open: [OpenField] = []
  private var isNested = false
  /// Defaults that stand in for missing keys, with their values.
  private var taken: [String] = []

  init(_ root: ModelFields) throws {
    if let text = try root.object("text_config") {
      fields = text
      modelType = try text.text("model_type") ?? root.text("model_type")
      isNested = true
    } else {
      fields = root
      modelType = try root.text("model_type")
    }
    family = modelType.flatMap { ConfigurationFamily.all[$0] }
    if let modelType, let reason = ConfigurationFamily.refused[modelType] {
      throw unsupported(
        "model type '\(modelType)' is not supported: \(reason); state the problem of one layer with --base, --layout and the other options instead of --model"
      )
    }
    if try fields.boolean("use_mrope") == true || fields.value("mrope_section") != nil {
      throw unsupported(Self.multimodalRotation)
    }
    for key in ["rope_theta", "rope_scaling", "rope_parameters"]
    where isNested && root.value(key) != nil && fields.value(key) == nil {
      throw contradiction(
        "\(key) stands beside text_config, not in it, where the text model has its keys; move it or remove it"
      )
    }
    if try fields.boolean("alibi") == true { throw unsupported("alibi is true: no rotary embedding") }
    if let kind = try fields.text("position_embedding_type"), !["rope", "rotary"].contains(kind) {
      throw unsupported("position_embedding_type is '\(kind)': no rotary embedding")
    }
    if try fields.boolean("use_bidirectional_attention") == true {
      caution(
        "use_bidirectional_attention is true: queries see later keys too, which the causal mask here leaves out"
      )
    }
    if let modelType, family == nil {
      caution(
        "model type '\(modelType)' is not known: channels are taken to rotate as the file's keys say, the scale to be 1/sqrt(head size); check both, and say the pairing with --layout"
      )
    }
  }

  static let multimodalRotation =
    "M-RoPE (mrope_section), positions in several dimensions, is not supported; use a model with one position for each token"

  func unsupported(_ reason: String) -> ModelError { .unsupported(file: fields.file, reason: reason) }

  func contradiction(_ reason: String) -> ModelError { .contradiction(file: fields.file, reason: reason) }

  mutating func caution(_ sentence: String) {
    if !cautions.contains(sentence) { cautions.append(sentence) }
  }

  mutating func leaveOpen(_ name: OpenField.Name, _ reason: String) {
    if !open.contains(where: { $0.name == name }) { open.append(OpenField(name: name, reason: reason)) }
  }

  /// Where a key is, by the name that the family has for it: the file, else the default that transformers takes.
  mutating func lookUp(_ key: String) throws -> (fields: ModelFields, key: String) {
    let name = family?.keyNames[key] ?? key
    guard !fields.has(name), let text = family?.defaults[key] else { return (fields, name) }
    if !taken.contains("\(name) \(text)") { taken.append("\(name) \(text)") }
    return (try ModelFields(json: Data("{\"\(name)\": \(text)}".utf8), file: fields.file), name)
  }

  mutating func integer(_ key: String) throws -> Int? {
    let place = try lookUp(key)
    return try place.fields.integer(place.key)
  }

  mutating func positive(_ key: String) throws -> NumberLiteral? {
    let place = try lookUp(key)
    return try place.fields.positive(place.key)
  }

  /// The model.
  mutating func model() throws -> AttentionModel {
    let isLatent = fields.value("qk_rope_head_dim") != nil
    let heads = try integer("num_attention_heads")
    let keyValueHeads = try isLatent ? nil : keyValueHeads(heads)
    let layout = try layout()
    if layout == nil {
      leaveOpen(
        .layout, modelType.map { "model type '\($0)' is not known" } ?? "the file has no model_type")
    }
    let headSize = try isLatent ? fields.integer("qk_rope_head_dim") : headSize(heads)
    let typeOfLayer = try typeOfLayer()
    let types = try layerTypes(typeOfLayer, headSize: headSize)
    let scale = try isLatent ? latentScale() : scale(headSize)
    let readsSoftcap = if case .queryPreAttentionScalar? = family?.scale { true } else { family == nil }
    let softcap = try readsSoftcap ? positive("attn_logit_softcapping") : nil
    let positions = try integer("max_position_embeddings")
    for type in types { try AttentionModel.check(type, layout: layout, file: fields.file) }

    if !taken.isEmpty {
      caution(
        "not in the file, and taken as transformers takes them for model type \(modelType!): "
          + taken.joined(separator: ", "))
    }
    var remarks: [String] = []
    if isNested { remarks.append("text_config is read") }
    if isLatent {
      remarks.append(
        "multi-head latent attention: only the rotary part of queries and keys, qk_rope_head_dim channels, is what an input holds and a figure here measures; the other channels add to the model's logits without rotation"
      )
    }
    if heads == nil { remarks.append("the file does not say how many query heads there are: not checked") }
    if keyValueHeads == nil {
      remarks.append("the file does not say how many key heads an input holds: not checked")
    }
    return AttentionModel(
      name: fields.file,
      source: "Hugging Face configuration of \(modelType.map { "model type \($0)" } ?? "no model_type")",
      verified: "read as huggingface/transformers 5.23.0 reads it", heads: heads,
      keyValueHeads: keyValueHeads,
      layout: layout, maximumPositions: positions, scale: scale, softcap: softcap, layerTypes: types,
      typeOfLayer: types.count == 1 ? [] : typeOfLayer, sizes: try sizes(), remarks: remarks,
      cautions: cautions, open: open)
  }

  private mutating func keyValueHeads(_ heads: Int?) throws -> Int? {
    let stated = try integer("num_key_value_heads")
    guard let count = stated ?? (family?.hasEqualHeads == true ? heads : nil) else { return nil }
    guard let heads else { return count }
    guard heads.isMultiple(of: count) else {
      throw contradiction(ProblemError.headCounts(heads: heads, keyValueHeads: count).description)
    }
    return count
  }

  private func layout() throws -> RotaryLayout? {
    // DeepSeek's own switch: without it the weights are stored for the half-split pairing.
    if modelType == "deepseek_v3", try fields.boolean("rope_interleave") == false { return .halfSplit }
    return family?.layout
  }

  private mutating func headSize(_ heads: Int?) throws -> Int? {
    if let size = try integer("head_dim") { return size }
    guard let width = try integer("hidden_size"), let heads else { return nil }
    guard width.isMultiple(of: heads) else {
      throw contradiction(
        "hidden_size \(width) is no multiple of \(heads) heads and head_dim is not there; add head_dim")
    }
    return width / heads
  }

  private mutating func scale(_ headSize: Int?) throws -> AttentionScale? {
    switch family?.scale ?? .headSize {
    case .headSize: return .inverseSquareRootOfHeadSize
    case .key(let key):
      return try positive(key).map(AttentionScale.value) ?? .inverseSquareRootOfHeadSize
    case .queryPreAttentionScalar:
      guard let scalar = try positive("query_pre_attn_scalar") else {
        throw fields.invalid("query_pre_attn_scalar", expected: "a number above zero")
      }
      guard let value = Double(scalar.text), value == value.rounded(), value < 0x1p31 else {
        leaveOpen(.scale, "it is query_pre_attn_scalar^(-1/2) = \(scalar)^(-1/2)")
        return nil
      }
      if Int(value) == headSize { return .inverseSquareRootOfHeadSize }
      let root = Int(value.squareRoot())
      if root * root == Int(value) { return .value(try NumberLiteral("1/\(root)")) }
      leaveOpen(
        .scale,
        "it is query_pre_attn_scalar^(-1/2) = \(Int(value))^(-1/2), no rational number; choose your digits")
      return nil
    }
  }

  private mutating func latentScale() throws -> AttentionScale? {
    let rotary = try fields.integer("qk_rope_head_dim") ?? 0
    let size = try fields.integer("qk_nope_head_dim").map { "\($0 + rotary)" } ?? "qk_head_dim"
    leaveOpen(
      .scale,
      "multi-head latent attention scales by \(size)^(-1/2), times (1 + mscale_all_dim*ln(factor)/10)^2 where a yarn scaling has mscale_all_dim; choose your digits"
    )
    return nil
  }
}
