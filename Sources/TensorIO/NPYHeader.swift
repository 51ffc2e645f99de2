// The header of an NPY file: a Python dictionary literal with exactly three keys. Only the literals that NumPy writes are
// read; nothing is evaluated.

/// A header that has passed all checks.
struct NPYHeader {
  static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)

  let elementType: TensorElementType
  let isBigEndian: Bool
  let isColumnMajor: Bool
  let shape: [Int]
  /// Where the elements begin; they end with the file.
  let dataStart: Int

  private static let resave = "save the array again with numpy.save"

  init(file: String, _ bytes: UnsafeRawBufferPointer) throws {
    let textRange = try Self.textRange(file: file, bytes)
    dataStart = textRange.upperBound
    let isLatin1 = bytes[6] < 3
    let raw = bytes[textRange]
    let text =
      isLatin1
      ? String(String.UnicodeScalarView(raw.map { Unicode.Scalar($0) }))
      : String(validating: raw, as: UTF8.self)
    guard let text else {
      throw TensorFileError(
        .headerNotText, file: file, expected: "a header in UTF-8", found: "bytes that are not UTF-8",
        mend: Self.resave)
    }
    var reader = PythonLiteralReader(text: Array(text.unicodeScalars), file: file)
    let fields = try reader.dictionary()
    for (key, _) in fields where !["descr", "fortran_order", "shape"].contains(key) {
      throw Self.fault(
        file, .wrongField, "the keys descr, fortran_order and shape", "the key '\(key.prefix(40))'")
    }
    guard case .text(let descriptor) = fields["descr"] else {
      throw Self.fault(
        file, .wrongField, "a string under descr", fields["descr"]?.kindName ?? "no such key")
    }
    guard case .boolean(let fortranOrder) = fields["fortran_order"] else {
      throw Self.fault(
        file, .wrongField, "True or False under fortran_order",
        fields["fortran_order"]?.kindName ?? "no such key")
    }
    guard case .tuple(let extents) = fields["shape"] else {
      throw Self.fault(
        file, .wrongField, "a tuple of integers under shape", fields["shape"]?.kindName ?? "no such key")
    }
    (elementType, isBigEndian) = try Self.elementType(file, descriptor)
    isColumnMajor = fortranOrder
    shape = extents
    guard let count = elementCount(of: extents), count <= Int.max / 8 else {
      throw Self.fault(file, .invalidNumber, "a shape whose bytes can be counted", "\(extents)")
    }
    let expected = count * (elementType.bitWidth / 8)
    guard bytes.count - dataStart == expected else {
      throw Self.fault(
        file, .sizeMismatch, "\(expected) bytes for \(descriptor) \(extents)",
        "\(bytes.count - dataStart) bytes after the header")
    }
  }

  private static func fault(
    _ file: String, _ kind: TensorFileError.Kind, _ expected: String, _ found: String
  ) -> TensorFileError {
    TensorFileError(kind, file: file, expected: expected, found: found, mend: resave)
  }

  private static func textRange(file: String, _ bytes: UnsafeRawBufferPointer) throws -> Range<Int> {
    guard bytes.count >= 10, bytes.prefix(6).elementsEqual(magic) else {
      throw TensorFileError(
        bytes.prefix(6).elementsEqual(magic.prefix(bytes.count)) ? .truncated : .wrongFormat, file: file,
        expected: "an NPY file, which begins with \\x93NUMPY and a version",
        found: "\(bytes.count) bytes without that",
        mend: resave)
    }
    guard (1...3).contains(bytes[6]), bytes[7] == 0 else {
      throw fault(file, .wrongFormat, "NPY version 1.0, 2.0 or 3.0", "\(bytes[6]).\(bytes[7])")
    }
    let start = bytes[6] == 1 ? 10 : 12
    guard bytes.count >= start else {
      throw fault(file, .truncated, "\(start) bytes before the header", "\(bytes.count)")
    }
    let length =
      bytes[6] == 1
      ? Int(UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt16.self)))
      : Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self)))
    guard length <= headerLimit else {
      throw fault(file, .headerTooLarge, "a header of at most \(headerLimit) bytes", "a length of \(length)")
    }
    guard length <= bytes.count - start else {
      throw fault(file, .truncated, "a header of \(length) bytes", "\(bytes.count - start) after its length")
    }
    return start..<start + length
  }

  /// Headers of plain arrays take a hundred bytes; long ones are structured types, which are not read.
  private static let headerLimit = 1_000_000

  private static let knownTypes: [String: TensorElementType] = [
    "f2": .f16, "f4": .f32, "f8": .f64, "i1": .i8, "i2": .i16, "i4": .i32, "i8": .i64, "u1": .u8, "u2": .u16,
    "u4": .u32, "u8": .u64, "b1": .bool, "c8": .c64,
  ]

  private static func elementType(
    _ file: String, _ descriptor: String
  ) throws -> (TensorElementType, isBigEndian: Bool) {
    if let order = descriptor.first, "<>|".contains(order),
      let type = knownTypes[String(descriptor.dropFirst())]
    {
      return (type, order == ">")
    }
    if descriptor.dropFirst() == "V2" {
      throw TensorFileError(
        .unsupportedElementType, file: file, expected: "descr <f2, <f4 or <f8",
        found: "'\(descriptor)', two bytes without a meaning (bfloat16 arrays of ml_dtypes are saved so)",
        mend: "save x.astype(numpy.float32), which is exact, or keep bfloat16 by writing safetensors")
    }
    throw TensorFileError(
      .unknownElementType, file: file, expected: "descr <f2, <f4 or <f8 (or with > for big-endian)",
      found: "'\(descriptor.prefix(40))'", mend: "convert the array, for example x.astype(numpy.float32)")
  }
}
