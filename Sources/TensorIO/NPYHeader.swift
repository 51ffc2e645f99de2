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

/// Reads `{'key': value, …}` with strings, True, False, and tuples of integers as values.
private struct PythonLiteralReader {
  enum Value {
    case text(String)
    case boolean(Bool)
    case tuple([Int])

    var kindName: String {
      switch self {
      case .text(let text): "the string '\(text.prefix(40))'"
      case .boolean(let value): value ? "True" : "False"
      case .tuple(let extents): "a tuple of \(extents.count)"
      }
    }
  }

  let text: [Unicode.Scalar]
  let file: String
  var position = 0

  private func fault(_ expected: String) -> TensorFileError {
    TensorFileError(
      .headerSyntax, file: file, expected: "\(expected) at character \(position) of the NPY header",
      found: position < text.count ? "'\(text[position])'" : "the header's end",
      mend: "save a plain array (no structured type) with numpy.save")
  }

  private var next: Unicode.Scalar? { position < text.count ? text[position] : nil }

  private mutating func skipBlanks() {
    while next == " " || next == "\n" || next == "\t" || next == "\r" { position += 1 }
  }

  private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    skipBlanks()
    guard next == scalar else { return false }
    position += 1
    return true
  }

  mutating func dictionary() throws -> [String: Value] {
    var fields: [String: Value] = [:]
    guard take("{") else { throw fault("'{'") }
    while !take("}") {
      let key = try quoted()
      guard take(":") else { throw fault("':'") }
      guard fields.updateValue(try value(), forKey: key) == nil else {
        throw TensorFileError(
          .duplicateKey, file: file, expected: "every key once", found: "'\(key.prefix(40))' twice",
          mend: "save the array again with numpy.save")
      }
      if take(",") { continue }
      guard take("}") else { throw fault("',' or '}'") }
      break
    }
    skipBlanks()
    guard position == text.count else { throw fault("nothing after '}' but blanks") }
    return fields
  }

  private mutating func value() throws -> Value {
    skipBlanks()
    for (word, value) in [("True", true), ("False", false)]
    where text[position...].starts(with: word.unicodeScalars) {
      position += word.count
      return .boolean(value)
    }
    guard take("(") else { return .text(try quoted()) }
    var extents: [Int] = []
    while !take(")") {
      extents.append(try integer())
      if take(",") { continue }
      guard extents.count > 1, take(")") else { throw fault("','") }
      break
    }
    return .tuple(extents)
  }

  private mutating func quoted() throws -> String {
    guard let quote: Unicode.Scalar = take("'") ? "'" : take("\"") ? "\"" : nil else {
      throw fault("a string in quotes")
    }
    var result = String.UnicodeScalarView()
    while let scalar = next, scalar != quote {
      guard scalar != "\\", scalar.value >= 0x20 else { throw fault("a string without escapes") }
      result.append(scalar)
      position += 1
    }
    guard take(quote) else { throw fault("the closing quote") }
    return String(result)
  }

  private mutating func integer() throws -> Int {
    skipBlanks()
    let start = position
    while let scalar = next, ("0"..."9").contains(scalar) { position += 1 }
    let digits = String(String.UnicodeScalarView(text[start..<position]))
    guard !digits.isEmpty else { throw fault("a non-negative integer") }
    guard let value = Int(digits) else {
      throw TensorFileError(
        .invalidNumber, file: file, expected: "extents up to \(Int.max)", found: String(digits.prefix(40)),
        mend: "save the array again with numpy.save")
    }
    return value
  }
}
