// The rope dictionary of a configuration as a scaling. Its keys decide frequencies, so a key without a meaning is an error.

import FloatingPointFormats
import StrictJSON

extension ConfigurationReader {
  /// What every rope dictionary may have.
  private static let common = ["type", "rope_type", "rope_theta", "partial_rotary_factor", "finetuned"]
  /// The types of transformers, with the keys of each.
  private static let types: [(name: String, keys: [String])] = [
    ("default", []), ("linear", ["factor"]), ("dynamic", ["factor"]),
    (
      "yarn",
      [
        "factor", "original_max_position_embeddings", "attention_factor", "beta_fast", "beta_slow", "mscale",
        "mscale_all_dim", "truncate",
      ]
    ),
    (
      "longrope",
      ["short_factor", "long_factor", "factor", "attention_factor", "original_max_position_embeddings"]
    ),
    (
      "llama3", ["factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"]
    ),
    ("proportional", ["factor"]),
  ]

  /// The scaling that a dictionary states; none without one.
  mutating func scaling(of dictionary: ModelFields?, isNested: Bool) throws -> ModelScaling {
    guard let dictionary else { return .none }
    let (name, keys) = try type(of: dictionary)
    try dictionary.allow(Self.common + keys, of: "rope type \(name)")
    var items: [String] = []
    func required(_ key: String) throws -> NumberLiteral {
      guard let value = try dictionary.positive(key) else {
        throw dictionary.invalid(key, expected: "a number above zero for rope type \(name)")
      }
      return value
    }
    func add(_ key: String, _ value: NumberLiteral?) { if let value { items.append("\(key)=\(value)") } }
    switch name {
    case "linear": add("factor", try required("factor"))
    case "dynamic":
      add("factor", try required("factor"))
      add("max", try maximumPositions(for: name))
    case "yarn":
      let original = try original(dictionary, isNested: isNested)
      add("factor", try factor(dictionary, original: original))
      add("original", original)
      add("beta_fast", try dictionary.positiveOrZero("beta_fast"))
      add("beta_slow", try dictionary.positiveOrZero("beta_slow"))
      if let truncates = try dictionary.boolean("truncate") { items.append("truncate=\(truncates)") }
      add("attention_factor", try dictionary.positive("attention_factor"))
      add("mscale", try dictionary.positiveOrZero("mscale"))
      add("mscale_all_dim", try dictionary.positiveOrZero("mscale_all_dim"))
    case "longrope":
      let original = try original(dictionary, isNested: isNested)
      add("original", original)
      add("factor", try factor(dictionary, original: original))
      for (key, word) in [("short_factor", "short"), ("long_factor", "long")] {
        guard let factors = try dictionary.positives(key), !factors.isEmpty else {
          throw dictionary.invalid(key, expected: "a list of numbers, one for each pair of channels")
        }
        items.append("\(word)=" + factors.map(\.text).joined(separator: ";"))
      }
      add("attention_factor", try dictionary.positive("attention_factor"))
    case "llama3":
      add("factor", try required("factor"))
      add("low", try required("low_freq_factor"))
      add("high", try required("high_freq_factor"))
      add("original", try original(dictionary, isNested: isNested))
    case "proportional":
      let own = try dictionary.positive("partial_rotary_factor")
      add("fraction", try own ?? fields.positive("partial_rotary_factor") ?? NumberLiteral(1))
      add("factor", try dictionary.positive("factor"))
    default: break
    }
    let spelling = items.isEmpty ? name : name + ":" + items.joined(separator: ",")
    return try AttentionModel.wrapping(file: fields.file) { try ModelScaling(spelling: spelling) }
  }

  /// The type under either of its names; `su` is longrope's first name.
  private func type(of dictionary: ModelFields) throws -> (name: String, keys: [String]) {
    let isPhi3 = modelType == "phi3"
    func current(_ name: String) -> String { name == "su" || (isPhi3 && name == "yarn") ? "longrope" : name }
    let (new, legacy) = (try dictionary.text("rope_type"), try dictionary.text("type"))
    if let new, let legacy, current(new) != current(legacy) {
      throw contradiction(
        "\(dictionary.place("rope_type")) is '\(new)' and \(dictionary.place("type")) is '\(legacy)'; keep the one that is meant"
      )
    }
    let name = current(new ?? legacy ?? "default")
    guard let known = Self.types.first(where: { $0.name == name }) else {
      let names = Self.types.map(\.name)
      throw ModelError.invalidValue(
        file: fields.file, key: dictionary.place(new == nil ? "type" : "rope_type"), found: "'\(name)'",
        expected: "one of " + names.joined(separator: ", ") + didYouMean(nearestName(to: name, among: names)))
    }
    return known
  }

  private mutating func maximumPositions(for name: String) throws -> NumberLiteral {
    guard let count = try integer("max_position_embeddings") else {
      throw fields.invalid("max_position_embeddings", expected: "a whole number: rope type \(name) needs it")
    }
    return NumberLiteral(count)
  }

  /// The length that the model was trained on: a key of the configuration, of the dictionary, or max_position_embeddings.
  private mutating func original(_ dictionary: ModelFields, isNested: Bool) throws -> NumberLiteral {
    let key = "original_max_position_embeddings"
    let (outer, inner) = (try isNested ? nil : fields.positive(key), try dictionary.positive(key))
    if let outer {
      if let inner, inner.text != outer.text {
        caution("\(key) \(outer) is taken, as transformers takes it, not \(dictionary.place(key)) \(inner)")
      }
      return outer
    }
    if let inner { return inner }
    let count = try maximumPositions(for: "with an original length")
    caution("\(key) is not in the file; max_position_embeddings \(count) is taken, as transformers takes it")
    return count
  }

  /// The factor, or where it is missing max_position_embeddings/original.
  private mutating func factor(_ dictionary: ModelFields, original: NumberLiteral) throws -> NumberLiteral {
    guard let stated = try dictionary.positive("factor") else {
      let longest = try maximumPositions(for: "without a factor")
      let (a, b) = (Double(longest.text), Double(original.text))
      // An exact quotient of whole numbers reads better than a fraction.
      if let a, let b, let quotient = Int(exactly: a / b), Double(quotient) * b == a {
        return NumberLiteral(quotient)
      }
      return try NumberLiteral("\(longest)/\(original)")
    }
    if let longest = try fields.integer("max_position_embeddings"), let b = Double(original.text),
      let c = Double(stated.text), Double(longest) != b, Double(longest) / b != c
    {
      caution(
        "\(dictionary.place("factor")) \(stated) is taken, which is not max_position_embeddings over the original length, \(longest)/\(original)"
      )
    }
    return stated
  }
}
