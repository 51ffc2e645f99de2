// Safetensors files with bytes that depend on the content alone: for seeded inputs, for tests, for export.

import FloatingPointFormats
import StrictJSON

/// Collects tensors and writes them as one safetensors file.
///
/// The same tensors and metadata give the same bytes, in whatever order they were added: metadata is sorted by key, tensors
/// by element type (widest alignment first, as the reference implementation does) and name; the header is padded with spaces
/// to a multiple of 8 bytes, so that every tensor is aligned.
public struct SafetensorsWriter: Sendable {
  private struct Tensor: Sendable {
    var name: String
    var elementType: TensorElementType
    var shape: [Int]
    var bytes: [UInt8]
  }

  private let metadata: [String: String]
  private var tensors: [Tensor] = []

  /// A file without tensors yet.
  public init(metadata: [String: String] = [:]) { self.metadata = metadata }

  /// Adds a floating-point tensor; every value is rounded once to nearest even, overflow gives an infinity.
  ///
  /// - Parameters:
  ///   - name: not yet added, not `__metadata__`.
  ///   - elementType: F64, F32, F16 or BF16.
  ///   - shape: the extents; their product is the number of values.
  ///   - values: in row-major order.
  /// - Throws: ``TensorFileError`` of kind unsupportedElementType, sizeMismatch or duplicateKey.
  public mutating func add(
    _ name: String, _ elementType: TensorElementType, shape: [Int], values: [Double]
  ) throws {
    guard let encoder = ElementEncoder(elementType) else {
      throw fault(
        .unsupportedElementType, name, "an element type \(TensorElementType.realNames)", elementType.rawValue)
    }
    try add(name, elementType, shape, count: values.count) { encoder.encode(values) }
  }

  /// Adds a tensor of 32-bit integers; see ``add(_:_:shape:values:)``.
  public mutating func add(_ name: String, shape: [Int], integers: [Int32]) throws {
    try add(name, .i32, shape, count: integers.count) {
      integers.flatMap { value in (0..<4).map { UInt8(truncatingIfNeeded: value >> Int32(8 * $0)) } }
    }
  }

  private mutating func add(
    _ name: String, _ type: TensorElementType, _ shape: [Int], count: Int, _ bytes: () -> [UInt8]
  ) throws {
    guard name != "__metadata__", !tensors.contains(where: { $0.name == name }) else {
      throw fault(.duplicateKey, name, "a name that is free", "one in use")
    }
    guard elementCount(of: shape) == count else {
      throw fault(.sizeMismatch, name, "as many values as the shape \(shape) has", "\(count)")
    }
    tensors.append(Tensor(name: name, elementType: type, shape: shape, bytes: bytes()))
  }

  private func fault(
    _ kind: TensorFileError.Kind, _ name: String, _ expected: String, _ found: String
  ) -> TensorFileError {
    TensorFileError(
      kind, file: "safetensors", tensor: name, expected: expected, found: found,
      mend: "change what is given to the writer")
  }

  /// The whole file.
  public func bytes() -> [UInt8] {
    let sorted = tensors.sorted { first, second in
      first.elementType == second.elementType
        ? first.name.utf8.lexicographicallyPrecedes(second.name.utf8) : first.elementType > second.elementType
    }
    var fields: [String] = []
    if !metadata.isEmpty {
      let members = metadata.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        .map { "\($0.key.jsonQuoted):\($0.value.jsonQuoted)" }
      fields.append("\"__metadata__\":{\(members.joined(separator: ","))}")
    }
    var offset = 0
    for tensor in sorted {
      let shape = tensor.shape.map(String.init).joined(separator: ",")
      let end = offset + tensor.bytes.count
      fields.append(
        "\(tensor.name.jsonQuoted):{\"dtype\":\"\(tensor.elementType.rawValue)\",\"shape\":[\(shape)],"
          + "\"data_offsets\":[\(offset),\(end)]}")
      offset = end
    }
    var header = Array("{\(fields.joined(separator: ","))}".utf8)
    header += [UInt8](repeating: 0x20, count: (8 - header.count % 8) % 8)
    var bytes = (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) } + header
    bytes.reserveCapacity(bytes.count + offset)
    for tensor in sorted { bytes += tensor.bytes }
    return bytes
  }

  /// Writes the file whole or not at all.
  ///
  /// - Throws: ``TensorFileError`` of kind unwritable.
  public func write(to path: String) throws { try writeFile(bytes(), to: path) }
}

/// The product of the extents; nil where one is negative or the product overflows.
func elementCount(of shape: [Int]) -> Int? {
  var product = 1
  for extent in shape {
    let (next, overflows) = product.multipliedReportingOverflow(by: extent)
    guard extent >= 0, !overflows else { return nil }
    product = next
  }
  return product
}
