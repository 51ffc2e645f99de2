// Reading cases from JSON. Reading is strict: a key misspelt, a kind of step that does not exist, a name that nothing in the set-up
// or before it has, is an error that names its place.

import EmulatedEngine
import FloatingPointFormats
import Foundation
import StrictJSON

extension PublishedCase {
  /// Reads a case.
  ///
  /// - Parameters:
  ///   - json: the bytes of a JSON object.
  ///   - origin: what to call the case in errors, its file as a rule.
  /// - Throws: ``CaseError``.
  public init(json: Data, origin: String) throws {
    guard String(validating: json, as: UTF8.self) != nil else {
      throw CaseError.malformed(file: origin, reason: "not UTF-8 text; save the case as UTF-8")
    }
    do {
      let value = try json.withUnsafeBytes { try StrictJSON(parsing: $0) }
      guard case .object(let members) = value else {
        throw CaseError.malformed(file: origin, reason: "found \(value.kindName); a case is a JSON object")
      }
      try self.init(CaseObject(file: origin, path: "", members))
    } catch StrictJSON.Fault.syntax(let expected, let offset) {
      throw CaseError.malformed(
        file: origin, reason: "not valid JSON: expected \(expected) at byte \(offset)")
    } catch StrictJSON.Fault.duplicateKey(let key) {
      throw CaseError.malformed(file: origin, reason: "'\(key)' is given twice; keep one of them")
    }
  }

  private init(_ object: CaseObject) throws {
    try object.allow(["name", "title", "source", "setup", "steps", "claims"])
    name = try object.string("name")
    title = try object.string("title")
    let source = try object.object("source")
    try source.allow(["repository", "thread", "url", "date", "note"])
    repository = try source.string("repository")
    thread = try source.string("thread")
    url = try source.optionalString("url")
    date = try source.optionalString("date")
    note = try source.optionalString("note")
    setup = try CaseSetup(object.object("setup"))
    var names = CaseNames(setup: setup, values: Set(setup.numbers.map(\.name)))
    steps = try object.has("steps") ? object.objects("steps").map { try CaseStep($0, &names) } : []
    claims = try object.objects("claims").map { try CaseClaim($0, names) }
  }
}

extension CaseStep {
  fileprivate init(_ object: CaseObject, _ names: inout CaseNames) throws {
    let type = try CaseComputations.named(object)
    try object.allow(["name", "compute"] + type.keys)
    name = try object.string("name")
    guard name.unicodeScalars.first?.properties.isAlphabetic == true, !name.contains(".") else {
      throw object.invalid("name", "'\(name)'", expected: "a name that begins with a letter and holds no '.'")
    }
    compute = type.name
    computation = try type.init(object, names)
    for part in computation.parts {
      guard names.values.insert(CaseStep.fullName(name, part)).inserted else {
        throw object.invalid("name", "'\(name)'", expected: "a name that no number and no earlier step has")
      }
    }
  }

  /// `step`, or `step.part`.
  static func fullName(_ step: String, _ part: String) -> String { part.isEmpty ? step : "\(step).\(part)" }
}

extension CaseClaim {
  fileprivate init(_ object: CaseObject, _ names: CaseNames) throws {
    try object.allow([
      "says", "published", "figure", "value", "rule", "verdict", "reason", "assumption", "expected",
    ])
    says = try object.string("says")
    verdict = try object.name("verdict")
    reason = try object.optionalString("reason")
    assumption = try object.optionalString("assumption")
    published = object.has("published") ? try object.texts("published").texts : []
    guard verdict != .notComputable else {
      guard reason != nil else { throw object.missing("reason") }
      for key in ["value", "rule", "figure", "expected"] where object.has(key) {
        throw object.invalid(key, expected: "nothing in a claim that is not computable")
      }
      (figures, value, rule, expected) = ([], nil, nil, [])
      return
    }
    value = try names.reference(object, "value")
    let rule: ClaimRule = try object.name("rule")
    self.rule = rule
    switch (rule.takesFigure, object.has("figure")) {
    case (true, true): figures = try object.literals("figure").literals
    case (true, false): figures = try object.literals("published").literals
    case (false, false): figures = []
    case (false, true): throw object.invalid("figure", expected: "nothing beside the rule '\(rule.rawValue)'")
    }
    if rule == .asPrinted {
      for figure in figures where figure.lastDigitUnit == nil {
        throw object.invalid("figure", "'\(figure.text)'", expected: "a decimal for the rule 'asPrinted'")
      }
    }
    if rule == .between, figures.count != 2 {
      throw object.invalid("figure", expected: "two figures for the rule 'between'")
    }
    expected = object.has("expected") ? try object.literals("expected").literals : []
  }
}
