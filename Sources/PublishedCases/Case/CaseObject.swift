// One JSON object of a case file and where it stands: typed reads whose errors name the place.

import EmulatedEngine
import FloatingPointFormats
import RotaryAttention
import StrictJSON

/// One JSON object of a case file and where it stands.
struct CaseObject {
  let file: String
  let path: String
  let members: [(key: String, value: StrictJSON)]

  init(file: String, path: String, _ members: [(key: String, value: StrictJSON)]) {
    self.file = file
    self.path = path
    self.members = members
  }

  init(file: String, path: String, _ members: [StrictJSON.Member]) {
    self.init(file: file, path: path, members.map { ($0.key, $0.value) })
  }

  func place(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

  func value(_ key: String) -> StrictJSON? { members.first { $0.key == key }?.value }

  func has(_ key: String) -> Bool { value(key) != nil }

  func missing(_ key: String) -> CaseError { .missing(file: file, field: place(key)) }

  func invalid(_ key: String, _ found: String? = nil, expected: String) -> CaseError {
    .invalidValue(
      file: file, field: place(key), value: found ?? value(key)?.kindName ?? "missing", expected: expected)
  }

  func allow(_ keys: [String]) throws {
    for member in members where !keys.contains(member.key) {
      throw CaseError.unknownKey(
        file: file, key: place(member.key), suggestion: nearestName(to: member.key, among: keys))
    }
  }

  /// A text for people: 1 to 2000 characters, none of them a control character.
  func string(_ key: String) throws -> String {
    guard let value = value(key) else { throw missing(key) }
    guard case .string(let text) = value, !text.isEmpty, text.count <= 2000,
      text.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control })
    else { throw invalid(key, expected: "a string of 1 to 2000 characters without control characters") }
    return text
  }

  func optionalString(_ key: String) throws -> String? { has(key) ? try string(key) : nil }

  func object(_ key: String) throws -> CaseObject {
    guard let value = value(key) else { throw missing(key) }
    guard case .object(let members) = value else { throw invalid(key, expected: "an object") }
    return CaseObject(file: file, path: place(key), members)
  }

  /// The objects of an array, one at least.
  func objects(_ key: String) throws -> [CaseObject] {
    guard let value = value(key) else { throw missing(key) }
    guard case .array(let elements) = value, !elements.isEmpty else {
      throw invalid(key, expected: "an array of objects, one at least")
    }
    return try elements.enumerated().map { index, element in
      let place = "\(place(key))[\(index)]"
      guard case .object(let members) = element else {
        throw CaseError.invalidValue(
          file: file, field: place, value: element.kindName, expected: "an object")
      }
      return CaseObject(file: file, path: place, members)
    }
  }

  /// The objects that stand under names; none where the key is missing.
  func named(_ key: String) throws -> [(name: String, object: CaseObject)] {
    guard has(key) else { return [] }
    let group = try object(key)
    return try group.members.map { ($0.key, try group.object($0.key)) }
  }

  /// One of the names of an enumeration.
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

  /// The texts of a string, of a number, or of an array of them.
  func texts(_ key: String) throws -> (texts: [String], isList: Bool) {
    guard let value = value(key) else { throw missing(key) }
    func text(_ element: StrictJSON) throws -> String {
      switch element {
      case .string(let text) where !text.isEmpty && text.count <= 2000: return text
      case .number(let text): return text
      default: throw invalid(key, expected: "a number, a string, or an array of them")
      }
    }
    if case .array(let elements) = value {
      guard !elements.isEmpty else { throw invalid(key, expected: "one element at least") }
      return (try elements.map(text), true)
    }
    return ([try text(value)], false)
  }

  func literals(_ key: String) throws -> (literals: [NumberLiteral], isList: Bool) {
    let (texts, isList) = try texts(key)
    return (try texts.map { try literal($0, key) }, isList)
  }

  func literal(_ key: String) throws -> NumberLiteral {
    let (literals, isList) = try literals(key)
    guard !isList else { throw invalid(key, expected: "one number") }
    return literals[0]
  }

  private func literal(_ text: String, _ key: String) throws -> NumberLiteral {
    do {
      return try NumberLiteral(text)
    } catch {
      throw invalid(key, "'\(text.prefix(40))'", expected: "a number: \(error)")
    }
  }

  func integer(_ key: String, in range: ClosedRange<Int>) throws -> Int {
    let text = try texts(key)
    guard !text.isList, let integer = Int(text.texts[0]), range.contains(integer) else {
      throw invalid(key, expected: "an integer from \(range.lowerBound) to \(range.upperBound)")
    }
    return integer
  }

  /// Integers: one, an array, or `{"from": a, "to": b}`, both included.
  func integers(_ key: String, in range: ClosedRange<Int>) throws -> [Int] {
    guard case .object = value(key) else {
      return try texts(key).texts.map { text in
        guard let integer = Int(text), range.contains(integer) else {
          throw invalid(
            key, "'\(text)'", expected: "integers from \(range.lowerBound) to \(range.upperBound)")
        }
        return integer
      }
    }
    let ends = try object(key)
    try ends.allow(["from", "to"])
    let (from, to) = (try ends.integer("from", in: range), try ends.integer("to", in: range))
    guard from <= to, to - from < 1 << 24 else {
      throw invalid(key, "\(from) … \(to)", expected: "from ≤ to and at most 2^24 integers")
    }
    return Array(from...to)
  }
}
