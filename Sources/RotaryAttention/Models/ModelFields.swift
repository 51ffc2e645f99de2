// Typed access to the JSON of a model, with the file and the key in every error. Numbers stay as they are written.

import FloatingPointFormats
import Foundation
import StrictJSON

/// One JSON object of a model's file.
struct ModelFields {
  /// The file, for messages.
  let file: String
  /// The keys that lead here.
  let path: String
  let members: [String: StrictJSON]

  /// Reads a whole file.
  ///
  /// - Throws: ``ModelError/malformed(file:reason:)``.
  init(json: Data, file: String) throws {
    guard String(validating: json, as: UTF8.self) != nil else {
      throw ModelError.malformed(file: file, reason: "not UTF-8 text; name a config.json")
    }
    do {
      let value = try json.withUnsafeBytes { try StrictJSON(parsing: $0) }
      guard case .object(let members) = value else {
        throw ModelError.malformed(
          file: file, reason: "found \(value.kindName); a model's configuration is a JSON object")
      }
      self.init(file: file, path: "", members: members)
    } catch StrictJSON.Fault.syntax(let expected, let offset) {
      throw ModelError.malformed(
        file: file, reason: "not valid JSON: expected \(expected) at byte \(offset)")
    } catch StrictJSON.Fault.duplicateKey(let key) {
      throw ModelError.malformed(file: file, reason: "'\(key)' is given twice; keep one of them")
    }
  }

  private init(file: String, path: String, members: [StrictJSON.Member]) {
    self.file = file
    self.path = path
    // The reader has refused repeated keys.
    self.members = Dictionary(members.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
  }

  /// A key with those that lead to it.
  func place(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

  /// Whether the key is there, be it null.
  func has(_ key: String) -> Bool { members[key] != nil }

  /// The value of a key; nil where it is missing or null.
  func value(_ key: String) -> StrictJSON? {
    switch members[key] {
    case nil, .null: nil
    case let value?: value
    }
  }

  /// An error about a key.
  func invalid(_ key: String, expected: String) -> ModelError {
    .invalidValue(
      file: file, key: place(key), found: members[key]?.kindName ?? "missing", expected: expected)
  }

  /// A whole number from 1 to 2^31 − 1.
  func integer(_ key: String) throws -> Int? {
    guard let value = value(key) else { return nil }
    guard case .number(let text) = value, let number = Int(text), number > 0, number < 1 << 31 else {
      throw invalid(key, expected: "a whole number above zero")
    }
    return number
  }

  /// A number above zero, exactly as written.
  func positive(_ key: String) throws -> NumberLiteral? {
    try value(key).map { try positive($0, key) }
  }

  /// A number above zero; nil for zero too, which some configurations write for "none".
  func positiveOrZero(_ key: String) throws -> NumberLiteral? {
    if case .number(let text)? = value(key), let literal = try? NumberLiteral(text), literal.isZero {
      return nil
    }
    return try positive(key)
  }

  /// Numbers above zero.
  func positives(_ key: String) throws -> [NumberLiteral]? {
    guard let value = value(key) else { return nil }
    guard case .array(let elements) = value else { throw invalid(key, expected: "a list of numbers") }
    return try elements.map { try positive($0, key) }
  }

  private func positive(_ value: StrictJSON, _ key: String) throws -> NumberLiteral {
    guard case .number(let text) = value, let literal = try? NumberLiteral(text), !literal.isZero,
      case .rational(isNegative: false, _, _) = literal.meaning
    else {
      throw ModelError.invalidValue(
        file: file, key: place(key), found: value.kindName, expected: "a number above zero, not in quotes")
    }
    return literal
  }

  /// A text.
  func text(_ key: String) throws -> String? {
    guard let value = value(key) else { return nil }
    guard case .string(let text) = value else { throw invalid(key, expected: "a string") }
    return text
  }

  /// Texts.
  func texts(_ key: String) throws -> [String]? {
    guard let value = value(key) else { return nil }
    guard case .array(let elements) = value else { throw invalid(key, expected: "a list of strings") }
    return try elements.map { element in
      guard case .string(let text) = element else {
        throw ModelError.invalidValue(
          file: file, key: place(key), found: "a list with \(element.kindName) in it",
          expected: "a list of strings")
      }
      return text
    }
  }

  /// A truth value.
  func boolean(_ key: String) throws -> Bool? {
    guard let value = value(key) else { return nil }
    guard case .boolean(let flag) = value else { throw invalid(key, expected: "true or false") }
    return flag
  }

  /// An object.
  func object(_ key: String) throws -> ModelFields? {
    guard let value = value(key) else { return nil }
    guard case .object(let members) = value else { throw invalid(key, expected: "an object") }
    return ModelFields(file: file, path: place(key), members: members)
  }

  /// Whether a member satisfies a condition, here or one level below.
  func contains(where condition: (String, StrictJSON) -> Bool) -> Bool {
    members.contains { key, value in
      if case .object(let inner) = value, inner.contains(where: { condition($0.key, $0.value) }) {
        return true
      }
      return condition(key, value)
    }
  }

  /// Refuses keys that are not among those that have a meaning here, unless they are null.
  ///
  /// - Throws: ``ModelError/unknownKey(file:key:expected:suggestion:)`` for the first one in the order of their names.
  func allow(_ keys: [String], of what: String) throws {
    for key in members.keys.sorted() where !keys.contains(key) && members[key] != .null {
      throw ModelError.unknownKey(
        file: file, key: place(key), expected: "\(what) has \(keys.joined(separator: ", "))",
        suggestion: nearestName(to: key, among: keys))
    }
  }
}

extension NumberLiteral {
  /// Whether the number is 0.
  var isZero: Bool {
    if case .rational(_, let numerator, _) = meaning { numerator.isZero } else { false }
  }
}
