// Reading the JSON of a named model. Reading is strict: a file says every field, or says under "open" why it does not.

import FloatingPointFormats
import Foundation

extension AttentionModel {
  /// Reads a file of Named/.
  ///
  /// - Parameters:
  ///   - json: the bytes of a JSON object.
  ///   - origin: what to call the file in errors.
  /// - Throws: ``ModelError``.
  init(namedFile json: Data, origin: String) throws {
    let fields = try ModelFields(json: json, file: origin)
    try fields.allow(
      [
        "name", "source", "verified", "heads", "kv_heads", "head_size", "rotary_size", "layout", "base",
        "scaling", "max_positions", "scale", "softcap", "window", "layers", "layer_pattern", "layer_types",
        "sizes", "remarks", "cautions", "open",
      ], of: "a model")
    func required<Value>(_ value: Value?, _ key: String) throws -> Value {
      guard let value else { throw fields.invalid(key, expected: "a value") }
      return value
    }
    open = try Self.openFields(fields)
    name = try required(fields.text("name"), "name")
    source = try required(fields.text("source"), "source")
    verified = try required(fields.text("verified"), "verified")
    heads = try required(fields.integer("heads"), "heads")
    keyValueHeads = try fields.integer("kv_heads")
    layout = try required(fields.text("layout").flatMap(RotaryLayout.init(rawValue:)), "layout")
    maximumPositions = try required(fields.integer("max_positions"), "max_positions")
    softcap = try fields.positive("softcap")
    sizes = try fields.object("sizes").map(ModelSizes.init(namedFile:))
    remarks = try fields.texts("remarks") ?? []
    cautions = try fields.texts("cautions") ?? []
    if open.contains(where: { $0.name == .scale }) {
      scale = nil
    } else {
      scale = try fields.positive("scale").map(AttentionScale.value) ?? .inverseSquareRootOfHeadSize
    }
    if let types = try fields.object("layer_types") {
      layerTypes = try types.members.keys.sorted().map { key in
        try Self.layerType(key, types.object(key), of: fields)
      }
    } else {
      layerTypes = [try Self.layerType("all", nil, of: fields)]
    }
    let pattern = try fields.texts("layer_pattern") ?? []
    let layers = try fields.integer("layers") ?? 0
    typeOfLayer = pattern.isEmpty ? [] : (0..<layers).map { pattern[$0 % pattern.count] }
    guard Set(typeOfLayer).isSubset(of: layerTypes.map(\.name)), layerTypes.count == 1 || !pattern.isEmpty
    else {
      throw fields.invalid("layer_pattern", expected: "the names in layer_types")
    }
    for type in layerTypes { try Self.check(type, layout: layout, file: origin) }
  }

  /// A layer's own fields, else the model's.
  private static func layerType(_ name: String, _ own: ModelFields?, of model: ModelFields) throws
    -> ModelLayerType
  {
    func fields(_ key: String) -> ModelFields { own?.has(key) == true ? own! : model }
    try own?.allow(["base", "scaling", "window"], of: "a layer type")
    let headSize = try fields("head_size").integer("head_size")
    let rotarySize = try fields("rotary_size").integer("rotary_size")
    return ModelLayerType(
      name: name, headSize: headSize, rotaryPart: rotarySize.map(RotaryPart.channels),
      base: try fields("base").positive("base"),
      scaling: try fields("scaling").text("scaling").map { text in
        try wrapping(file: model.file) { try ModelScaling(spelling: text) }
      },
      window: try fields("window").integer("window"))
  }

  private static func openFields(_ fields: ModelFields) throws -> [OpenField] {
    guard let object = try fields.object("open") else { return [] }
    try object.allow(OpenField.Name.allCases.map(\.rawValue), of: "\"open\"")
    return try OpenField.Name.allCases.compactMap { name in
      try object.text(name.rawValue).map { OpenField(name: name, reason: $0) }
    }
  }

  /// Checks that the parts of an embedding go together.
  ///
  /// - Throws: ``ModelError/contradiction(file:reason:)``.
  static func check(_ type: ModelLayerType, layout: RotaryLayout?, file: String) throws {
    guard let headSize = type.headSize else { return }
    // What is open cannot contradict anything; any value stands in for it.
    try wrapping(file: file) {
      let embedding = try RotaryEmbedding(
        headSize: headSize, rotarySize: type.rotarySize, base: type.base ?? NumberLiteral(2),
        layout: layout ?? .halfSplit,
        scaling: type.scaling.map { try $0.resolved(length: $0.needsLength ? 1 : nil) } ?? .none)
      // One of its lists is used for a length; both have to fit.
      if let rule = embedding.scaling.rule as? LongRopeScaling, type.rotarySize != nil {
        for (word, list) in [("short", rule.short), ("long", rule.long)]
        where list.count != embedding.pairCount {
          throw ProblemError.scaling(
            "longrope: \(word) has \(list.count) factors for \(embedding.pairCount) pairs")
        }
      }
    }
  }

  /// Runs a check of the problem and names the file in its error.
  static func wrapping<Value>(file: String, _ body: () throws -> Value) throws -> Value {
    do {
      return try body()
    } catch let error as ProblemError {
      throw ModelError.contradiction(file: file, reason: error.description)
    }
  }
}
