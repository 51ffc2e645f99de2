// What can be wrong with a recipe or with the name of one.

import FloatingPointFormats

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
  /// A name that no part of a recipe has; `kind` says of which.
  case unknownPart(kind: String, String, suggestion: String?)
  /// A part that does not run in a type.
  case typeNotAvailable(part: String, type: String, available: [String])
  /// The name of a half where a whole recipe is needed.
  case incomplete(part: String, examples: [String])
  /// An implementation that cannot be emulated exactly, and why.
  case refused(part: String, reason: String)

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
      "unknown recipe '\(name)'\(didYouMean(suggestion)); 'ropedrift recipes' lists them, ROTARY/ATTENTION/TYPE composes one, and a path to a .json file names your own"
    case .unknownPart(let kind, let name, let suggestion):
      "unknown \(kind) '\(name)'\(didYouMean(suggestion)); 'ropedrift recipes' lists them"
    case .typeNotAvailable(let part, let type, let available):
      "\(part) does not run in '\(type)', only in \(available.joined(separator: ", "))"
    case .incomplete(let part, let examples):
      part.contains("/")
        ? "\(part) lacks a type; write \(examples.joined(separator: " or "))"
        : "\(part) is one half of a recipe and lacks a type; write \(examples.joined(separator: " or ")), or \(part)/ATTENTION/TYPE"
    case .refused(let part, let reason): "\(part) is not emulated: \(reason)"
    }
  }
}
