// What can be wrong with the name or the file of a model.

import FloatingPointFormats

/// What is wrong with a model.
public enum ModelError: Error, Equatable, CustomStringConvertible {
  /// A name that no model has.
  case unknownName(String, suggestion: String?)
  /// A file that cannot be read.
  case unreadable(file: String)
  /// Not JSON, or not an object where one is needed.
  case malformed(file: String, reason: String)
  /// A key with a value that it cannot have.
  case invalidValue(file: String, key: String, found: String, expected: String)
  /// A key that means nothing where it stands.
  case unknownKey(file: String, key: String, expected: String, suggestion: String?)
  /// A model of a kind that is not supported; the reason names it.
  case unsupported(file: String, reason: String)
  /// Parts that do not go together.
  case contradiction(file: String, reason: String)

  /// One sentence with the mend.
  public var description: String {
    switch self {
    case .unknownName(let name, let suggestion):
      "unknown model '\(name)'\(didYouMean(suggestion)); 'ropedrift models' lists them, and a path to a config.json names your own"
    case .unreadable(let file):
      "\(file): the file cannot be read; check the path, and name the config.json itself, not its folder"
    case .malformed(let file, let reason): "\(file): \(reason)"
    case .invalidValue(let file, let key, let found, let expected):
      "\(file): '\(key)' is \(found); expected \(expected)"
    case .unknownKey(let file, let key, let expected, let suggestion):
      "\(file): unknown key '\(key)'\(didYouMean(suggestion)); \(expected)"
    case .unsupported(let file, let reason): "\(file): \(reason)"
    case .contradiction(let file, let reason): "\(file): \(reason)"
    }
  }
}
