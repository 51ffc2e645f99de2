import Foundation
import Testing

@testable import TensorIO

/// Reading against bytes written by hand.
@Suite struct SafetensorsReadingTests {
  private func file(_ header: String, _ data: [UInt8] = []) throws -> SafetensorsFile {
    try SafetensorsFile(bytes: safetensors(header, data: data), named: "hand.safetensors")
  }

  @Test func valuesMetadataAndOrder() throws {
    let folder = try ScratchFolder()
    // 1.5 and −0 as F32, then −1.5 as BF16 and 65504 as F16, then −2 as F64; the header names them in another order.
    let header = """
      {"d":{"dtype":"F64","shape":[1,1],"data_offsets":[12,20]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},\
      "b":{"dtype":"BF16","shape":[],"data_offsets":[8,10]},"c":{"shape":[1],"data_offsets":[10,12],"dtype":"F16"},\
      "__metadata__":{"key":"v\\u00e4lue \\ud83d\\ude00 \\"\\\\\\/\\n"}}  \n
      """
    let data: [UInt8] = [
      0, 0, 0xC0, 0x3F, 0, 0, 0, 0x80, 0xC0, 0xBF, 0xFF, 0x7B, 0, 0, 0, 0, 0, 0, 0, 0xC0,
    ]
    let path = try folder.write(safetensors(header, data: data), as: "a.safetensors")
    let file = try SafetensorsFile(path: path)
    #expect(file.metadata == ["key": "välue 😀 \"\\/\n"])
    #expect(file.tensors.map(\.name) == ["a", "b", "c", "d"])
    #expect(try file.tensor(named: "a").elements().map(\.bitPattern) == [1.5, -0.0].map(\.bitPattern))
    #expect(try file.tensor(named: "b").elements() == [-1.5])
    #expect(try file.tensor(named: "c").elements() == [65504])
    #expect(try file.tensor(named: "d").elements() == [-2])
    #expect(file["a"]?.byteRange == 8 + header.utf8.count..<16 + header.utf8.count)
    #expect(file["d"]?.shape == [1, 1])
    #expect(file["e"] == nil)
    expectError(.missingTensor) { try file.tensor(named: "e") }
  }

  /// Every binary16 and bfloat16 encoding, against the conversions of the language and the definition.
  @Test func halfWidthTypesAreExact() throws {
    let data = (0...UInt16.max).flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] }
    for (type, value) in [
      ("F16", { (word: UInt16) in TensorElementType.f16.format!.double(of: UInt64(word)) }),
      ("BF16", { (word: UInt16) in Double(Float(bitPattern: UInt32(word) << 16)) }),
    ] {
      let file = try file(
        "{\"t\":{\"dtype\":\"\(type)\",\"shape\":[65536],\"data_offsets\":[0,131072]}}", data)
      let elements = try file.tensor(named: "t").elements()
      let wrong = (0...UInt16.max).filter { word in
        let expected = value(word)
        let found = elements[Int(word)]
        return expected.isNaN ? !found.isNaN : found.bitPattern != expected.bitPattern
      }
      #expect(wrong.isEmpty, "\(type): \(wrong.prefix(4))")
    }
  }

  @Test func misalignedTensorsAndRanges() throws {
    // One byte of U8 puts the F64 behind it at an odd address; the header's length is odd as well.
    var header =
      "{\"u\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"x\":{\"dtype\":\"F64\",\"shape\":[3],\"data_offsets\":[1,25]}}"
    if header.utf8.count % 2 == 0 { header += " " }
    let values = [1.0, .nan, -.infinity]
    let data: [UInt8] =
      [7]
      + values.flatMap { (value: Double) -> [UInt8] in
        (0..<8).map { UInt8(truncatingIfNeeded: value.bitPattern >> UInt64(8 * $0)) }
      }
    let tensor = try file(header, data).tensor(named: "x")
    #expect(try tensor.elements(1..<3)[0].isNaN)
    #expect(try tensor.elements(2..<3) == [-.infinity])
    #expect(try tensor.elements(3..<3) == [])
    expectError(.outOfRange) { try tensor.elements(2..<4) }
    expectError(.outOfRange) { try tensor.elements(-1..<1) }
    var small = [0.0]
    expectError(.outOfRange) {
      try small.withUnsafeMutableBufferPointer { try tensor.read(0..<2, into: $0) }
    }
    expectError(.unsupportedElementType) { try file(header, data).tensor(named: "u").elements() }
  }

  @Test func allElementTypesAreSized() throws {
    for type in TensorElementType.allCases {
      let count = type.bitWidth
      let header = "{\"t\":{\"dtype\":\"\(type.rawValue)\",\"shape\":[2,4],\"data_offsets\":[0,\(count)]}}"
      let tensor = try file(header, [UInt8](repeating: 0, count: count)).tensor(named: "t")
      #expect(tensor.elementType == type)
      if type.format == nil {
        expectError(.unsupportedElementType) { try tensor.elements() }
      } else {
        #expect(try tensor.elements() == [Double](repeating: 0, count: 8))
      }
    }
    expectError(.sizeMismatch, "three 4-bit elements end inside a byte") {
      try file("{\"t\":{\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,2]}}", [0, 0])
    }
  }

  @Test func emptyTensorsAndFilesAreLegal() throws {
    #expect(try file("{}").tensors.isEmpty)
    let header = """
      {"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"m":{"dtype":"F32","shape":[0,\(Int.max),5],"data_offsets":[4,4]},\
      "b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]},"z":{"dtype":"F64","shape":[3,0],"data_offsets":[0,0]},\
      "__metadata__":null}
      """
    let file = try file(header, [UInt8](repeating: 0, count: 8))
    #expect(file.tensors.map(\.name) == ["z", "a", "m", "b"])
    #expect(try file.tensor(named: "m").elements() == [])
  }

  @Test func unknownFieldsAreIgnored() throws {
    let file = try file(
      "{\"a\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,2],\"note\":{\"x\":[1.5e-3,true,false,null]}}}",
      [0, 0x3C])
    #expect(try file.tensor(named: "a").elements() == [1])
  }
}

/// Every way in which a file can be refused.
@Suite struct SafetensorsRefusalTests {
  static let broken: [(String, String, Int, TensorFileError.Kind)] = [
    ("empty header", "", 0, .headerNotObject),
    ("leading blank", " {}", 0, .headerNotObject),
    ("array", "[]", 0, .headerNotObject),
    ("byte order mark", "\u{FEFF}{}", 0, .headerNotObject),
    ("unclosed", "{", 0, .headerSyntax),
    ("trailing text", "{} {}", 0, .headerSyntax),
    ("trailing NUL", "{}\0", 0, .headerSyntax),
    ("trailing comma", "{\"a\":1,}", 0, .headerSyntax),
    ("control character", "{\"a\nb\":1}", 0, .headerSyntax),
    ("lone surrogate", "{\"\\ud800\":1}", 0, .headerSyntax),
    ("swapped surrogates", "{\"\\udc00\\ud800\":1}", 0, .headerSyntax),
    ("bad escape", "{\"\\x\":1}", 0, .headerSyntax),
    ("leading zero", "{\"a\":{\"shape\":[01]}}", 0, .headerSyntax),
    ("NaN", "{\"a\":NaN}", 0, .headerSyntax),
    ("deep array", "{\"a\":" + String(repeating: "[", count: 200_000), 0, .headerSyntax),
    ("deep object", String(repeating: "{\"a\":", count: 200_000), 0, .headerSyntax),
    ("equal names", "{\"a\":{},\"\\u0061\":{}}", 0, .duplicateKey),
    ("equal metadata keys", "{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", 0, .duplicateKey),
    ("two metadata", "{\"__metadata__\":{},\"__metadata__\":{}}", 0, .duplicateKey),
    ("metadata no object", "{\"__metadata__\":[]}", 0, .wrongField),
    ("metadata a number", "{\"__metadata__\":{\"a\":1}}", 0, .wrongField),
    ("metadata null value", "{\"__metadata__\":{\"a\":null}}", 0, .wrongField),
    ("entry no object", "{\"a\":[\"F32\",[1],[0,4]]}", 4, .wrongField),
    ("no dtype", "{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, .wrongField),
    ("no shape", "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, .wrongField),
    ("no offsets", "{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, .wrongField),
    ("dtype a number", entry("1", "[1]", "[0,4]"), 4, .wrongField),
    ("unknown dtype", entry("\"f32\"", "[1]", "[0,4]"), 4, .unknownElementType),
    ("shape a number", entry("\"F32\"", "1", "[0,4]"), 4, .wrongField),
    ("shape of strings", entry("\"F32\"", "[\"1\"]", "[0,4]"), 4, .wrongField),
    ("fraction", entry("\"F32\"", "[1.5]", "[0,4]"), 4, .invalidNumber),
    ("integral fraction", entry("\"F32\"", "[1.0]", "[0,4]"), 4, .invalidNumber),
    ("exponent", entry("\"F32\"", "[1e0]", "[0,4]"), 4, .invalidNumber),
    ("negative extent", entry("\"F32\"", "[-1]", "[0,4]"), 4, .invalidNumber),
    ("minus zero", entry("\"F32\"", "[-0]", "[0,0]"), 0, .invalidNumber),
    ("2^63", entry("\"F32\"", "[9223372036854775808]", "[0,4]"), 4, .invalidNumber),
    ("overflowing product", entry("\"U8\"", "[4294967296,4294967296]", "[0,0]"), 0, .invalidNumber),
    ("overflow before zero", entry("\"U8\"", "[9223372036854775807,3,0]", "[0,0]"), 0, .invalidNumber),
    ("overflow in bits", entry("\"F64\"", "[1152921504606846976]", "[0,0]"), 0, .invalidNumber),
    ("negative offset", entry("\"F32\"", "[1]", "[-4,0]"), 4, .invalidNumber),
    ("huge offset", entry("\"F32\"", "[1]", "[0,18446744073709551620]"), 4, .invalidNumber),
    ("one offset", entry("\"F32\"", "[1]", "[4]"), 4, .wrongField),
    ("three offsets", entry("\"F32\"", "[1]", "[0,4,4]"), 4, .wrongField),
    ("offsets backwards", entry("\"F32\"", "[1]", "[4,0]"), 4, .invalidOffsets),
    ("offsets outside", entry("\"F32\"", "[2]", "[0,8]"), 4, .invalidOffsets),
    ("far outside", entry("\"U8\"", "[1]", "[9223372036854775806,9223372036854775807]"), 4, .invalidOffsets),
    ("too few bytes", entry("\"F32\"", "[2]", "[0,4]"), 4, .sizeMismatch),
    ("too many bytes", entry("\"F32\"", "[]", "[0,8]"), 8, .sizeMismatch),
    ("hole at the start", entry("\"F32\"", "[1]", "[4,8]"), 8, .hole),
    ("hole at the end", entry("\"F32\"", "[1]", "[0,4]"), 5, .hole),
    ("data without tensors", "{}", 1, .hole),
    ("hole between", two("[0,4]", "[8,12]"), 12, .hole),
    ("overlap", two("[0,4]", "[2,6]"), 6, .overlap),
    ("same bytes", two("[0,4]", "[0,4]"), 4, .overlap),
  ]

  private static func entry(_ type: String, _ shape: String, _ offsets: String) -> String {
    "{\"a\":{\"dtype\":\(type),\"shape\":\(shape),\"data_offsets\":\(offsets)}}"
  }

  private static func two(_ first: String, _ second: String) -> String {
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":\(first)},"
      + "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":\(second)}}"
  }

  @Test(arguments: broken.indices) func header(index: Int) throws {
    let (name, header, dataCount, kind) = Self.broken[index]
    let bytes = safetensors(header, data: [UInt8](repeating: 0, count: dataCount))
    let error = expectError(kind, "\(name)") {
      try SafetensorsFile(bytes: bytes, named: "broken.safetensors")
    }
    #expect(error?.file == "broken.safetensors")
    #expect((error?.description.count ?? 0) < 600)
  }

  @Test func theTensorIsNamed() throws {
    let error = expectError(.overlap) {
      try SafetensorsFile(
        bytes: safetensors(Self.two("[0,4]", "[2,6]"), data: [0, 0, 0, 0, 0, 0]), named: "x.safetensors")
    }
    #expect(
      error?.description
        == "x.safetensors: tensor 'b': expected a first byte at 4, after tensor 'a', found offsets [2, 6], which "
        + "overlap it; save the file again with a safetensors library")
  }

  @Test func frame() throws {
    func open(_ bytes: [UInt8]) throws -> SafetensorsFile { try SafetensorsFile(bytes: bytes, named: "f") }
    expectError(.truncated) { try open([]) }
    expectError(.truncated) { try open([2, 0, 0, 0, 0, 0, 0]) }
    expectError(.truncated) { try open(Array(safetensors("{}").dropLast())) }
    expectError(.headerTooLarge) { try open([1, 0xE1, 0xF5, 5, 0, 0, 0, 0]) }
    expectError(.truncated, "exactly the limit") { try open([0, 0xE1, 0xF5, 5, 0, 0, 0, 0]) }
    expectError(.headerTooLarge) { try open([UInt8](repeating: 0xFF, count: 16)) }
    expectError(.headerNotText) { try open([4, 0, 0, 0, 0, 0, 0, 0] + Array("{\"".utf8) + [0xC3, 0x28]) }
    expectError(.headerNotText, "an encoded surrogate") {
      try open([5, 0, 0, 0, 0, 0, 0, 0] + Array("{\"".utf8) + [0xED, 0xA0, 0x80])
    }
  }

  @Test func files() throws {
    let folder = try ScratchFolder()
    expectError(.missingFile) { try SafetensorsFile(path: folder.path + "/none.safetensors") }
    expectError(.missingFile) { try SafetensorsFile(path: "") }
    expectError(.isDirectory) { try SafetensorsFile(path: folder.path) }
    expectError(.truncated) { try SafetensorsFile(path: folder.write([], as: "empty")) }
    expectError(.unreadable) { try SafetensorsFile(path: "/dev/null") }
    let file = try folder.write(safetensors("{}"), as: "locked")
    expectError(.missingFile, "a file as a folder") { try SafetensorsFile(path: file + "/x") }
    // The superuser may read everything.
    if geteuid() != 0 {
      chmod(file, 0)
      expectError(.unreadable) { try SafetensorsFile(path: file) }
    }
    #expect(mkfifo(folder.path + "/pipe", 0o600) == 0)
    expectError(.unreadable, "a pipe must not block") { try SafetensorsFile(path: folder.path + "/pipe") }
  }
}
