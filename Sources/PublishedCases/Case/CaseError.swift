// What can be wrong with a case: its file, or a step that cannot be computed from its set-up.

import FloatingPointFormats

/// What is wrong with a published case.
public enum CaseError: Error, Equatable, CustomStringConvertible {
  /// Not JSON, or not an object where one is needed.
  case malformed(file: String, reason: String)
  /// A field that is missing.
  case missing(file: String, field: String)
  /// A key that no case has there.
  case unknownKey(file: String, key: String, suggestion: String?)
  /// A value that a field cannot take.
  case invalidValue(file: String, field: String, value: String, expected: String)
  /// A name that no case has.
  case unknownName(String, suggestion: String?)
  /// A step whose operands do not allow what it computes.
  case notComputed(case: String, step: String, reason: String)

  /// One sentence with the mend.
  public var description: String {
    switch self {
    case .malformed(let file, let reason): "case \(file): \(reason)"
    case .missing(let file, let field):
      "case \(file): '\(field)' is missing; Documentation/Cases.md lists what a case holds"
    case .unknownKey(let file, let key, let suggestion):
      "case \(file): unknown key '\(key)'\(didYouMean(suggestion))"
    case .invalidValue(let file, let field, let value, let expected):
      "case \(file): '\(field)' is \(value); expected \(expected)"
    case .unknownName(let name, let suggestion):
      "unknown case '\(name)'\(didYouMean(suggestion)); 'ropedrift cases' lists them, and a path to a .json file names your own"
    case .notComputed(let name, let step, let reason): "case \(name), step \(step): \(reason)"
    }
  }
}
