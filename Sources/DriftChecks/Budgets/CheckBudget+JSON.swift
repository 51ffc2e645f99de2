// Budgets as files: strict reading, because a misspelt limit that is passed over is a check that checks nothing.

import DriftAnalysis
import DriftReporting
import FloatingPointFormats
import Foundation
import StrictJSON

extension CheckBudget {
  /// Reads a budget file.
  ///
  ///     {"shifts": [0, 16],
  ///      "limits": [{"metric": "logit_error_max_ulp", "limit": 64, "stage": "logit", "layer": 3, "head": 7},
  ///                 {"metric": "logit_drift_max_abs", "limit": "0x1p-3", "distance": [1024, 131071]}]}
  ///
  /// `shifts`, `stage`, `layer`, `head` and `distance` may be left out. A limit is a JSON number or a string as numbers are typed;
  /// both are exact. `stage` must be the stage of the metric.
  ///
  /// - Throws: ``BudgetError``.
  public init(path: String) throws {
    let bytes: [UInt8]
    do {
      bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    } catch {
      throw BudgetError.file(
        path, expected: "a readable file", found: "the system's refusal (\(error.localizedDescription))")
    }
    try self.init(json: bytes, named: path)
  }

  /// Reads a budget; see ``init(path:)``.
  ///
  /// - Parameters:
  ///   - bytes: UTF-8.
  ///   - path: what messages call it.
  /// - Throws: ``BudgetError``.
  public init(json bytes: [UInt8], named path: String) throws {
    func wrong(_ expected: String, _ found: String) -> BudgetError {
      .file(path, expected: expected, found: found)
    }
    guard String(validating: bytes, as: UTF8.self) != nil else { throw wrong("UTF-8", "other bytes") }
    let value: StrictJSON
    do {
      value = try bytes.withUnsafeBytes { try StrictJSON(parsing: $0) }
    } catch StrictJSON.Fault.syntax(let expected, let offset) {
      throw wrong(expected, "something else at byte \(offset)")
    } catch StrictJSON.Fault.duplicateKey(let key) {
      throw wrong("every key once", "'\(key)' twice")
    }
    let reader = BudgetReader(path: path)
    let members = try reader.members(value, place: "the budget", keys: ["limits", "shifts"])
    var shifts = ShiftPair(0, 16)
    if let typed = members["shifts"] {
      let pair = try reader.integers(typed, place: "shifts", count: 2)
      shifts = ShiftPair(pair[0], pair[1])
    }
    guard case .array(let entries)? = members["limits"] else {
      throw wrong("a list under 'limits'", members["limits"]?.kindName ?? "none")
    }
    let limits = try entries.enumerated().map { try reader.limit($1, place: "limits[\($0)]") }
    try self.init(limits, shifts: shifts, origin: path)
  }

  /// The budget as ``init(path:)`` reads it.
  public var json: JSONValue {
    let limits = limits.map { limit -> JSONValue in
      var object: JSONObject = [
        "metric": .string(limit.metric.name), "limit": .string(limit.limit.text),
        "stage": .string(limit.metric.space.rawValue),
      ]
      object["layer"] = limit.layer.map(JSONValue.integer)
      object["head"] = limit.head.map(JSONValue.integer)
      object["distance"] = limit.distances.map {
        .array([.integer($0.lowerBound), .integer($0.upperBound)])
      }
      return .object(object)
    }
    return ["shifts": [.integer(shifts.first), .integer(shifts.second)], "limits": .array(limits)]
  }
}

/// Reads the parts of a budget; every error names the file and the place in it.
private struct BudgetReader {
  let path: String

  func members(_ value: StrictJSON, place: String, keys: [String]) throws -> [String: StrictJSON] {
    guard case .object(let members) = value else {
      throw BudgetError.file(path, expected: "an object as \(place)", found: value.kindName)
    }
    for member in members where !keys.contains(member.key) {
      throw BudgetError.file(
        path, expected: "keys of \(keys.joined(separator: ", ")) in \(place)",
        found: "'\(member.key)'\(didYouMean(nearestName(to: member.key, among: keys)))")
    }
    return Dictionary(members.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
  }

  func integer(_ value: StrictJSON, place: String) throws -> Int {
    guard case .number(let text) = value, let number = Int(text), number.magnitude <= 1 << 53 else {
      throw BudgetError.file(path, expected: "an integer within ±2^53 as \(place)", found: value.kindName)
    }
    return number
  }

  func integers(_ value: StrictJSON, place: String, count: Int) throws -> [Int] {
    guard case .array(let elements) = value, elements.count == count else {
      throw BudgetError.file(path, expected: "\(count) integers as \(place)", found: value.kindName)
    }
    return try elements.map { try integer($0, place: place) }
  }

  func limit(_ value: StrictJSON, place: String) throws -> CheckBudget.Limit {
    let members = try members(
      value, place: place, keys: ["metric", "limit", "stage", "layer", "head", "distance"])
    guard case .string(let metric)? = members["metric"] else {
      throw BudgetError.file(
        path, expected: "a name under 'metric' in \(place)", found: members["metric"]?.kindName ?? "none")
    }
    let literal: NumberLiteral?
    switch members["limit"] {
    case .number(let text)?, .string(let text)?: literal = try? NumberLiteral(text)
    default: literal = nil
    }
    guard let literal else {
      throw BudgetError.file(
        path, expected: "a number under 'limit' in \(place)", found: members["limit"]?.kindName ?? "none")
    }
    var distances: ClosedRange<Int>?
    if let typed = members["distance"] {
      let ends = try integers(typed, place: "\(place).distance", count: 2)
      guard ends[0] <= ends[1] else {
        throw BudgetError.file(path, expected: "the lesser distance first in \(place)", found: "\(ends)")
      }
      distances = ends[0]...ends[1]
    }
    let limit: CheckBudget.Limit
    do {
      limit = try CheckBudget.Limit(
        metric, atMost: literal, layer: try members["layer"].map { try integer($0, place: "\(place).layer") },
        head: try members["head"].map { try integer($0, place: "\(place).head") }, distances: distances)
    } catch let error as BudgetError {
      if case .file = error { throw error }
      throw BudgetError.file(path, expected: "a limit as \(place)", found: error.description)
    }
    if let stage = members["stage"], stage != .string(limit.metric.space.rawValue) {
      throw BudgetError.file(
        path, expected: "the stage '\(limit.metric.space.rawValue)' of \(metric) in \(place)",
        found: stage.kindName)
    }
    return limit
  }
}
