// Attention input from a safetensors file, from a folder of NPY files, and from the spelling that a user types.

import FloatingPointFormats
import Foundation
import StrictJSON

extension AttentionInput {
  /// Opens what a user names: `synthetic:…` a seeded generator (``SyntheticInput``), `-` a safetensors file on standard input,
  /// a folder its NPY files, anything else a safetensors file.
  ///
  /// - Throws: ``TensorFileError``.
  public static func open(_ spelling: String) throws -> AttentionInput {
    if spelling.hasPrefix(SyntheticInput.prefix) {
      return try SyntheticInput(spelling: spelling).attentionInput()
    }
    if spelling == "-" {
      return try AttentionInput(SafetensorsFile.standardInput())
    }
    var isFolder: ObjCBool = false
    if FileManager.default.fileExists(atPath: spelling, isDirectory: &isFolder), isFolder.boolValue {
      return try AttentionInput(folder: spelling)
    }
    if spelling.lowercased().hasSuffix(".npy") {
      throw TensorFileError(
        .wrongSpelling, file: spelling, expected: "queries and keys", found: "a single array",
        mend: "name the folder that holds layers.0.q.npy, layers.0.k.npy and so on")
    }
    return try AttentionInput(SafetensorsFile(path: spelling))
  }

  /// The tensors `layers.{n}.q`, `.k` and `.v` of a safetensors file.
  ///
  /// The number n is written without sign and without leading zeros: `layers.07.q` and `layers.-1.q` are errors, because they
  /// could be meant as another layer. Every other name is left alone.
  ///
  /// - Throws: ``TensorFileError`` of kind missingTensor, ambiguousName, wrongShape, unsupportedElementType or wrongStage.
  public init(_ file: SafetensorsFile) throws {
    try self.init(spelling: file.path, metadata: file.metadata, tensors: file.tensors.map { ($0.name, $0) }) {
      SHA256.hexDigest(of: file.bytes)
    }
  }

  /// The arrays `layers.{n}.q.npy`, `.k.npy` and `.v.npy` in a folder, with metadata from `metadata.json` beside them (an object
  /// of strings) where there is one. Arrays of other names are left alone, as in a file.
  ///
  /// - Throws: ``TensorFileError``, also for a broken array that is left alone.
  public init(folder path: String) throws {
    let all: [String]
    do {
      all = try FileManager.default.contentsOfDirectory(atPath: path)
    } catch {
      throw TensorFileError(
        .unreadable, file: path, expected: "a readable folder",
        found: "the system's refusal (\(error.localizedDescription))", mend: "check its name and permissions")
    }
    let metadataName = "metadata.json"
    let names = all.filter { $0.hasSuffix(".npy") || $0 == metadataName }
      .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    func location(_ name: String) -> String { (path as NSString).appendingPathComponent(name) }
    var metadata: [String: String] = [:]
    var tensors: [(name: String, tensor: MappedTensor)] = []
    var files: [(name: String, bytes: MappedBytes)] = []
    for name in names {
      if name == metadataName {
        let bytes = try MappedBytes(path: location(name))
        metadata = try Self.metadata(bytes, file: location(name))
        files.append((name, bytes))
      } else {
        let file = try NPYFile(path: location(name))
        tensors.append((String(name.dropLast(4)), file.tensor))
        files.append((name, file.bytes))
      }
    }
    let hashed = files
    try self.init(spelling: path, metadata: metadata, tensors: tensors) {
      var hash = SHA256()
      for (name, bytes) in hashed {
        // As sha256sum writes names that need it.
        let escaped = name.replacing("\\", with: "\\\\").replacing("\n", with: "\\n").replacing(
          "\r", with: "\\r")
        hash.update("\(escaped == name ? "" : "\\")\(SHA256.hexDigest(of: bytes))  \(escaped)\n")
      }
      return hash.hexDigest()
    }
  }

  private init(
    spelling: String, metadata: [String: String], tensors: [(name: String, tensor: MappedTensor)],
    identity: @escaping @Sendable () -> String
  ) throws {
    var found: [Int: [AttentionTensor: MappedTensor]] = [:]
    var others: [OtherTensor] = []
    var mappedOthers: [String: MappedTensor] = [:]
    for (name, tensor) in tensors {
      if let (layer, role) = try Self.parse(name: name, file: spelling) {
        found[layer, default: [:]][role] = tensor.named(name)
      } else {
        others.append(OtherTensor(name: name, elementType: tensor.elementType, shape: tensor.shape))
        mappedOthers[name] = tensor.named(name)
      }
    }
    guard !found.isEmpty else {
      throw TensorFileError(
        .missingTensor, file: spelling, expected: "tensors layers.0.q, layers.0.k and so on",
        found: namesForMessage(tensors.map(\.name)),
        mend: "name the captured queries and keys layers.{n}.q and layers.{n}.k")
    }
    let layers = try found.sorted { $0.key < $1.key }.map {
      try AttentionLayer(index: $0.key, file: spelling, tensors: $0.value)
    }
    try self.init(
      spelling: spelling, metadata: metadata, layers: layers, otherTensors: others,
      source: MappedHeadSource(tensors: found, others: mappedOthers, hash: identity))
  }

  /// Layer and role of `layers.{n}.{q|k|v}`, nil for names of another form.
  private static func parse(name: String, file: String) throws -> (Int, AttentionTensor)? {
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 3, parts[0] == "layers", let role = AttentionTensor(rawValue: String(parts[2]))
    else {
      return nil
    }
    let digits = parts[1].drop { $0 == "-" || $0 == "+" }
    guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    guard let layer = Int(parts[1]), layer >= 0, String(layer) == parts[1] else {
      throw TensorFileError(
        .ambiguousName, file: file, tensor: name, expected: "a layer number without sign and leading zeros",
        found: "'\(parts[1].prefix(40))'", mend: "rename the tensor, as layers.7.q")
    }
    return (layer, role)
  }

  private static func metadata(_ bytes: MappedBytes, file: String) throws -> [String: String] {
    func fault(_ kind: TensorFileError.Kind, _ expected: String, _ found: String) -> TensorFileError {
      TensorFileError(
        kind, file: file, expected: expected, found: found,
        mend: "write an object of strings, as {\"rope.base\": \"10000\"}")
    }
    return try bytes.withBytes { text in
      guard String(validating: text, as: UTF8.self) != nil else {
        throw fault(.headerNotText, "UTF-8", "bytes that are not UTF-8")
      }
      do {
        let value = try StrictJSON(parsing: text)
        guard case .object(let members) = value else {
          throw fault(.headerNotObject, "an object", value.kindName)
        }
        return try Dictionary(
          uniqueKeysWithValues: members.map { member in
            guard case .string(let text) = member.value else {
              throw fault(.wrongField, "a string under '\(member.key)'", member.value.kindName)
            }
            return (member.key, text)
          })
      } catch StrictJSON.Fault.syntax(let expected, let offset) {
        throw fault(.headerSyntax, expected, "something else at byte \(offset)")
      } catch StrictJSON.Fault.duplicateKey(let key) {
        throw fault(.duplicateKey, "every key once", "'\(key)' twice")
      }
    }
  }
}

/// Heads of mapped tensors.
private struct MappedHeadSource: AttentionHeadSource {
  let tensors: [Int: [AttentionTensor: MappedTensor]]
  let others: [String: MappedTensor]
  let hash: @Sendable () -> String

  func read(
    _ tensor: AttentionTensor, _ layer: AttentionLayer, head: Int, tokens: Range<Int>,
    into destination: UnsafeMutableBufferPointer<Double>
  ) throws {
    let first = head * layer.tokens(of: tensor)
    try tensors[layer.index]![tensor]!.read(
      (first + tokens.lowerBound) * layer.headSize..<(first + tokens.upperBound) * layer.headSize,
      into: destination)
  }

  func read(
    _ tensor: AttentionTensor, _ layer: AttentionLayer, head: Int, tokens: Range<Int>,
    into destination: UnsafeMutableBufferPointer<Float>
  ) throws {
    let first = head * layer.tokens(of: tensor)
    try tensors[layer.index]![tensor]!.read(
      (first + tokens.lowerBound) * layer.headSize..<(first + tokens.upperBound) * layer.headSize,
      into: destination)
  }

  func identity() throws -> String { hash() }

  func otherTensor(named name: String) -> MappedTensor? { others[name] }
}

extension MappedTensor {
  /// The tensor under the name that it has in its input: an NPY file's name carries a suffix.
  func named(_ name: String) -> MappedTensor {
    MappedTensor(
      file: file, name: name, elementType: elementType, shape: shape, byteRange: byteRange, bytes: bytes,
      isBigEndian: isBigEndian, isColumnMajor: isColumnMajor)
  }
}

extension SafetensorsFile {
  /// The file that stands on standard input, read to its end.
  ///
  /// - Throws: ``TensorFileError``.
  public static func standardInput() throws -> SafetensorsFile {
    let bytes: MappedBytes
    do {
      bytes = MappedBytes(try FileHandle.standardInput.readToEnd() ?? Data())
    } catch {
      throw TensorFileError(
        .unreadable, file: "standard input", expected: "bytes until its end",
        found: "the system's refusal (\(error.localizedDescription))", mend: "name a file instead of '-'")
    }
    return try SafetensorsFile(bytes, path: "standard input")
  }
}
