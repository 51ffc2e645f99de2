// Small cases for one test each: a set-up and steps as JSON text, run, with values by name.

import ArbitraryPrecision
import EmulatedEngine
import Foundation
import PublishedCases

/// The JSON of a case around a set-up and steps; its one claim is not computable.
func caseText(setup: String = "{}", steps: String, claims: String? = nil) -> Data {
  Data(
    """
    {"name": "mine", "title": "a test", "source": {"repository": "none", "thread": "none"}, "setup": \(setup),
     "steps": [\(steps)],
     "claims": \(claims ?? #"[{"says": "nothing", "verdict": "notComputable", "reason": "a test"}]"#)}
    """.utf8)
}

/// What steps give, by name.
func values(setup: String = "{}", _ steps: String) throws -> [String: CaseValue] {
  let outcome = try PublishedCase(json: caseText(setup: setup, steps: steps), origin: "mine.json").run()
  return Dictionary(uniqueKeysWithValues: outcome.steps.flatMap(\.values).map { ($0.name, $0.value) })
}

extension CaseValue {
  /// The numbers rounded to binary64.
  var doubles: [Double] { numbers.map { (try? $0.value.binary64()) ?? .nan } }
  /// The only number, rounded to binary64.
  var double: Double { numbers.count == 1 ? doubles[0] : .nan }
  /// The numbers as integers.
  var integers: [Int?] { numbers.map(\.integer) }
}

/// The set-up of one table called `t`.
func tableSetup(
  rotarySize: Int = 8, base: String = "10000", frequency: String = #"["fp32", "bf16"]"#,
  position: String = #""bf16""#, angle: String = #""bf16""#, trig: String = #""fp32""#,
  table: String = #""bf16""#
) -> String {
  """
  {"embeddings": {"e": {"rotarySize": \(rotarySize), "base": "\(base)"}},
   "tables": {"t": {"embedding": "e", "frequency": {"formula": "powReciprocal", "format": \(frequency)},
    "position": \(position), "angle": \(angle), "trig": \(trig), "table": \(table)}}}
  """
}
