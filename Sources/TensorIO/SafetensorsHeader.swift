// Every rule that a safetensors header must keep, in the order in which it is checked. Sizes come from the file and are never
// trusted: each sum and product is guarded.

import StrictJSON

/// A header that has passed all checks.
struct SafetensorsHeader {
  struct Entry {
    var name: String
    var elementType: TensorElementType
    var shape: [Int]
    /// Offsets from the first byte after the header.
    var begin: Int
    var end: Int
  }

  let metadata: [String: String]
  /// Sorted by offsets.
  let entries: [Entry]
  /// Where the tensors' bytes begin in the file.
  let dataStart: Int

  private static let resave = "save the file again with a safetensors library"
  private static let recopy = "copy or download the file again"

  init(file: String, _ bytes: UnsafeRawBufferPointer) throws {
    dataStart = try Self.dataStart(file: file, bytes)
    let text = UnsafeRawBufferPointer(rebasing: bytes[8..<dataStart])
    let members = try Self.members(file: file, text)
    var metadata: [String: String] = [:]
    var entries: [Entry] = []
    for member in members {
      if member.key == "__metadata__" {
        metadata = try Self.metadata(file: file, member.value)
      } else {
        entries.append(try Self.entry(file: file, name: member.key, member.value))
      }
    }
    entries.sort { ($0.begin, $0.end, $0.name) < ($1.begin, $1.end, $1.name) }
    try Self.checkTiling(file: file, entries, dataCount: bytes.count - dataStart)
    self.metadata = metadata
    self.entries = entries
  }

  private static func dataStart(file: String, _ bytes: UnsafeRawBufferPointer) throws -> Int {
    guard bytes.count >= 8 else {
      throw TensorFileError(
        .truncated, file: file, expected: "8 bytes with the header's length", found: "\(bytes.count) bytes",
        mend: recopy)
    }
    let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
    guard length <= SafetensorsFile.headerLimit else {
      throw TensorFileError(
        .headerTooLarge, file: file, expected: "a header of at most \(SafetensorsFile.headerLimit) bytes",
        found: "a length of \(length)", mend: "check that this is a safetensors file; \(resave)")
    }
    guard Int(length) <= bytes.count - 8 else {
      throw TensorFileError(
        .truncated, file: file, expected: "a header of \(length) bytes",
        found: "\(bytes.count - 8) bytes after its length",
        mend: recopy)
    }
    return 8 + Int(length)
  }

  private static func members(
    file: String, _ text: UnsafeRawBufferPointer
  ) throws -> [StrictJSON.Member] {
    guard String(validating: text, as: UTF8.self) != nil else {
      throw TensorFileError(
        .headerNotText, file: file, expected: "a header in UTF-8", found: "bytes that are not UTF-8",
        mend: resave)
    }
    guard text.first == UInt8(ascii: "{") else {
      let found = text.first.map { "the byte 0x" + String($0, radix: 16) } ?? "an empty header"
      throw TensorFileError(
        .headerNotObject, file: file, expected: "a header that begins with '{'", found: found,
        mend: "check that this is a safetensors file; \(resave)")
    }
    do {
      guard case .object(let members) = try StrictJSON(parsing: text) else { return [] }
      return members
    } catch StrictJSON.Fault.syntax(let expected, let offset) {
      throw TensorFileError(
        .headerSyntax, file: file, expected: "\(expected) at byte \(offset) of the JSON header",
        found: offset < text.count ? "the byte 0x" + String(text[offset], radix: 16) : "the header's end",
        mend: resave)
    } catch StrictJSON.Fault.duplicateKey(let key) {
      throw TensorFileError(
        .duplicateKey, file: file, tensor: key, expected: "every key once", found: "it twice", mend: resave)
    }
  }

  private static func metadata(file: String, _ value: StrictJSON) throws -> [String: String] {
    // The reference implementation takes null for absent.
    if value == .null { return [:] }
    guard case .object(let members) = value else {
      throw TensorFileError(
        .wrongField, file: file, expected: "an object of strings in __metadata__", found: value.kindName,
        mend: resave)
    }
    return try Dictionary(
      uniqueKeysWithValues: members.map { member in
        guard case .string(let text) = member.value else {
          throw TensorFileError(
            .wrongField, file: file, expected: "a string in __metadata__ under '\(member.key)'",
            found: member.value.kindName, mend: "write the value in quotes")
        }
        return (member.key, text)
      })
  }

  /// Unknown fields are ignored, as the reference implementation does.
  private static func entry(file: String, name: String, _ value: StrictJSON) throws -> Entry {
    func wrong(_ kind: TensorFileError.Kind, _ expected: String, _ found: String) -> TensorFileError {
      TensorFileError(kind, file: file, tensor: name, expected: expected, found: found, mend: resave)
    }
    guard case .object(let members) = value else {
      throw wrong(.wrongField, "an object with dtype, shape and data_offsets", value.kindName)
    }
    func field(_ key: String) throws -> StrictJSON {
      guard let member = members.first(where: { $0.key == key }) else {
        throw wrong(.wrongField, "the field '\(key)'", "none")
      }
      return member.value
    }
    func sizes(_ key: String) throws -> [Int] {
      let value = try field(key)
      guard case .array(let elements) = value else {
        throw wrong(.wrongField, "an array of integers in \(key)", value.kindName)
      }
      return try elements.map { element in
        guard case .number(let text) = element else {
          throw wrong(.wrongField, "an array of integers in \(key)", element.kindName)
        }
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let size = Int(text) else {
          throw wrong(.invalidNumber, "integers from 0 to \(Int.max) in \(key)", "\(text.prefix(40))")
        }
        return size
      }
    }
    let type = try field("dtype")
    guard case .string(let typeName) = type else {
      throw wrong(.wrongField, "a string in dtype", type.kindName)
    }
    guard let elementType = TensorElementType(rawValue: typeName) else {
      let known = TensorElementType.allCases.map(\.rawValue).joined(separator: ", ")
      throw wrong(.unknownElementType, "a dtype of the format (\(known))", "'\(typeName.prefix(40))'")
    }
    let shape = try sizes("shape")
    let offsets = try sizes("data_offsets")
    guard offsets.count == 2 else {
      throw wrong(.wrongField, "two numbers in data_offsets", "\(offsets.count)")
    }
    guard offsets[0] <= offsets[1] else {
      throw wrong(.invalidOffsets, "offsets that ascend", "[\(offsets[0]), \(offsets[1])]")
    }
    guard let byteCount = try byteCount(of: shape, elementType, wrong) else {
      throw wrong(
        .sizeMismatch, "whole bytes",
        "\(shape) elements of \(elementType.bitWidth) bits, which end inside a byte")
    }
    guard offsets[1] - offsets[0] == byteCount else {
      throw wrong(
        .sizeMismatch, "\(byteCount) bytes for \(elementType.rawValue) \(shape)",
        "\(offsets[1] - offsets[0]) bytes in data_offsets [\(offsets[0]), \(offsets[1])]")
    }
    return Entry(name: name, elementType: elementType, shape: shape, begin: offsets[0], end: offsets[1])
  }

  /// Bytes of a shape, nil where they are not whole. The product is taken from the first extent on, as the reference
  /// implementation does: a zero after an overflow does not mend it.
  private static func byteCount(
    of shape: [Int], _ type: TensorElementType,
    _ wrong: (TensorFileError.Kind, String, String) -> TensorFileError
  ) throws -> Int? {
    var product = 1
    for extent in shape + [type.bitWidth] {
      let (next, overflows) = product.multipliedReportingOverflow(by: extent)
      guard !overflows else {
        throw wrong(.invalidNumber, "a shape of fewer than 2^63 bits", "\(shape)")
      }
      product = next
    }
    return product % 8 == 0 ? product / 8 : nil
  }

  private static func checkTiling(file: String, _ entries: [Entry], dataCount: Int) throws {
    var covered = 0
    var previous = "the header"
    for entry in entries {
      let range = "[\(entry.begin), \(entry.end)]"
      if entry.end > dataCount {
        throw TensorFileError(
          .invalidOffsets, file: file, tensor: entry.name,
          expected: "offsets within the file's \(dataCount) bytes of data",
          found: range, mend: "the file is shorter than its header says: \(recopy)")
      }
      if entry.begin < covered {
        throw TensorFileError(
          .overlap, file: file, tensor: entry.name, expected: "a first byte at \(covered), after \(previous)",
          found: "offsets \(range), which overlap it", mend: resave)
      }
      if entry.begin > covered {
        throw TensorFileError(
          .hole, file: file, tensor: entry.name, expected: "a first byte at \(covered), after \(previous)",
          found: "offsets \(range), which leave a hole", mend: resave)
      }
      covered = entry.end
      previous = "tensor '\(entry.name)'"
    }
    guard covered == dataCount else {
      throw TensorFileError(
        .hole, file: file, expected: "the file's end at byte \(covered) of the data, after \(previous)",
        found: "\(dataCount - covered) bytes more", mend: resave)
    }
  }
}
