// What makes a comparison impossible, apart from what makes it fail: the one kind of error behind exit code 4.

import TensorIO

/// A comparison input that is missing, unreadable or does not fit the input that it is compared on.
public struct ComparisonInputError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The file, as the user wrote it.
  public let file: String
  /// The tensor concerned, if one is.
  public let tensor: String?
  /// What was expected.
  public let expected: String
  /// What was found.
  public let found: String
  /// What the user can do about it.
  public let mend: String

  /// An error from its parts.
  public init(file: String, tensor: String? = nil, expected: String, found: String, mend: String) {
    self.file = file
    self.tensor = tensor
    self.expected = expected
    self.found = found
    self.mend = mend
  }

  /// The same fault, found while the comparison's file was read.
  public init(_ error: TensorFileError) {
    self.init(
      file: error.file, tensor: error.tensor, expected: error.expected, found: error.found, mend: error.mend)
  }

  /// `FILE: tensor 'NAME': expected …, found …; mend`.
  public var description: String {
    let place = tensor.map { "\(file): tensor '\($0)'" } ?? file
    return "\(place): expected \(expected), found \(found); \(mend)"
  }
}
