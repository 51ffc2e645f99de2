// One JSON object of a recipe as it is read: strict about keys, and every error says where it stands.

import FloatingPointFormats
import StrictJSON

/// One JSON object of a recipe and where it stands.
struct RecipeObject {
  let recipe: String
  let path: String
  /// What the format "model" stands for in a part of a recipe; nil in a whole recipe, where it may not stand.
  let modelType: FloatingPointFormat?
  let values: [String: StrictJSON]

  init(recipe: String, path: String, modelType: FloatingPointFormat? = nil, _ members: [StrictJSON.Member]) {
    self.recipe = recipe
    self.path = path
    self.modelType = modelType
    // The reader has refused repeated keys.
    values = Dictionary(members.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
  }

  func place(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

  func invalid(_ key: String, expected: String) -> RecipeError {
    .invalidValue(
      recipe: recipe, field: place(key), value: values[key]?.kindName ?? "missing", expected: expected)
  }

  func allow(_ keys: [String]) throws {
    for key in values.keys.sorted() where !keys.contains(key) {
      throw RecipeError.unknownKey(
        recipe: recipe, key: place(key), suggestion: nearestName(to: key, among: keys))
    }
  }

  func string(_ key: String) throws -> String {
    guard values[key] != nil else { throw RecipeError.missing(recipe: recipe, field: place(key)) }
    // Names stand in tables and messages, where a control character could do anything to a terminal.
    guard case .string(let value) = values[key], !value.isEmpty, value.count <= 1000,
      value.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control })
    else { throw invalid(key, expected: "a string of 1 to 1000 characters without control characters") }
    return value
  }

  func object(_ key: String, keys: [String]) throws -> RecipeObject {
    guard values[key] != nil else { throw RecipeError.missing(recipe: recipe, field: place(key)) }
    guard case .object(let members) = values[key] else {
      throw invalid(key, expected: "an object with a 'format'")
    }
    let result = RecipeObject(recipe: recipe, path: place(key), modelType: modelType, members)
    try result.allow(keys)
    return result
  }

  func name<Name: RawRepresentable & CaseIterable>(_ key: String) throws -> Name
  where Name.RawValue == String {
    let text = try string(key)
    guard let name = Name(rawValue: text) else {
      let known = Name.allCases.map(\.rawValue)
      throw invalid(
        key,
        expected: "one of " + known.joined(separator: ", ") + didYouMean(nearestName(to: text, among: known)))
    }
    return name
  }

  func optionalName<Name: RawRepresentable & CaseIterable>(_ key: String) throws -> Name?
  where Name.RawValue == String { values[key] == nil ? nil : try name(key) }

  func stageChain(_ key: String) throws -> RoundingChain {
    try object(key, keys: Recipe.roundingKeys).chain()
  }

  /// A chain of its own that may be left out: nothing is rounded there then.
  func optionalStageChain(_ key: String) throws -> RoundingChain {
    values[key] == nil ? .exact : try stageChain(key)
  }

  /// A list of one or more strings.
  func strings(_ key: String) throws -> [String] {
    guard let value = values[key] else { throw RecipeError.missing(recipe: recipe, field: place(key)) }
    guard case .array(let list) = value, !list.isEmpty else {
      throw invalid(key, expected: "a list of strings")
    }
    return try list.map {
      guard case .string(let text) = $0 else { throw invalid(key, expected: "a list of strings") }
      return text
    }
  }

  /// An integer in a range, as a number or as a string of digits.
  func integer(_ key: String, in range: ClosedRange<UInt64>) throws -> UInt64 {
    let digits: String? =
      switch values[key] {
      case .number(let text), .string(let text): text
      default: nil
      }
    guard let digits, digits.allSatisfy({ $0.isASCII && $0.isNumber }), let value = UInt64(digits),
      range.contains(value)
    else { throw invalid(key, expected: "an integer from \(range.lowerBound) to \(range.upperBound)") }
    return value
  }

  /// The error for a value that does not go with the others.
  func conflict(_ key: String, value: String, expected: String) -> RecipeError {
    .invalidValue(recipe: recipe, field: place(key), value: value, expected: expected)
  }

  /// The chain of a stage: `"format": "bf16"`, or `["fp32", "bf16"]`, or `"exact"`; `rounding` and `seed` beside it.
  func chain(_ key: String = "format") throws -> RoundingChain {
    guard let value = values[key] else { throw RecipeError.missing(recipe: recipe, field: place(key)) }
    let elements: [StrictJSON] = if case .array(let list) = value { list } else { [value] }
    let names = elements.compactMap { if case .string(let name) = $0 { name } else { nil } }
    guard names.count == elements.count, (1...8).contains(names.count) else {
      throw invalid(key, expected: "a format or a list of one to eight formats")
    }
    var chain = RoundingChain.exact
    if names != ["exact"] {
      chain.formats = try names.map { name in
        if name == "model", let modelType { return modelType }
        let format: FloatingPointFormat
        do {
          format = try FloatingPointFormat(spelling: name)
        } catch let error as FormatError {
          throw RecipeError.invalidValue(
            recipe: recipe, field: place(key), value: "'\(name)'",
            expected: "a format ('exact' stands alone): \(error)")
        }
        guard format.isSubset(of: .fp64), format.precision <= 53 else {
          throw invalid(key, expected: "formats whose values are all binary64 numbers")
        }
        return format
      }
      // A list such as fp32, then the model's type is one rounding where the two are the same.
      if modelType != nil {
        chain.formats = chain.formats.reduce(into: []) { if $0.last != $1 { $0.append($1) } }
      }
    }
    chain.rounding = try rounding()
    return chain
  }

  private func rounding() throws -> Rounding {
    guard values["rounding"] != nil else {
      guard values["seed"] == nil else {
        throw invalid("seed", expected: "no seed without rounding 'stochastic'")
      }
      return .nearestEven
    }
    let name = try string("rounding")
    // An integer, or a string of digits where a writer of JSON might not keep 64 bits.
    let digits: String? =
      switch values["seed"] {
      case .number(let text), .string(let text): text
      default: nil
      }
    let seed = digits.flatMap { $0.allSatisfy(\.isNumber) ? UInt64($0) : nil }
    do {
      let rounding = try Rounding(spelling: name, seed: seed ?? 0)
      if case .stochastic = rounding {
        guard seed != nil else {
          throw invalid("seed", expected: "an integer from 0 to 2^64 - 1: stochastic rounding is seeded")
        }
      } else if values["seed"] != nil {
        throw invalid("seed", expected: "no seed without rounding 'stochastic'")
      }
      return rounding
    } catch let error as FormatError {
      throw RecipeError.invalidValue(
        recipe: recipe, field: place("rounding"), value: "'\(name)'", expected: "\(error)")
    }
  }
}
