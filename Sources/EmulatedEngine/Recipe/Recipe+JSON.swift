// Reading and writing recipes as JSON. Reading is strict: a stage left out, a key misspelt or a format that cannot be
// emulated is an error that names its place.

import FloatingPointFormats
import Foundation

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
    let value: Any
    do {
      value = try JSONSerialization.jsonObject(with: json)
    } catch {
      throw RecipeError.malformed(recipe: origin, reason: "not valid JSON")
    }
    guard let object = value as? [String: Any] else {
      throw RecipeError.malformed(recipe: origin, reason: "a recipe is a JSON object of stages")
    }
    try self.init(RecipeObject(recipe: origin, path: "", object))
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
  let values: [String: Any]

  init(recipe: String, path: String, _ values: [String: Any]) {
    self.recipe = recipe
    self.path = path
    self.values = values
  }

  private func place(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

  private func invalid(_ key: String, expected: String) -> RecipeError {
    let value = values[key].map { $0 is String ? "'\($0)'" : "\($0)" } ?? "missing"
    return .invalidValue(recipe: recipe, field: place(key), value: value, expected: expected)
  }

  func allow(_ keys: [String]) throws {
    for key in values.keys.sorted() where !keys.contains(key) {
      throw RecipeError.unknownKey(
        recipe: recipe, key: place(key), suggestion: nearestName(to: key, among: keys))
    }
  }

  func string(_ key: String) throws -> String {
    guard values[key] != nil else { throw RecipeError.missing(recipe: recipe, field: place(key)) }
    guard let value = values[key] as? String, !value.isEmpty else { throw invalid(key, expected: "a string") }
    return value
  }

  func object(_ key: String, keys: [String]) throws -> RecipeObject {
    guard values[key] != nil else { throw RecipeError.missing(recipe: recipe, field: place(key)) }
    guard let value = values[key] as? [String: Any] else {
      throw invalid(key, expected: "an object with a 'format'")
    }
    let result = RecipeObject(recipe: recipe, path: place(key), value)
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
    let names = (value as? [String]) ?? (value as? String).map { [$0] }
    guard let names, !names.isEmpty else { throw invalid(key, expected: "a format or a list of formats") }
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
    // An integer, or a string of digits where a reader of JSON might not keep 64 bits.
    let seed = (values["seed"] as? String ?? (values["seed"] as? NSNumber)?.stringValue).flatMap {
      UInt64($0)
    }
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
