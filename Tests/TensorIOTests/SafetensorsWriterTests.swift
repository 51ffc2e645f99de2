import Foundation
import Testing

@testable import TensorIO

@Suite struct SafetensorsWriterTests {
  /// The whole file by hand.
  @Test func bytes() throws {
    var writer = SafetensorsWriter(metadata: ["b": "2", "a": "\"\u{1}é"])
    try writer.add("z", .bf16, shape: [2], values: [1, -2])
    try writer.add("a", .bf16, shape: [], values: [1 + 0x1p-8])
    try writer.add("i", shape: [1], integers: [-2])
    try writer.add("d", .f64, shape: [1], values: [0.1])
    try writer.add("h", .f16, shape: [1], values: [65520])
    try writer.add("e", .f32, shape: [0], values: [])
    let header = """
      {"__metadata__":{"a":"\\"\\u0001é","b":"2"},"d":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},\
      "e":{"dtype":"F32","shape":[0],"data_offsets":[8,8]},"i":{"dtype":"I32","shape":[1],"data_offsets":[8,12]},\
      "a":{"dtype":"BF16","shape":[],"data_offsets":[12,14]},"z":{"dtype":"BF16","shape":[2],"data_offsets":[14,18]},\
      "h":{"dtype":"F16","shape":[1],"data_offsets":[18,20]}}
      """
    let padded = header + String(repeating: " ", count: (8 - header.utf8.count % 8) % 8)
    let data: [UInt8] = [
      0x9A, 0x99, 0x99, 0x99, 0x99, 0x99, 0xB9, 0x3F,  // 0.1
      0xFE, 0xFF, 0xFF, 0xFF,  // −2
      0x80, 0x3F,  // a tie goes to even, 1
      0x80, 0x3F, 0x00, 0xC0,  // 1, −2
      0x00, 0x7C,  // a tie above 65504 overflows
    ]
    #expect(writer.bytes() == safetensors(padded, data: data))
    let file = try SafetensorsFile(bytes: writer.bytes(), named: "written")
    #expect(file.metadata == ["b": "2", "a": "\"\u{1}é"])
    #expect(try file.tensor(named: "z").elements() == [1, -2])
  }

  @Test func orderOfAddingDoesNotMatter() throws {
    let names = ["b", "a", "c"]
    func file(_ names: [String]) throws -> [UInt8] {
      var writer = SafetensorsWriter()
      for name in names { try writer.add(name, .f32, shape: [1], values: [Double(name.utf8.first!)]) }
      return writer.bytes()
    }
    #expect(try file(names) == file(names.reversed()))
  }

  @Test func refusals() throws {
    var writer = SafetensorsWriter()
    try writer.add("a", .f32, shape: [1], values: [1])
    expectError(.duplicateKey) { try writer.add("a", shape: [1], integers: [1]) }
    expectError(.duplicateKey) { try writer.add("__metadata__", .f32, shape: [1], values: [1]) }
    expectError(.sizeMismatch) { try writer.add("b", .f32, shape: [2], values: [1]) }
    expectError(.sizeMismatch) { try writer.add("b", .f32, shape: [-1, -1], values: [1]) }
    expectError(.unsupportedElementType) { try writer.add("b", .i32, shape: [1], values: [1]) }
    let folder = try ScratchFolder()
    expectError(.unwritable) { try writer.write(to: folder.path + "/none/file") }
    try writer.write(to: folder.path + "/file")
    #expect(try SHA256.hexDigest(ofFile: folder.path + "/file").count == 64)
  }
}
