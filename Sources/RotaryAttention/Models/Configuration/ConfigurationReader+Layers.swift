// Kinds of layers in a configuration: which layers have which base, scaling, rotary size and window.

import FloatingPointFormats
import StrictJSON

extension ConfigurationReader {
  static let full = "full_attention"
  static let sliding = "sliding_attention"

  /// The kind of each layer; empty where the file and the family name none.
  mutating func typeOfLayer() throws -> [String] {
    if let names = try fields.texts("layer_types") {
      for name in names where ![Self.full, Self.sliding].contains(name) {
        throw unsupported(
          "layer_types has '\(name)', which is not supported; supported are \(Self.full) and \(Self.sliding)")
      }
      return names
    }
    switch family?.window {
    case .byLayerType(let period):
      guard let layers = try layerCount() else { return [] }
      let every = try period == 6 ? integer("sliding_window_pattern") ?? period : period
      return (1...layers).map { $0.isMultiple(of: every) ? Self.full : Self.sliding }
    case .switched(fromMaxWindowLayers: true):
      guard try fields.boolean("use_sliding_window") == true else { return [] }
      guard let layers = try layerCount(), fields.value("sliding_window") != nil,
        let first = try wholeNumber("max_window_layers")
      else {
        throw contradiction(
          "use_sliding_window is true; num_hidden_layers, sliding_window and max_window_layers say which layers have the window, and one of them is missing"
        )
      }
      return (0..<layers).map { $0 < first ? Self.full : Self.sliding }
    default: return []
    }
  }

  /// How many layers there are: fewer than would fill memory.
  private mutating func layerCount() throws -> Int? {
    let place = try lookUp("num_hidden_layers")
    guard let count = try place.fields.integer(place.key) else { return nil }
    guard count <= 100_000 else { throw place.fields.invalid(place.key, expected: "at most 100000 layers") }
    return count
  }

  /// A whole number that may be 0.
  private func wholeNumber(_ key: String) throws -> Int? {
    if case .number("0")? = fields.value(key) { return 0 }
    return try fields.integer(key)
  }

  /// The kinds of layers, full attention first.
  mutating func layerTypes(_ typeOfLayer: [String], headSize: Int?) throws -> [ModelLayerType] {
    let dictionary = try ropeDictionary()
    let isNested =
      dictionary?.members.values.contains { if case .object = $0 { true } else { false } } ?? false
    var names = [Self.full, Self.sliding].filter(typeOfLayer.contains)
    if names.isEmpty, case .byLayerType? = family?.window { names = [Self.full, Self.sliding] }
    if names.isEmpty { names = isNested ? dictionary!.members.keys.sorted() : ["all"] }
    if isNested, let dictionary { try dictionary.allow(names, of: "a rope dictionary for each layer type") }
    if !isNested, dictionary?.path == "rope_parameters", family?.defaults["rope_local_base_freq"] != nil {
      throw contradiction(
        "rope_parameters of model type \(modelType!) has an object for each layer type, \(names.joined(separator: ", ")); this one has none"
      )
    }
    return try names.map { name in
      let own = try isNested ? dictionary?.object(name) : dictionary
      if isNested, own == nil {
        throw unsupported(
          "\(dictionary!.place(name)) is missing or null: layers without rotary embedding are not supported")
      }
      return try layerType(name, own, isNested: isNested, headSize: headSize)
    }
  }

  private mutating func layerType(_ name: String, _ own: ModelFields?, isNested: Bool, headSize: Int?) throws
    -> ModelLayerType
  {
    // Gemma 3 before transformers 5: one base a kind of layer, and the scaling is for full attention only.
    let isLocal = name == Self.sliding && !isNested && family?.defaults["rope_local_base_freq"] != nil
    let dictionary = isLocal ? nil : own
    let scaling = try scaling(of: dictionary, isNested: isNested)
    return ModelLayerType(
      name: name, headSize: headSize,
      rotaryPart: try rotaryPart(dictionary, scaling, headSize: headSize),
      base: try base(dictionary, isNested: isNested, localKey: isLocal ? "rope_local_base_freq" : nil),
      scaling: scaling, window: try window(name))
  }

  /// The dictionary of rotary parameters, under either of its names.
  private func ropeDictionary() throws -> ModelFields? {
    let keys = ["rope_parameters", "rope_scaling"].filter { fields.value($0) != nil }
    if keys.count == 2, fields.value(keys[0]) != fields.value(keys[1]) {
      throw contradiction(
        "rope_parameters and rope_scaling are both there and differ; keep the one that is meant")
    }
    guard let key = keys.first, let dictionary = try fields.object(key) else { return nil }
    if dictionary.contains(where: { key, value in
      key.hasPrefix("mrope") || (["type", "rope_type"].contains(key) && value == .string("mrope"))
    }) {
      throw unsupported(Self.multimodalRotation)
    }
    return dictionary
  }

  private mutating func base(_ dictionary: ModelFields?, isNested: Bool, localKey: String?) throws
    -> NumberLiteral?
  {
    if let family, family.baseKey == nil { return NumberLiteral(10_000) }
    let key = localKey ?? family?.baseKey ?? "rope_theta"
    if let base = try dictionary?.positive("rope_theta") {
      if !isNested, let other = try fields.positive(key), other.text != base.text {
        caution("\(dictionary!.place("rope_theta")) \(base) is taken, not \(key) \(other)")
      }
      return base
    }
    if let base = try positive(key) { return base }
    if family == nil, let base = try fields.positive("rotary_emb_base") { return base }
    leaveOpen(.base, "the file has no \(key)")
    return nil
  }

  private mutating func rotaryPart(_ dictionary: ModelFields?, _ scaling: ModelScaling, headSize: Int?) throws
    -> RotaryPart?
  {
    // Its own parameter says which pairs rotate.
    if scaling.name == ProportionalScaling.name { return .wholeHead }
    let partial = "partial_rotary_factor"
    let stated = try dictionary?.positive(partial) ?? fields.positive(partial)
    switch family?.rotation {
    case .count(let key):
      if let count = try integer(key) { return .channels(count) }
      leaveOpen(.rotarySize, "the file has no \(key)")
      return nil
    case .fraction(let key):
      guard let factor = try dictionary?.positive(partial) ?? positive(key) else { return .wholeHead }
      return try channels(factor, of: headSize)
    case .wholeHead:
      guard let stated, Double(stated.text) != 1 else { return .wholeHead }
      guard scaling.isDefault else { return try channels(stated, of: headSize) }
      leaveOpen(
        .rotarySize,
        "transformers' code for \(modelType!) passes over \(partial) \(stated) where there is no scaling, and other versions read it"
      )
      return nil
    case nil:
      if let stated { return try channels(stated, of: headSize) }
      for key in ["rotary_dim", "rotary_pct", "rotary_percent"] where fields.value(key) != nil {
        leaveOpen(.rotarySize, "the file has \(key), whose meaning for this model type is not known")
        return nil
      }
      return .wholeHead
    }
  }

  /// ⌊d·factor⌋ in binary64, as Python's `int(head_dim * factor)`.
  private mutating func channels(_ factor: NumberLiteral, of headSize: Int?) throws -> RotaryPart? {
    guard let headSize else {
      leaveOpen(.rotarySize, "it is head_dim*\(factor), and the file has no head_dim")
      return nil
    }
    guard let value = Double(factor.text), value <= 1 else {
      throw contradiction(
        "partial rotary factor \(factor) is above 1; a head cannot rotate more channels than it has")
    }
    let count = Int(Double(headSize) * value)
    return count == headSize ? .wholeHead : .channels(count)
  }

  private mutating func window(_ name: String) throws -> Int? {
    guard try fields.boolean("use_sliding_window") != false else { return nil }
    if name == Self.sliding {
      guard let size = try integer("sliding_window") else {
        throw contradiction("there are \(Self.sliding) layers, and sliding_window is missing or null; add it")
      }
      return size
    }
    guard name == "all" else { return nil }
    switch family?.window {
    case .everyLayer: return try integer("sliding_window")
    case .switched:
      return try fields.boolean("use_sliding_window") == true ? integer("sliding_window") : nil
    case nil:
      if let size = try fields.integer("sliding_window") {
        caution("sliding_window \(size) is not applied: which layers of this model type have it is not known")
      }
      return nil
    default: return nil
    }
  }
}
