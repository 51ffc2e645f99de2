// One error type for everything that can be wrong with input, so that every message has the same five parts: file,
// tensor, expected, found, mend.

/// What is wrong with a file, a folder or a spelling given as input.
public struct TensorFileError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The kinds of fault, for programs and tests; the sentence for people is ``TensorFileError/description``.
  public enum Kind: String, Sendable, Hashable {
    /// No file of that name.
    case missingFile
    /// A folder where a file is meant.
    case isDirectory
    /// The system refuses to read it, or it is no regular file.
    case unreadable
    /// The system refuses to write it.
    case unwritable
    /// The file ends before its header does.
    case truncated
    /// The header is longer than the format allows.
    case headerTooLarge
    /// The header is not text in the encoding that the format asks for.
    case headerNotText
    /// The header does not begin with `{`.
    case headerNotObject
    /// The header is not JSON (or, for NPY, not the literal that the format asks for).
    case headerSyntax
    /// A key stands twice in one object.
    case duplicateKey
    /// A field is missing, or has a value of the wrong type.
    case wrongField
    /// A size that is negative, fractional, or too large for this machine.
    case invalidNumber
    /// Offsets that point outside the file or run backwards.
    case invalidOffsets
    /// Two tensors share bytes.
    case overlap
    /// Bytes that belong to no tensor.
    case hole
    /// The bytes of a tensor are not as many as shape and type ask for.
    case sizeMismatch
    /// A type that the format does not have.
    case unknownElementType
    /// A type that is not read as real numbers.
    case unsupportedElementType
    /// Not a file of the format: no magic number, or an unknown version.
    case wrongFormat
    /// A tensor that is not there.
    case missingTensor
    /// A layer or head that is not there, or elements beyond a tensor's end.
    case outOfRange
    /// A shape that attention cannot have.
    case wrongShape
    /// A tensor's name that could be meant as another.
    case ambiguousName
    /// Tensors captured at a stage that is not read.
    case wrongStage
    /// A spelling that is not understood: wrong usage rather than a broken file.
    case wrongSpelling
  }

  /// Which kind of fault.
  public let kind: Kind
  /// The file, folder or spelling, as the user wrote it.
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
  public init(
    _ kind: Kind, file: String, tensor: String? = nil, expected: String, found: String, mend: String
  ) {
    self.kind = kind
    self.file = file
    self.tensor = tensor
    self.expected = expected
    self.found = found
    self.mend = mend
  }

  /// Whether the fault lies in what was typed (exit code 64) rather than in a file (exit code 1).
  public var isWrongUsage: Bool { kind == .wrongSpelling }

  /// `FILE: tensor 'NAME': expected …, found …; mend`.
  public var description: String {
    Self.sentence(file: file, tensor: tensor, expected: expected, found: found, mend: mend)
  }

  /// The sentence of every error about a file, here and in ``ComparisonInputError``.
  static func sentence(
    file: String, tensor: String?, expected: String, found: String, mend: String
  ) -> String {
    let place = tensor.map { "\(file): tensor '\($0)'" } ?? file
    return "\(place): expected \(expected), found \(found); \(mend)"
  }
}
