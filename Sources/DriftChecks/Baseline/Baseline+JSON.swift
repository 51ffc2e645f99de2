// A baseline as a file: JSON that a reviewer can read, and that is refused where it is not exactly what was written.

import DriftReporting
import Foundation
import StrictJSON

extension Baseline {
  /// What a file says of itself, so that no other JSON is taken for a baseline.
  static let kind = "ropedrift-baseline"
  /// The version of the file's form.
  static let fileVersion = 1

  /// The whole baseline.
  public var json: JSONValue {
    .object([
      "kind": .string(Self.kind), "file_version": .integer(Self.fileVersion),
      "command": .array(command.map(JSONValue.string)), "identity": identity,
      "allowances": .array(allowances.map { .string($0.spelling) }),
      "accepted": .array(
        acceptances.map {
          .object(["reason": .string($0.reason), "changed_figures": .integer($0.changedFigures)])
        }),
      "rows": .array(
        rows.map { row in
          .object([
            "row": .string(row.name),
            "figures": .object(JSONObject(row.figures.map { ($0.metric, JSONValue($0.value)) })),
          ])
        }),
    ])
  }

  /// Reads a baseline's file.
  ///
  /// - Throws: ``BaselineError/unreadable(file:reason:)``, ``BaselineError/malformed(file:reason:)``.
  public init(path: String) throws {
    let data: Data
    do {
      data = try Data(contentsOf: URL(fileURLWithPath: path))
    } catch {
      let isThere = FileManager.default.fileExists(atPath: path)
      throw BaselineError.unreadable(
        file: path, reason: isThere ? "it is no readable file" : "it is not there")
    }
    do {
      try self.init(parsing: data)
    } catch let fault as BaselineReader.Fault {
      throw BaselineError.malformed(file: path, reason: fault.reason)
    } catch let fault as StrictJSON.Fault {
      switch fault {
      case .syntax(let expected, let offset):
        throw BaselineError.malformed(
          file: path, reason: "expected \(expected) at byte \(offset), the file is not JSON or is cut off")
      case .duplicateKey(let key):
        throw BaselineError.malformed(file: path, reason: "the key '\(key)' stands twice in one object")
      }
    } catch let error as BaselineError {
      throw BaselineError.malformed(file: path, reason: error.description)
    }
  }

  private init(parsing data: Data) throws {
    guard String(data: data, encoding: .utf8) != nil else {
      throw BaselineReader.Fault("it is not UTF-8")
    }
    let root = try BaselineReader(
      data.withUnsafeBytes { try StrictJSON(parsing: $0) }, "the file",
      keys: ["kind", "file_version", "command", "identity", "allowances", "accepted", "rows"])
    guard try root.string("kind") == Self.kind else {
      throw BaselineReader.Fault("its kind is not '\(Self.kind)'")
    }
    let version = try root.integer("file_version")
    guard version == Self.fileVersion else {
      throw BaselineReader.Fault("its form is version \(version), this tool reads \(Self.fileVersion)")
    }
    let rows = try root.objects("rows", keys: ["row", "figures"]).map { row in
      Row(
        name: try row.string("row"),
        figures: try row.members("figures").map { Figure($0.key, try BaselineReader.cell($0.value, $0.key)) })
    }
    guard Set(rows.map(\.name)).count == rows.count else {
      throw BaselineReader.Fault("two of its rows have one name")
    }
    self.init(
      identity: BaselineReader.value(try root.value("identity")), command: try root.strings("command"),
      rows: rows, allowances: try root.strings("allowances").map(Allowance.init(spelling:)),
      acceptances: try root.objects("accepted", keys: ["reason", "changed_figures"]).map {
        Acceptance(reason: try $0.string("reason"), changedFigures: try $0.integer("changed_figures"))
      })
  }
}

/// One object of a baseline's file.
struct BaselineReader {
  /// What is wrong, and where.
  struct Fault: Error {
    let reason: String
    init(_ reason: String) { self.reason = reason }
  }

  private let place: String
  private let members: [StrictJSON.Member]

  init(_ json: StrictJSON, _ place: String, keys: [String]) throws {
    guard case .object(let members) = json else {
      throw Fault("\(place) is \(json.kindName), expected an object")
    }
    for key in keys where !members.contains(where: { $0.key == key }) {
      throw Fault("\(place) has no '\(key)'")
    }
    for member in members where !keys.contains(member.key) {
      throw Fault("\(place) has an unknown key '\(member.key)'")
    }
    self.place = place
    self.members = members
  }

  func value(_ key: String) throws -> StrictJSON {
    guard let member = members.first(where: { $0.key == key }) else {
      throw Fault("\(place) has no '\(key)'")
    }
    return member.value
  }

  func string(_ key: String) throws -> String {
    guard case .string(let text) = try value(key) else { throw wrong(try value(key), key, "a string") }
    return text
  }

  func integer(_ key: String) throws -> Int {
    guard case .number(let text) = try value(key), let number = Int(text) else {
      throw wrong(try value(key), key, "a whole number")
    }
    return number
  }

  func strings(_ key: String) throws -> [String] {
    try elements(key).map {
      guard case .string(let text) = $0 else { throw wrong($0, key, "a list of strings") }
      return text
    }
  }

  func objects(_ key: String, keys: [String]) throws -> [BaselineReader] {
    try elements(key).enumerated().map { try BaselineReader($1, "\(key)[\($0)]", keys: keys) }
  }

  func members(_ key: String) throws -> [StrictJSON.Member] {
    guard case .object(let members) = try value(key) else { throw wrong(try value(key), key, "an object") }
    return members
  }

  private func elements(_ key: String) throws -> [StrictJSON] {
    guard case .array(let elements) = try value(key) else { throw wrong(try value(key), key, "a list") }
    return elements
  }

  private func wrong(_ value: StrictJSON, _ key: String, _ expected: String) -> Fault {
    Fault("\(place).\(key) is \(value.kindName), expected \(expected)")
  }

  /// A figure: the strings of non-finite numbers are those numbers again.
  static func cell(_ json: StrictJSON, _ name: String) throws -> Cell {
    switch value(json) {
    case .null: return .missing
    case .boolean(let value): return .boolean(value)
    case .integer(let value): return .integer(value)
    case .number(let value): return .number(value)
    case .string("NaN"): return .number(.nan)
    case .string("INF"): return .number(.infinity)
    case .string("-INF"): return .number(-.infinity)
    case .string(let text): return .string(text)
    case .array, .object: throw Fault("figure '\(name)' is \(json.kindName), expected a number or a string")
    }
  }

  /// The same tree with numbers read: whole ones that fit exactly, all others as binary64.
  static func value(_ json: StrictJSON) -> JSONValue {
    switch json {
    case .null: .null
    case .boolean(let value): .boolean(value)
    case .number(let text): Int(text).map(JSONValue.integer) ?? .number(Double(text) ?? .nan)
    case .string(let text): .string(text)
    case .array(let elements): .array(elements.map(value))
    case .object(let members): .object(JSONObject(members.map { ($0.key, value($0.value)) }))
    }
  }
}
