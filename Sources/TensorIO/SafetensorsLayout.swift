// Where every tensor of a safetensors file stands, before any of its bytes are known: what lets a file be written as a stream.

import StrictJSON

/// The header of a safetensors file and the order of its tensors, from names, types and shapes alone.
///
/// The same tensors and metadata give the same bytes, in whatever order they are named: metadata is sorted by key, tensors by
/// element type (widest alignment first, as the reference implementation does) and name; the header is padded with spaces
/// to a multiple of 8 bytes, so that every tensor is aligned.
public struct SafetensorsLayout: Sendable {
  /// One tensor without its bytes.
  public struct Tensor: Sendable, Hashable {
    /// Its name, `layers.7.q`.
    public let name: String
    /// Its element type.
    public let elementType: TensorElementType
    /// Its extents.
    public let shape: [Int]

    /// A tensor from its parts.
    public init(name: String, elementType: TensorElementType, shape: [Int]) {
      self.name = name
      self.elementType = elementType
      self.shape = shape
    }

    /// Elements; nil where an extent is negative or the product is not a number of this machine.
    public var count: Int? { elementCount(of: shape) }

    /// Before `other` in a file.
    func precedes(_ other: Tensor) -> Bool {
      elementType == other.elementType
        ? name.utf8.lexicographicallyPrecedes(other.name.utf8) : elementType > other.elementType
    }
  }

  /// The tensors in the order in which their bytes follow the header, without gaps.
  public let tensors: [Tensor]
  /// Length of the header and the header: everything before the first tensor.
  public let header: [UInt8]
  /// Bytes of the whole file.
  public let byteCount: Int

  /// Lays out a file.
  ///
  /// - Throws: ``TensorFileError`` of kind duplicateKey where a name is taken or is `__metadata__`, sizeMismatch where a shape
  ///   has no size, unsupportedElementType for elements that share bytes.
  public init(metadata: [String: String], tensors: [Tensor]) throws {
    var names: Set<String> = ["__metadata__"]
    var fields: [String] = []
    if !metadata.isEmpty {
      let members = metadata.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        .map { "\($0.key.jsonQuoted):\($0.value.jsonQuoted)" }
      fields.append("\"__metadata__\":{\(members.joined(separator: ","))}")
    }
    let sorted = tensors.sorted { $0.precedes($1) }
    var offset = 0
    for tensor in sorted {
      guard names.insert(tensor.name).inserted else {
        throw Self.fault(.duplicateKey, tensor.name, "a name that is free", "one in use")
      }
      guard tensor.elementType.bitWidth.isMultiple(of: 8) else {
        throw Self.fault(
          .unsupportedElementType, tensor.name, "elements of whole bytes", tensor.elementType.rawValue)
      }
      guard let count = tensor.count,
        case let (bytes, overflows) = count.multipliedReportingOverflow(by: tensor.elementType.bitWidth / 8),
        !overflows, case let (end, isTooLong) = offset.addingReportingOverflow(bytes), !isTooLong
      else {
        throw Self.fault(.sizeMismatch, tensor.name, "extents whose product is a size", "\(tensor.shape)")
      }
      let shape = tensor.shape.map(String.init).joined(separator: ",")
      fields.append(
        "\(tensor.name.jsonQuoted):{\"dtype\":\"\(tensor.elementType.rawValue)\",\"shape\":[\(shape)],"
          + "\"data_offsets\":[\(offset),\(end)]}")
      offset = end
    }
    var text = Array("{\(fields.joined(separator: ","))}".utf8)
    text += [UInt8](repeating: 0x20, count: (8 - text.count % 8) % 8)
    header = (0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) } + text
    self.tensors = sorted
    byteCount = header.count + offset
  }

  static func fault(
    _ kind: TensorFileError.Kind, _ name: String, _ expected: String, _ found: String
  ) -> TensorFileError {
    TensorFileError(
      kind, file: "safetensors", tensor: name, expected: expected, found: found,
      mend: "change what is given to the writer")
  }
}

extension TensorElementType {
  /// Little-endian bytes of values, each rounded once to nearest even (overflow gives an infinity); nil unless the type is one of
  /// ``real``. A value of the type's own format keeps its value, a NaN becomes the canonical one but in F64, which keeps its bits.
  public func bytes(of values: some Sequence<Double>) -> [UInt8]? { ElementEncoder(self)?.encode(values) }
}
