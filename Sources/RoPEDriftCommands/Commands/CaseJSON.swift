// Cases as JSON: everything that the working shows.

import RoPEDrift

extension CaseOutcome {
  /// Source, steps, claims. Exact reals are strings of digits, stored numbers have their bits.
  ///
  /// - Throws: `UndecidedRounding`.
  func json() throws -> JSONValue {
    var source: JSONObject = [
      "repository": .string(publishedCase.repository), "thread": .string(publishedCase.thread),
    ]
    source["url"] = publishedCase.url.map(JSONValue.string)
    source["date"] = publishedCase.date.map(JSONValue.string)
    source["note"] = publishedCase.note.map(JSONValue.string)
    return .object([
      "name": .string(publishedCase.name), "title": .string(publishedCase.title), "source": .object(source),
      "setup": .object(
        JSONObject(publishedCase.setup.lines.map { ($0.name, JSONValue.string($0.words)) })),
      "steps": .array(
        try steps.flatMap { outcome in
          try outcome.values.map { name, value in
            .object([
              "step": .string(name), "compute": .string(outcome.step.compute), "value": try value.json(),
            ])
          }
        }),
      "claims": .array(try claims.map { try $0.json() }),
      "as_expected": .boolean(isAsExpected),
    ])
  }
}

extension ClaimOutcome {
  fileprivate func json() throws -> JSONValue {
    var object: JSONObject = [
      "says": .string(claim.says), "published": .array(claim.published.map(JSONValue.string)),
      "figures": .array(claim.figures.map { .string($0.text) }),
      "value": claim.value.map(JSONValue.string) ?? .null, "computed": try computed?.json() ?? .null,
      "differences": .array(
        try differences().map { try $0.map { .string(try $0.text(digits: 17)) } ?? .null }),
      "rule": claim.rule.map { .string($0.rawValue) } ?? .null, "verdict": .string(verdict.rawValue),
      "expected_verdict": .string(claim.verdict.rawValue),
    ]
    object["assumption"] = claim.assumption.map(JSONValue.string)
    object["reason"] = claim.reason.map(JSONValue.string)
    return .object(object)
  }
}

extension CaseValue {
  /// A number's object, or an array of them.
  fileprivate func json() throws -> JSONValue {
    let values = try numbers.map { number -> JSONValue in
      let stored = try StoredValue(number.value, format: number.format, digits: 30)
      guard number.integer != nil, case .real = number.value else { return stored.json }
      return .object(["value": .string(try number.text(digits: 30)), "format": "exact"])
    }
    return isList ? .array(values) : values[0]
  }
}
