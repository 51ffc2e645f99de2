// NumPy's file of a single array [NPY], versions 1.0, 2.0 and 3.0: what people have at hand where they have no safetensors.

import Foundation

/// An NPY file, mapped and checked.
///
/// Little-endian, big-endian (`>`) and unmarked (`|`, read as little-endian) arrays in C or Fortran order are read; Fortran order
/// is undone while reading. Bytes after the array are an error. bfloat16 is refused: NumPy stores it as two bytes without
/// a meaning (`<V2`), and nothing in the file tells it from other two-byte types.
public struct NPYFile: Sendable {
  /// The file, as the user wrote it.
  public let path: String
  /// The array; its name is the file's.
  public let tensor: MappedTensor

  let bytes: MappedBytes

  /// Maps and checks a file.
  ///
  /// - Throws: ``TensorFileError``.
  public init(path: String) throws {
    try self.init(MappedBytes(path: path), path: path)
  }

  /// Checks a file that is in memory.
  public init(bytes: [UInt8], named path: String) throws {
    try self.init(MappedBytes(bytes), path: path)
  }

  init(_ bytes: MappedBytes, path: String) throws {
    self.path = path
    self.bytes = bytes
    let header = try bytes.withBytes { try NPYHeader(file: path, $0) }
    tensor = MappedTensor(
      file: path, name: (path as NSString).lastPathComponent, elementType: header.elementType,
      shape: header.shape,
      byteRange: header.dataStart..<bytes.count, bytes: bytes, isBigEndian: header.isBigEndian,
      isColumnMajor: header.isColumnMajor)
  }

  /// The bytes of an NPY file of version 1.0 in C order, as NumPy writes it; every value rounded once to nearest even.
  ///
  /// - Parameters:
  ///   - elementType: F64, F32 or F16.
  ///   - shape: the extents; their product is the number of values.
  ///   - values: in row-major order.
  /// - Throws: ``TensorFileError`` of kind unsupportedElementType or sizeMismatch.
  public static func bytes(_ elementType: TensorElementType, shape: [Int], values: [Double]) throws -> [UInt8]
  {
    guard elementType != .bf16, let encoder = ElementEncoder(elementType) else {
      throw TensorFileError(
        .unsupportedElementType, file: "NPY", expected: "F64, F32 or F16", found: elementType.rawValue,
        mend: "write safetensors, which has more types")
    }
    guard elementCount(of: shape) == values.count else {
      throw TensorFileError(
        .sizeMismatch, file: "NPY", expected: "as many values as the shape \(shape) has",
        found: "\(values.count)",
        mend: "change what is given to the writer")
    }
    let extents = shape.map(String.init).joined(separator: ", ") + (shape.count == 1 ? "," : "")
    var header = "{'descr': '<f\(elementType.bitWidth / 8)', 'fortran_order': False, 'shape': (\(extents)), }"
    // NumPy leaves room for the first extent to grow to 21 digits, then pads to 64 bytes with the newline last.
    if let first = shape.first { header += String(repeating: " ", count: 21 - String(first).count) }
    header += String(repeating: " ", count: 63 - (10 + header.utf8.count) % 64) + "\n"
    let length = header.utf8.count
    return NPYHeader.magic + [1, 0, UInt8(length & 0xFF), UInt8(length >> 8)] + Array(header.utf8)
      + encoder.encode(values)
  }

  /// Writes a file whole or not at all; see ``bytes(_:shape:values:)``.
  public static func write(
    _ elementType: TensorElementType, shape: [Int], values: [Double], to path: String
  ) throws {
    try writeFile(bytes(elementType, shape: shape, values: values), to: path)
  }
}
