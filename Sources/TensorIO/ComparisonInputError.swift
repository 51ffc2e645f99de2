// What makes a comparison impossible, apart from what makes it fail: the one kind of error where a second file is missing or does
// not fit the first, whatever it is compared for.

/// A file that is compared with an input and is missing, unreadable or does not fit it: tensors of another implementation, or another
/// captured run.
///
/// It is no ``TensorFileError``, because the file may be whole: a command answers it with an exit code of its own.
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
    TensorFileError.sentence(file: file, tensor: tensor, expected: expected, found: found, mend: mend)
  }
}
