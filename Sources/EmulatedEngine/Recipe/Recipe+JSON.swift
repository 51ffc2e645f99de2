// Reading and writing recipes as JSON. Reading is strict: a stage left out, a key misspelt or a format that cannot be
// emulated is an error that names its place.

import FloatingPointFormats
import Foundation
import StrictJSON

/// What is wrong with a recipe.
public enum RecipeError: Error, Equatable, CustomStringConvertible {
  /// Not JSON, or not an object where one is needed.
  case malformed(recipe: String, reason: String)
  /// A stage or field that is missing.
  case missing(recipe: String, field: String)
  /// A key that no recipe has.
  case unknownKey(recipe: String, key: String, suggestion: String?)
  /// A value that a field cannot take.
  case invalidValue(recipe: String, field: String, value: String, expected: String)
  /// A name that no recipe has.
  case unknownName(String, suggestion: String?)

  /// One sentence with the mend.
  public var description: String {
    switch self {
    case .malformed(let recipe, let reason): "recipe \(recipe): \(reason)"
    case .missing(let recipe, let field) where ["name", "summary", "source"].contains(field):
      "recipe \(recipe): '\(field)' is missing; a recipe has a name, a summary of one sentence and a source"
    case .missing(let recipe, let field):
      "recipe \(recipe): '\(field)' is missing; every stage must be stated ('exact' where nothing is rounded)"
    case .unknownKey(let recipe, let key, let suggestion):
      "recipe \(recipe): unknown key '\(key)'\(didYouMean(suggestion))"
    case .invalidValue(let recipe, let field, let value, let expected):
      "recipe \(recipe): '\(field)' is \(value); expected \(expected)"
    case .unknownName(let name, let suggestion):
      "unknown recipe '\(name)'\(didYouMean(suggestion)); 'ropedrift recipes' lists them, and a path to a .json file names your own"
    }
  }
}

extension Recipe {
  /// Reads a recipe from JSON.
  ///
  /// - Parameters:
  ///   - json: the bytes of a JSON object.
  ///   - origin: what to call the recipe in errors, its file as a rule.
  /// - Throws: ``RecipeError``.
  public init(json: Data, origin: String) throws {
    guard String(validating: json, as: UTF8.self) != nil else {
      throw RecipeError.malformed(recipe: origin, reason: "not UTF-8 text; save the recipe as UTF-8")
    }
    do {
      let value = try json.withUnsafeBytes { try StrictJSON(parsing: $0) }
      guard case .object(let members) = value else {
        throw RecipeError.malformed(
          recipe: origin, reason: "found \(value.kindName); a recipe is a JSON object of stages")
      }
      try self.init(RecipeObject(recipe: origin, path: "", members))
    } catch StrictJSON.Fault.syntax(let expected, let offset) {
      throw RecipeError.malformed(
        recipe: origin, reason: "not valid JSON: expected \(expected) at byte \(offset)")
    } catch StrictJSON.Fault.duplicateKey(let key) {
      throw RecipeError.malformed(recipe: origin, reason: "'\(key)' is given twice; keep one of them")
    }
  }

  private init(_ reader: RecipeObject) throws {
    try reader.allow(["name", "summary", "source"] + Self.stageNames)
    name = try reader.string("name")
    summary = try reader.string("summary")
    source = try reader.string("source")
    let frequency = try reader.object("inverseFrequency", keys: ["formula"] + Self.roundingKeys)
    inverseFrequency = InverseFrequency(
      formula: try frequency.name("formula"), rounding: try frequency.chain())
    position = try reader.stageChain("position")
    angle = try reader.stageChain("angle")
    trig = try reader.stageChain("trig")
    table = try reader.stageChain("table")
    input = try reader.stageChain("input")
    let turn = try reader.object("rotation", keys: ["algorithm"] + Self.roundingKeys)
    rotation = Rotation(algorithm: try turn.name("algorithm"), rounding: try turn.chain())
    rotated = try reader.stageChain("rotated")
    let accumulation = try reader.object("dot", keys: ["order"] + Self.roundingKeys)
    let order: Dot.Order = try accumulation.name("order")
    let accumulator = try accumulation.chain()
    guard (order == .exact) == accumulator.isExact else {
      throw RecipeError.invalidValue(
        recipe: reader.recipe, field: "dot",
        value: "order \(order.rawValue) with format \(accumulator.summary)",
        expected: "order 'exact' and format 'exact' together")
    }
    dot = Dot(order: order, rounding: accumulator)
    let score = try reader.object("logit", keys: ["storedScore", "scaleFactor"] + Self.roundingKeys)
    logit = Logit(
      storedScore: try score.chain("storedScore"), scaleFactor: try score.chain("scaleFactor"),
      rounding: try score.chain())
    probability = try reader.stageChain("probability")
  }

  static let roundingKeys = ["format", "rounding", "seed"]
  static let stageNames = [
    "inverseFrequency", "position", "angle", "trig", "table", "input", "rotation", "rotated", "dot", "logit",
    "probability",
  ]
}

/// One JSON object of a recipe and where it stands.
private struct RecipeObject {
  let recipe: String
  let path: String
  let values: [String: StrictJSON]

  init(recipe: String, path: String, _ members: [StrictJSON.Member]) {
    self.recipe = recipe
    self.path = path
    // The reader has refused repeated keys.
    values = Dictionary(members.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
  }

  private func place(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

  private func invalid(_ key: String, expected: String) -> RecipeError {
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
    let result = RecipeObject(recipe: recipe, path: place(key), members)
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

  func stageChain(_ key: String) throws -> RoundingChain {
    try object(key, keys: Recipe.roundingKeys).chain()
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
