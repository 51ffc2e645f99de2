// The safetensors container [Safetensors]: eight bytes with the header's length, a JSON header, the tensors' bytes.
// What the reference implementation refuses is refused here; SafetensorsHeader.swift holds the rules.

/// A safetensors file, mapped and checked: its header is valid and its tensors tile the file without overlap or hole.
///
/// Beyond the reference implementation (0.8) this reader refuses what the format's description forbids and the
/// implementation lets pass: equal keys in one object, and a header that does not begin with `{`.
public struct SafetensorsFile: Sendable {
  /// The file, as the user wrote it.
  public let path: String
  /// The header's `__metadata__`, empty where absent.
  public let metadata: [String: String]
  /// The tensors in the order of their bytes; tensors without elements stand before the tensor at the same offset.
  public let tensors: [MappedTensor]

  let bytes: MappedBytes
  private let indices: [String: Int]

  /// The longest header, in bytes; the reference implementation's limit.
  public static let headerLimit = 100_000_000

  /// Maps and checks a file.
  ///
  /// - Throws: ``TensorFileError``; every kind that concerns files and headers.
  public init(path: String) throws {
    try self.init(MappedBytes(path: path), path: path)
  }

  /// Checks a file that is in memory.
  ///
  /// - Parameters:
  ///   - bytes: the whole file.
  ///   - path: what messages call it.
  /// - Throws: ``TensorFileError``.
  public init(bytes: [UInt8], named path: String) throws {
    try self.init(MappedBytes(bytes), path: path)
  }

  init(_ bytes: MappedBytes, path: String) throws {
    self.path = path
    self.bytes = bytes
    let header = try bytes.withBytes { try SafetensorsHeader(file: path, $0) }
    metadata = header.metadata
    tensors = header.entries.map { entry in
      MappedTensor(
        file: path, name: entry.name, elementType: entry.elementType, shape: entry.shape,
        byteRange: header.dataStart + entry.begin..<header.dataStart + entry.end, bytes: bytes)
    }
    indices = Dictionary(
      uniqueKeysWithValues: header.entries.enumerated().map { ($0.element.name, $0.offset) })
  }

  /// The tensor of a name, or nil.
  public subscript(name: String) -> MappedTensor? { indices[name].map { tensors[$0] } }

  /// The tensor of a name.
  ///
  /// - Throws: ``TensorFileError`` of kind missingTensor.
  public func tensor(named name: String) throws -> MappedTensor {
    if let tensor = self[name] { return tensor }
    throw TensorFileError(
      .missingTensor, file: path, tensor: name, expected: "a tensor of this name",
      found: namesForMessage(tensors.map(\.name)), mend: "check the name; inspect lists all of them")
  }
}

/// "a, b, c and 4 more", or "no tensors".
func namesForMessage(_ names: [String]) -> String {
  guard !names.isEmpty else { return "no tensors" }
  let shown = names.prefix(8).map { "'\($0.prefix(60))'" }.joined(separator: ", ")
  return names.count > 8 ? "\(shown) and \(names.count - 8) more" : shown
}
